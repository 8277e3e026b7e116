"""That the pages and the example settings say what is so."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path
from typing import Any

import click
from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.cli import cli
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


class OperationsTests(SynchronousTestCase):
    """Every page, docs/operations.md first of all."""

    def test_anchors(self) -> None:
        """A link into a page leads to one of its headings."""
        broken = []
        for page in pages():
            for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
                there = (page.parent / target).read_text() if target else page.read_text()
                headings = re.findall(r"(?m)^#+ (.*)$", there)
                if anchor not in {anchor_of(heading) for heading in headings}:
                    broken.append((str(page), target, anchor))
        self.assertEqual(broken, [])

    def test_commands_exist(self) -> None:
        """Each `galaxy ...` that a page names is a command, with the options that it has."""
        absent = []
        count = 0
        for page in pages():
            for line in re.findall(r"(?:`|(?m:^ {4}))galaxy ([a-z][^`\n]*)", page.read_text()):
                for part in re.split(r"[;|#]\s*(?:galaxy )?", line)[:1]:
                    count += 1
                    absent += [(page.name, line, why) for why in lacks(part.split())]
        self.assertEqual((absent, count > 40), ([], True))

    def test_tests_exist(self) -> None:
        """Each test that a page names is in the file that it names before."""
        named = []
        for page in pages():
            for path, tests in re.findall(
                r"`(tests/[a-z_/]+\.py)`((?: `test_\w+`)+)", page.read_text()
            ):
                text = (ROOT / path).read_text()
                named += [
                    (path, test, f"def {test}(" in text) for test in re.findall(r"\w+", tests)
                ]
        self.assertEqual([each for each in named if not each[2]], [])
        self.assertGreater(len(named), 10)


def pages() -> list[Path]:
    """Every page."""
    return [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def anchor_of(heading: str) -> str:
    """What a link to a heading says behind its #."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def lacks(words: list[str]) -> list[str]:
    """Which words of a command line are no command, or no option of it."""
    context = click.Context(cli)
    command: click.Command | None = cli
    found = []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        group, name = command, words.pop(0)
        command = group.get_command(context, name)
        if command is None:
            return [f"{group.name} has no {name}"]
    assert command is not None
    options = {option for each in (*command.params, *cli.params) for option in each.opts}
    options |= {option for each in command.params for option in each.secondary_opts} | {"--help"}
    for word in words:
        if word == "--":
            break
        if re.fullmatch(r"--?[a-z][a-z-]*", word) and word not in options:
            found.append(f"{command.name} has no {word}")
    return found


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


class UnitTests(SynchronousTestCase):
    """etc/systemd."""

    def test_who_is_nobody_in_particular_can_read_the_settings(self) -> None:
        """They may be root's alone: the nexus that they name has a password (docs/running.md)."""
        read = {}
        for path in (ROOT / "etc" / "systemd").glob("*.service"):
            unit = configparser.ConfigParser(strict=False, interpolation=None)
            unit.read_string(path.read_text())
            service = unit["Service"]
            nobody = "DynamicUser" in service
            self.assertEqual("LoadCredential" in service, nobody, path.name)
            read[path.stem] = service["ExecStart"].rpartition(" --config ")[2]
        etc, credential = "/etc/galaxy/galaxy.toml", "${CREDENTIALS_DIRECTORY}/galaxy.toml"
        self.assertEqual(
            read, {"galaxy-master": etc, "galaxy-agent": etc, "galaxy-scheduler": credential}
        )
