"""The first look at what runs."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.firstsight import FirstSight


class FirstSightTests(SynchronousTestCase):
    """Who asks before it, while it is had, and after."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sight = FirstSight(self.clock)

    def ask(self) -> Deferred[None]:
        """One who waits for three seconds."""
        return Deferred.fromCoroutine(self.sight.had(3.0))

    def test_waits(self) -> None:
        """It is waited for until all was looked at; then for nothing, and no timer is left."""
        waiting = [self.ask(), self.ask()]
        self.sight.come()
        self.assertFalse(self.sight.awaited)
        self.assertNoResult(waiting[0])
        self.sight.look_over()
        for each in [*waiting, self.ask()]:
            self.successResultOf(each)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_looks_in_ignorance(self) -> None:
        """A look while nothing is known is none."""
        waiting = self.ask()
        self.sight.look_over()
        self.assertTrue(self.sight.awaited)
        self.assertNoResult(waiting)
        self.clock.advance(3.0)
        self.successResultOf(waiting)

    def test_hung_up(self) -> None:
        """One who waits no longer is not called."""
        waiting = self.ask()
        waiting.cancel()
        self.failureResultOf(waiting)
        self.sight.come()
        self.sight.look_over()
        self.assertEqual(self.clock.getDelayedCalls(), [])
