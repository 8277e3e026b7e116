"""When a task is checked, and what its checks say of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.health import HURRY_S, Checks, HealthSpec, Kind, judged, noted

SPEC = HealthSpec(Kind.TCP, "http", interval_s=5.0, grace_s=30.0, failures=3)


def after(outcomes: str, *, began_s: float = 0.0) -> Checks:
    """What is known after these outcomes, one each second: "." passed, "x" failed."""
    checks = Checks()
    for second, outcome in enumerate(outcomes):
        failure = "refused" if outcome == "x" else ""
        checks = noted(checks, SPEC, failure, started=0.0, now=began_s + second)
    return checks


class JudgementTests(SynchronousTestCase):
    """Healthy, or to be restarted, or neither."""

    def test_table(self) -> None:
        """What follows from what was seen, within the grace and after it."""
        for outcomes, began_s, healthy, restart in (
            ("", 0, False, False),
            (".", 0, True, False),
            ("xxxxxx", 0, False, False),  # grace
            ("xx.", 0, True, False),
            (".xx", 0, True, False),  # two are not three
            (".xxx", 0, False, True),  # it has passed: grace is over
            (".xx.xx", 0, True, False),  # not in a row
            ("xx", 30, False, False),
            ("xxx", 30, False, True),
        ):
            judgement = judged(after(outcomes, began_s=began_s), SPEC, phase=0.5, now=100.0)
            self.assertEqual(
                (judgement.healthy, bool(judgement.restart)), (healthy, restart), outcomes
            )

    def test_sentence(self) -> None:
        """A restart is given its reason: how often, and how the last check failed."""
        judgement = judged(after(".xxx"), SPEC, phase=0.0, now=0.0)
        self.assertEqual(judgement.restart, "failed its health check 3 times in a row: refused")

    @settings(deadline=None)
    @given(st.text("x.", max_size=30), st.floats(0, 100))
    def test_never_both(self, outcomes: str, began_s: float) -> None:
        """Safety: what is healthy is not restarted; what never failed is not restarted."""
        judgement = judged(after(outcomes, began_s=began_s), SPEC, phase=0.0, now=0.0)
        self.assertFalse(judgement.healthy and judgement.restart)
        if "x" not in outcomes:
            self.assertEqual(judgement.restart, "")


class TurnTests(SynchronousTestCase):
    """When a task is asked next."""

    @settings(deadline=None)
    @given(st.floats(0, 1, exclude_max=True), st.floats(0, 2e9), st.booleans())
    def test_soon(self, phase: float, now: float, passed: bool) -> None:
        """Liveness: later than now, and within the interval; in a hurry until it has passed."""
        every_s = SPEC.interval_s if passed else HURRY_S
        turn = judged(Checks(passed=passed), SPEC, phase=phase, now=now).next_check_at
        self.assertGreater(turn, now)
        self.assertLessEqual(turn - now, every_s + 1e-3)

    def test_spread(self) -> None:
        """A thousand tasks that are looked at in one moment are asked in a thousand others."""
        turns = [
            judged(Checks(passed=True), SPEC, phase=each / 1000, now=77.0).next_check_at
            for each in range(1000)
        ]
        self.assertEqual(len({round(turn, 6) for turn in turns}), 1000)

    def test_steady(self) -> None:
        """From one turn to the next it is an interval, however long the check took."""
        first = judged(Checks(passed=True), SPEC, phase=0.3, now=100.0).next_check_at
        second = judged(Checks(passed=True), SPEC, phase=0.3, now=first + 1.7).next_check_at
        self.assertAlmostEqual(second - first, SPEC.interval_s)
