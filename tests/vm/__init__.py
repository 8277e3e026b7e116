"""
A small virtual machine with a kernel of its own, for what this host's kernel does not have.

`python -m tests.vm` boots it and runs tests in it; see `tests/vm/__main__.py`.
"""
