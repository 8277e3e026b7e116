"""That twistd finds the daemons, and nothing hides them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python.reflect import namedModule
from twisted.trial.unittest import TestCase

from tests.integration.cluster import run

ROOT = Path(__file__).parents[2]
DAEMONS = ("galaxy-master", "galaxy-agent", "galaxy-scheduler")


class PluginTests(TestCase):
    """The twistd commands."""

    async def test_twistd_lists_them(self) -> None:
        """`twistd --help` names every daemon, from any directory."""
        twistd = str(Path(sys.executable).parent / "twistd")
        ended = await run(twistd, "--help", cwd=Path("/"))
        self.assertEqual([name for name in DAEMONS if name not in ended.out], [])

    def test_nothing_hides_twisted(self) -> None:
        """An __init__.py in twisted/ breaks Twisted; one in twisted/plugins/ hides the plugins."""
        found = [str(path) for path in (ROOT / "twisted").rglob("__init__.py")]
        self.assertEqual(found, [])

    def test_makers(self) -> None:
        """Each names a module with Options and makeService; the options parse."""
        makers: dict[str, Any] = {maker.tapname: maker for maker in getPlugins(IServiceMaker)}
        for name in DAEMONS:
            maker = makers[name]
            module = namedModule(maker.module)
            self.assertIs(maker.options, module.Options)
            self.assertEqual(maker.makeService, module.makeService)
            maker.options().parseOptions([])


class SuiteTests(TestCase):
    """`make test` runs every test there is."""

    async def test_make_names_every_package(self) -> None:
        """Each package of tests is run by `make unit` or `make functional`."""
        ended = await run("make", "-n", "unit", "functional", cwd=ROOT)
        packages = {f"tests.{path.parent.name}" for path in (ROOT / "tests").glob("*/__init__.py")}
        self.assertEqual([name for name in sorted(packages) if name not in ended.out], [])
