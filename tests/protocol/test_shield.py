"""Work that a caller can not interrupt."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.shield import shielded
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status


class ShieldTests(SynchronousTestCase):
    """`shielded` alone."""

    def setUp(self) -> None:
        """Work in two steps."""
        self.step: Deferred[None] = Deferred()
        self.steps: list[str] = []

    async def work(self) -> str:
        """Do one thing, wait, do another."""
        self.steps.append("first")
        await self.step
        self.steps.append("second")
        return "done"

    def test_result(self) -> None:
        """The work begins at once, and its result is the deferred's."""
        waiting = shielded(self.work())
        self.assertEqual(self.steps, ["first"])
        self.step.callback(None)
        self.assertEqual(self.successResultOf(waiting), "done")

    def test_failure(self) -> None:
        """So is its failure."""
        waiting = shielded(self.work())
        self.step.errback(ZeroDivisionError())
        self.failureResultOf(waiting, ZeroDivisionError)

    def test_cancelled(self) -> None:
        """Who waits is told at once; the work goes on to its end."""
        waiting = shielded(self.work())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.step.callback(None)
        self.assertEqual(self.steps, ["first", "second"])

    def test_failure_after_cancellation(self) -> None:
        """A fault is logged, a refusal is not."""
        for error, logged in ((ZeroDivisionError(), 1), (GalaxyError(Status.kQuota, "no"), 0)):
            self.setUp()
            waiting = shielded(self.work())
            waiting.addErrback(lambda _: None)
            waiting.cancel()
            self.step.errback(error)
            self.assertEqual(len(self.flushLoggedErrors(type(error))), logged)
