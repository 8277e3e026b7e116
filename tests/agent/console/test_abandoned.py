"""Commands that nobody listens to: which they are, and that they are ended."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.console.abandoned import RETRY_S, Abandoned
from galaxy.agent.records import End
from galaxy.agent.steps import Life, Process
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kRpcError

RUNS = Process(Life.RUNNING, 7, 1.0)
OVER = Process(Life.ENDED, 8, 1.0, End())


class Containers:
    """As much of `IContainers` as is asked: a picture, and what is to be ended."""

    def __init__(self, picture: dict[str, dict[str, Process]] | None) -> None:
        self.picture = picture
        self.ends: list[tuple[str, str, str]] = []
        self.answers: list[Deferred[None]] = []

    def end(self, container: str, name: str, grace_s: float, setting: str) -> Deferred[None]:
        """Note it."""
        self.ends.append((container, name, setting))
        self.answers.append(Deferred())
        return self.answers[-1]


class AbandonedTests(SynchronousTestCase):
    """Two containers, and commands in them."""

    def setUp(self) -> None:
        self.containers = Containers(
            {
                "a": {"main.0": RUNS, "exec.1": RUNS, "exec.2": RUNS, "exec.3": OVER},
                "b": {"main.0": RUNS, "exec.4": RUNS},
            }
        )
        self.clock = Clock()
        containers: Any = self.containers
        self.abandoned = Abandoned(containers, lambda: {"exec.2"}, self.clock)

    def ended(self) -> list[str]:
        """The names of those that are to be ended."""
        return [name for _container, name, _setting in self.containers.ends]

    def test_changed(self) -> None:
        """In what changed: those that run, and that nobody hears."""
        self.abandoned.changed(["a", "gone"])
        self.assertEqual(self.containers.ends, [("a", "exec.1", "GALAXY_EXEC=exec.1")])

    def test_whole_picture(self) -> None:
        """Everywhere, and also what is over: it may have left something behind."""
        self.abandoned.changed(None)
        self.assertEqual(self.ended(), ["exec.1", "exec.3", "exec.4"])

    def test_not_known(self) -> None:
        """While it is not known what runs, nothing is ended."""
        self.containers.picture = None
        self.abandoned.changed(None)
        self.assertEqual(self.ended(), [])

    def test_once_at_a_time(self) -> None:
        """What is being ended is not ended again, until it was not ended."""
        for _ in range(2):
            self.abandoned.end("a", "exec.1")
        self.assertEqual(self.ended(), ["exec.1"])
        self.containers.answers[0].errback(GalaxyError(kRpcError, "gce is away"))
        self.clock.advance(RETRY_S)
        self.assertEqual(self.ended(), ["exec.1"] * 2)
        self.containers.answers[1].callback(None)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """An agent that stops leaves them to the next."""
        self.abandoned.stop()
        self.abandoned.changed(None)
        self.abandoned.end("a", "exec.1")
        self.assertEqual(self.ended(), [])
