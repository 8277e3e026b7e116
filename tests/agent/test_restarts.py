"""What follows the end of a process."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import End
from galaxy.agent.restarts import (
    LONGEST_DELAY_S,
    MOST_RESTARTS,
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

    def judge(
        self,
        spec: TaskSpec,
        end: End,
        *,
        restarts: int = 0,
        streak: int = 0,
        ran_s: float = 1.0,
    ) -> object:
        """The verdict at time 100."""
        return verdict(
            spec, end, ran_s=ran_s, restarts=restarts, streak=streak, now=100.0, rng=Random(1)
        )

    def test_bound(self) -> None:
        """What is to run always has so many restarts in a row, and no more, on one machine."""
        spec = TaskSpec()
        below = self.judge(spec, End(exit_code=1), streak=MOST_RESTARTS - 1)
        self.assertIsInstance(below, Again)
        given_up = self.judge(spec, End(exit_code=1), streak=MOST_RESTARTS)
        self.assertEqual(given_up, GivenUp("exited with 1, after 10 restarts in a row"))

    def test_retries(self) -> None:
        """Retries are counted for good: a quiet time gives none back."""
        spec = TaskSpec(restart=Restart.ON_FAILURE, retries=2)
        self.assertIsInstance(self.judge(spec, End(exit_code=1), restarts=1, streak=1), Again)
        given_up = self.judge(spec, End(exit_code=1), restarts=2, ran_s=QUIET_S)
        self.assertEqual(given_up, GivenUp("exited with 1, after 2 of 2 retries"))
        at_once = self.judge(TaskSpec(restart=Restart.ON_FAILURE), End(exit_code=1))
        self.assertEqual(at_once, GivenUp("exited with 1"))

    def test_more_retries_than_restarts(self) -> None:
        """All retries that a job has are made, also in a row."""
        spec = TaskSpec(restart=Restart.ON_FAILURE, retries=50)
        again = self.judge(spec, End(exit_code=1), restarts=49, streak=49)
        self.assertIsInstance(again, Again)

    def test_quiet(self) -> None:
        """A long run begins the count anew."""
        again = self.judge(TaskSpec(), End(exit_code=1), streak=MOST_RESTARTS, ran_s=QUIET_S)
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
