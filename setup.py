"""Only what pyproject.toml cannot say: the twistd plugins are packaged beside galaxy/."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["galaxy", "galaxy.*"]), "twisted.plugins"],
    package_data={"galaxy.protocol": ["*.proto", "*.pyi"], "galaxy": ["py.typed"]},
)
