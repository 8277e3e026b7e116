"""That the pages and the example settings say what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from galaxy.settings import Settings, read_settings

ROOT = Path(__file__).parents[1]


class ArchitectureTests(SynchronousTestCase):
    """docs/architecture.md."""

    def test_files_exist(self) -> None:
        """Every Python file that the page names is there."""
        page = (ROOT / "docs" / "architecture.md").read_text()
        named = set(re.findall(r"[a-z_0-9/]+\.py\b", page))
        files = [*ROOT.glob("galaxy/**/*.py"), *ROOT.glob("tests/**/*.py")]
        there = {str(path.relative_to(ROOT)) for path in files}
        absent = [
            name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)
        ]
        self.assertEqual((absent, len(named) > 30), ([], True))

    def test_links(self) -> None:
        """Every page that a page links to is there."""
        pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
        links = [
            (page, target)
            for page in pages
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        ]
        broken = [
            (str(page), target) for page, target in links if not (page.parent / target).exists()
        ]
        self.assertEqual(broken, [])


class ExampleSettingsTests(SynchronousTestCase):
    """etc/galaxy.toml."""

    def test_every_setting_with_its_default(self) -> None:
        """The file names every setting, and those it does not have to choose at their defaults."""
        path = ROOT / "etc" / "galaxy.toml"
        said: dict[str, Any] = tomllib.loads(path.read_text())
        self.assertEqual(_names(said), _names(asdict(Settings())))
        default = Settings()
        settings = read_settings(path)
        self.assertEqual(settings.master, default.master)
        self.assertEqual(settings.scheduler, default.scheduler)
        chosen = asdict(settings.agent) | {"data_dir": default.agent.data_dir}
        self.assertEqual(chosen, asdict(default.agent))


def _names(table: dict[str, Any]) -> set[str]:
    inner = {
        f"{key}.{name}"
        for key, value in table.items()
        if isinstance(value, dict)
        for name in _names(value)
    }
    return set(table) | inner
