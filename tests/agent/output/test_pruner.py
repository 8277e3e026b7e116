"""The looks at logs, over and over: what one of them costs the next."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.output.outputs import Output
from galaxy.agent.output.pruner import LOOK_S, Bounds, Pruner

MIB = 1 << 20


class PrunerTests(SynchronousTestCase):
    """With a list of pods that is the test's."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pods: list[Bounds] = []
        self.fault: Exception | None = None
        self.told: list[Failure] = []
        self.pruner = Pruner(self.bounds, maybeDeferred, self.clock)
        self.pruner.start(self.told.append)
        self.addCleanup(self.pruner.stop)

    def bounds(self) -> Iterable[Bounds]:
        """What is to be looked at."""
        if self.fault is not None:
            raise self.fault
        return self.pods

    def test_fault(self) -> None:
        """A fault of ours ends the looks, and somebody is told."""
        self.fault = ZeroDivisionError("ours")
        self.clock.advance(LOOK_S)
        self.assertEqual([failure.getErrorMessage() for failure in self.told], ["ours"])

    def test_unreadable(self) -> None:
        """A directory that cannot be read costs neither the others nor the next look anything."""
        directory = Path(self.mktemp())
        directory.mkdir()
        no_directory = directory / "file"
        no_directory.touch()
        self.pods = [Bounds(no_directory, {0: MIB}), Bounds(directory, {0: MIB})]
        logs = [directory / Output(0, 1, f"main.{attempt}", False).name for attempt in (0, 1, 2)]
        for log in logs:
            log.write_bytes(b"x" * MIB)
            self.clock.advance(LOOK_S)
        self.assertEqual(([log.exists() for log in logs], self.told), ([False, True, True], []))

    def test_stopped(self) -> None:
        """To be stopped is no fault."""
        self.pruner.stop()
        self.assertEqual((self.told, self.clock.getDelayedCalls()), ([], []))
