"""What machines refuse: for how long, of what, and what makes them be asked anew."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.jobs import Job
from galaxy.master.moves import Rooms
from galaxy.master.refusals import LONGEST_S, note, refusal, refusals
from tests.master.examples import NOW, descriptor, machine, picture, placed, submitted

WHY = "tasks without a box are not run here"


class RefusalTests(SynchronousTestCase):
    """Two machines, two jobs."""

    def setUp(self) -> None:
        cluster = self.cluster = picture()
        self.a, self.b = machine(cluster, "a:1"), machine(cluster, "b:1")
        self.job, self.other = submitted(cluster), submitted(cluster, descriptor("other"))
        self.version = self.job.latest

    def placed(self, job: Job, now: float) -> int:
        """How many pods of a job the machine is given."""
        return placed(self.cluster, job, self.a, 1, now).accepted

    def waits(self, now: float) -> float:
        """For how long the machine is not asked; it refused now."""
        note(self.version, self.a, WHY, now)
        there = refusal(self.version, self.a, now)
        assert there is not None
        return there.until - now

    def test_one_machine_one_version(self) -> None:
        """Other machines are asked for it, and that machine for others."""
        note(self.version, self.a, WHY, NOW)
        self.assertEqual([agent for agent, _ in refusals(self.version, NOW)], [self.a])
        self.assertIsNone(refusal(self.version, self.b, NOW))
        self.assertEqual(list(refusals(self.other.latest, NOW)), [])
        self.assertEqual((self.placed(self.job, NOW), self.placed(self.other, NOW)), (0, 1))
        self.assertEqual(self.placed(self.job, NOW + 1), 1)

    def test_in_place(self) -> None:
        """A machine does not take a pod over as a version that it refuses."""
        self.placed(self.job, NOW)
        pod = next(iter(self.a.pods))
        self.assertIs(Rooms(NOW).takes_over(pod, self.version), True)
        note(self.version, self.a, WHY, NOW)
        self.assertIs(Rooms(NOW).takes_over(pod, self.version), False)

    def test_doubled(self) -> None:
        """Each refusal in a row doubles the time, up to a bound."""
        now, waits = NOW, []
        for _ in range(8):
            waits.append(self.waits(now))
            now += waits[-1]
        self.assertEqual(waits, [1, 2, 4, 8, 16, LONGEST_S, LONGEST_S, LONGEST_S])

    def test_at_once(self) -> None:
        """Many pods refused together are one refusal."""
        for _ in range(100):
            wait_s = self.waits(NOW)
        self.assertEqual(wait_s, 1)

    def test_over(self) -> None:
        """Its time over, it is asked; what was long ago does not count."""
        wait_s = self.waits(NOW)
        self.assertIsNone(refusal(self.version, self.a, NOW + wait_s))
        self.assertEqual(self.waits(NOW + 10_000), 1)

    def test_begun_anew(self) -> None:
        """Another run of the agent is asked at once, and as if for the first time."""
        self.waits(NOW)
        self.waits(NOW + 1)
        self.a.instance = "another"
        self.assertIsNone(refusal(self.version, self.a, NOW + 1))
        self.assertEqual(self.waits(NOW + 1), 1)
