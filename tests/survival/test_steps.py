"""What is a step, and what is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.gce.engines import ENVIRONMENT
from tests.survival import steps

WATCHED = """
import os, sys
from pathlib import Path
from tests.survival.steps import install
here = Path(sys.argv[1])
install(here, "somebody")
os.getpid(); os.listdir("."); (here / "order").read_text()
(here / "made").mkdir()
os.write(os.open(here / "file", os.O_WRONLY | os.O_CREAT), b"x")
if os.fork() == 0:
    os.rmdir(here / "made")
    os._exit(0)
os.wait()
"""


class StepTests(SynchronousTestCase):
    """A process that is told of."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        for name in (steps.REACHED, steps.GO):
            os.mkfifo(self.directory / name)
        self.reached = os.open(self.directory / steps.REACHED, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, self.reached)
        self.go = os.open(self.directory / steps.GO, os.O_RDWR)
        self.addCleanup(os.close, self.go)

    def watch(self, step: str, count: int = 0) -> list[str]:
        """Run it under an order; what it told, as "STEP COUNT" by the name of the call."""
        steps.write_order(self.directory, 1, step, count, "nobody")
        os.write(self.go, b"!")
        subprocess.run(
            [sys.executable, "-c", WATCHED, str(self.directory)], env=ENVIRONMENT, check=True
        )
        try:
            told = os.read(self.reached, 1 << 16).decode()
        except BlockingIOError:
            return []
        lines = (line.split("\t") for line in told.splitlines())
        return [f"{line[-2].rpartition(' ')[2]} {line[-1]}" for line in lines]

    def test_what_changes_something(self) -> None:
        """All that does, in the process and in what it forks; nothing that only looks."""
        told = self.watch(steps.EVERY)
        # Both ends of a fork return from it, in either order.
        self.assertCountEqual(told, ["mkdir 1", "open 1", "write 1", "fork 1", "fork 1", "rmdir 1"])

    def test_one_step(self) -> None:
        """It is told of once, when it is reached so often."""
        self.assertEqual(self.watch("somebody <string>:11 <module> rmdir", 1), ["rmdir 1"])

    def test_no_order(self) -> None:
        """Nothing is told of."""
        self.assertEqual(self.watch(""), [])
