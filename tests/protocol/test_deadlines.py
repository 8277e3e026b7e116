"""Which call has had its time."""

from __future__ import annotations

from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.deadlines import Deadlines


@define(eq=False)
class Timed:
    """A call."""

    when: float
    open: bool = True


class DeadlinesTests(SynchronousTestCase):
    """The heap alone."""

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 100), st.booleans())), st.integers(0, 100))
    def test_expired_are_open_and_due(self, plan: list[tuple[int, bool]], now: int) -> None:
        """Safety: exactly the open ones whose time has come, the earliest first, once."""
        deadlines: Deadlines[Timed] = Deadlines()
        calls = [Timed(when, is_open) for when, is_open in plan]
        for call in calls:
            deadlines.add(call.when, call)
        due = sorted(call.when for call in calls if call.open and call.when <= now)
        self.assertEqual([call.when for call in deadlines.expired(now)], due)
        self.assertEqual(deadlines.expired(now), [])
        later = [call.when for call in calls if call.open and call.when > now]
        self.assertEqual(deadlines.next(), min(later, default=None))

    def test_ended_calls_do_not_pile_up(self) -> None:
        """A hundred thousand calls that ended early leave a small heap."""
        deadlines: Deadlines[Timed] = Deadlines()
        for number in range(100_000):
            call = Timed(1000.0 + number)
            deadlines.add(call.when, call)
            call.open = False
        self.assertLess(len(deadlines), 5000)
