"""What follows the end of a process."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import End
from galaxy.agent.restarts import (
    LONGEST_DELAY_S,
    QUIET_S,
    Again,
    Finished,
    GivenUp,
    delay_s,
    deploy_verdict,
    verdict,
)
from galaxy.agent.specs import Restart, TaskSpec
from galaxy.agent.steps import Failed


class DelayTests(SynchronousTestCase):
    """The pause before a restart."""

    @settings(deadline=None)
    @given(st.integers(1, 10_000), st.integers())
    def test_bounds(self, streak: int, seed: int) -> None:
        """Safety: within a quarter of what doubling gives, and never beyond a bound."""
        plain = min(LONGEST_DELAY_S, 2.0 ** min(streak - 1, 16))
        delay = delay_s(streak, Random(seed))
        self.assertTrue(0.75 * plain <= delay <= 1.25 * plain)


class VerdictTests(SynchronousTestCase):
    """Restart, finish, or give up."""

    def judge(self, spec: TaskSpec, end: End, streak: int = 0, ran_s: float = 1.0) -> object:
        """The verdict at time 100."""
        return verdict(spec, end, ran_s=ran_s, streak=streak, now=100.0, rng=Random(1))

    def test_bound(self) -> None:
        """So many restarts in a row, and no more."""
        spec = TaskSpec(most_restarts=2)
        self.assertIsInstance(self.judge(spec, End(exit_code=1), streak=1), Again)
        given_up = self.judge(spec, End(exit_code=1), streak=2)
        self.assertEqual(given_up, GivenUp("exited with 1, after 2 restarts in a row"))

    def test_quiet(self) -> None:
        """A long run begins the count anew."""
        again = self.judge(TaskSpec(most_restarts=2), End(exit_code=1), streak=2, ran_s=QUIET_S)
        assert isinstance(again, Again)
        self.assertEqual(again.streak, 1)

    def test_policies(self) -> None:
        """`always` restarts what ended well; the others call it finished."""
        self.assertIsInstance(self.judge(TaskSpec(restart=Restart.ALWAYS), End()), Again)
        for restart in (Restart.ON_FAILURE, Restart.NEVER):
            self.assertEqual(self.judge(TaskSpec(restart=restart), End()), Finished())
        never = self.judge(TaskSpec(restart=Restart.NEVER), End(signal=9))
        self.assertIsInstance(never, GivenUp)

    def test_deploying(self) -> None:
        """A deployment is tried three times, a hopeless one once."""
        slow = Failed("slow")
        self.assertIsInstance(deploy_verdict(slow, tries=2, now=0, rng=Random(1)), Again)
        self.assertEqual(deploy_verdict(slow, tries=3, now=0, rng=Random(1)), GivenUp("slow"))
        wrong = Failed("wrong sum", final=True)
        self.assertEqual(deploy_verdict(wrong, tries=1, now=0, rng=Random(1)), GivenUp("wrong sum"))
