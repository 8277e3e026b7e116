"""`twistd galaxy-agent`: options, parts, and a decent refusal to start."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from twisted.application.service import MultiService
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.agent import Agent
from galaxy.agent.tap import Options, makeService
from tests.refusals import refusal

GIB = 1 << 30


def options(*arguments: str) -> Options:
    """The options of a command line."""
    parsed = Options()
    parsed.parseOptions(list(arguments))
    return parsed


class OptionTests(SynchronousTestCase):
    """Flags over the settings file."""

    def test_flags(self) -> None:
        """Each flag sets what it says."""
        agent = options(
            *("--endpoint", "10.0.0.1:1", "--data-dir", "/d", "--millicores", "500"),
            *("--memory", "2G", "--dynamic-ports", "1000-2000", "--default-user", "ann"),
            *("--cgroup", "mine", "--label", "ssd", "--label", "rack-1"),
        ).agent
        self.assertEqual((agent.endpoint, agent.data_dir), ("10.0.0.1:1", "/d"))
        self.assertEqual((agent.millicores, agent.memory_bytes), (500, 2 * GIB))
        self.assertEqual((agent.dynamic_ports, agent.default_user), ("1000-2000", "ann"))
        self.assertEqual((agent.cgroup, agent.labels), ("mine", ("ssd", "rack-1")))

    def test_file(self) -> None:
        """What no flag says the file says."""
        path = Path(self.mktemp())
        path.write_text('[agent]\nmillicores = 700\nlabels = ["hdd"]\nendpoint = "a:1"\n')
        agent = options("--config", str(path), "--endpoint", "b:2").agent
        self.assertEqual((agent.millicores, agent.labels), (700, ("hdd",)))
        self.assertEqual(agent.endpoint, "b:2")

    def test_masters(self) -> None:
        """Masters may be repeated, or joined by commas."""
        parsed = options("--master", "a:1,b:2", "-m", "c:3")
        self.assertEqual(parsed.masters, ["a:1", "b:2", "c:3"])

    def test_mistakes(self) -> None:
        """A wrong size or range is refused in a sentence that quotes it."""
        for flag, value in (
            ("--memory", "much"),
            ("--dynamic-ports", "9-1"),
            ("--millicores", "x"),
        ):
            self.assertIn(value, refusal(partial(options, flag, value)))


GIVEN = ("--master", "127.0.0.1:1", "--default-user", "nobody")


class StartTests(SynchronousTestCase):
    """The parts."""

    def refusal(self, *arguments: str) -> str:
        """What is said on stderr when the daemon leaves with status 78."""
        return refusal(lambda: makeService(options(*GIVEN, *arguments)))

    def test_parts(self) -> None:
        """The agent is among the parts, by name."""
        service = makeService(options(*GIVEN, "--data-dir", self.short()))
        assert isinstance(service, MultiService)
        self.assertIsInstance(service.getServiceNamed("agent"), Agent)

    def short(self) -> str:
        """A directory whose path is short enough for a socket in it."""
        directory = tempfile.mkdtemp(prefix="galaxy-")
        self.addCleanup(shutil.rmtree, directory)
        return directory

    def test_no_directory(self) -> None:
        """A data directory that cannot be one is named."""
        file = Path(self.mktemp())
        file.write_text("a file")
        self.assertIn(str(file), self.refusal("--data-dir", str(file / "data")))

    def test_long_socket(self) -> None:
        """A path too long for a socket is refused with the way out."""
        long = str(Path(self.short()) / ("x" * 100))
        self.assertIn("--gce-socket", self.refusal("--data-dir", long))

    def test_nothing_left(self) -> None:
        """A reserve that leaves nothing is refused with the numbers."""
        path = Path(self.mktemp())
        path.write_text("[agent]\nreserve_millicores = 100000000\n")
        told = self.refusal("--config", str(path), "--data-dir", self.short())
        self.assertIn("100000000 millicores", told)

    def test_no_account(self) -> None:
        """As root, an account that is missing is named, and how to make it."""
        arguments = ("--data-dir", self.short(), "--default-user", "no-such-account")
        self.assertIn("useradd --system --no-create-home no-such", self.refusal(*arguments))

    if os.geteuid() != 0:
        test_no_account.skip = "others run tasks as themselves"  # type: ignore[attr-defined]
