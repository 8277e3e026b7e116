"""How long a slot that failed waits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.backoff import FORGOTTEN_S, LONGEST_S, Setback, longest_wait_s, setback

NOW = 1000.0


class BackoffTests(SynchronousTestCase):
    """Galaxy 2 had no back-off, and its counters never decayed (§12.4, 20)."""

    def test_each_failure_doubles_the_wait_up_to_five_minutes(self) -> None:
        waits = [longest_wait_s(count) for count in (1, 2, 3, 8, 9, 10, 1000)]
        self.assertEqual(waits, [1, 2, 4, 128, 256, 300, 300])

    def test_a_pod_that_ran_for_long_makes_earlier_failures_forgotten(self) -> None:
        before = Setback(7, NOW)
        later = NOW + FORGOTTEN_S
        self.assertEqual(setback(before, "web_1.0", NOW, later).count, 1)
        self.assertEqual(setback(before, "web_1.0", NOW + 1, later).count, 8)

    def test_slots_that_failed_together_do_not_come_back_together(self) -> None:
        waits = {setback(Setback(5, 0.0), f"web_1.{n}", NOW, NOW).until for n in range(100)}
        self.assertGreater(len(waits), 90)

    @settings(deadline=None)
    @given(count=st.integers(0, 10_000), index=st.integers(0, 1 << 20))
    def test_a_wait_is_between_half_of_the_longest_and_all_of_it(
        self, count: int, index: int
    ) -> None:
        """Liveness: no slot waits for ever. And the same history gives the same wait."""
        before = Setback(count, 0.0) if count else None
        noted = setback(before, f"web_1.{index}", NOW, NOW)
        longest = longest_wait_s(noted.count)
        self.assertLessEqual(longest / 2, noted.until - NOW)
        self.assertLessEqual(noted.until - NOW, longest)
        self.assertLessEqual(longest, LONGEST_S)
        self.assertEqual(noted, setback(before, f"web_1.{index}", NOW, NOW))
