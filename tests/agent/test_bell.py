"""A bell: wait until it rings, or for a time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.bell import Bell


class BellTests(SynchronousTestCase):
    """One who waits."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.bell = Bell(self.clock)

    def wait(self) -> Deferred[bool]:
        """Wait for at most five seconds."""
        return Deferred.fromCoroutine(self.bell.wait(5.0))

    def test_rings(self) -> None:
        """Ringing ends the wait, and the timer with it."""
        waiting = self.wait()
        self.bell.ring()
        self.assertTrue(self.successResultOf(waiting))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """After the time the wait ends without a ring."""
        waiting = self.wait()
        self.clock.advance(5.0)
        self.assertFalse(self.successResultOf(waiting))

    def test_rung_before(self) -> None:
        """Rung while nobody waited, it is heard by the next who does, once."""
        self.bell.ring()
        self.bell.ring()
        self.assertTrue(self.successResultOf(self.wait()))
        self.assertNoResult(waiting := self.wait())
        self.bell.ring()
        self.successResultOf(waiting)

    def test_forgotten(self) -> None:
        """A ring can be forgotten."""
        self.bell.ring()
        self.bell.silence()
        waiting = self.wait()
        self.assertNoResult(waiting)
        self.bell.ring()
        self.successResultOf(waiting)

    def test_cancelled(self) -> None:
        """Whoever no longer waits leaves no timer."""
        waiting = self.wait()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
