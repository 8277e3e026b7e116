"""Several schedulers at once, against the real master: they race, and nothing breaks."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job


class SeveralSchedulersTests(SynchronousTestCase):
    """The master disposes; schedulers that were too late look again."""

    def cluster(self, policy: str) -> Cluster:
        """Three schedulers, and eight agents that hold eight pods each."""
        cluster = Cluster.started(self, agents=8, policy=policy)
        for number in (1, 2):
            cluster.start_scheduler(number)
        cluster.advance(1)
        return cluster

    def assert_placed(self, cluster: Cluster, ids: list[str], pods: int) -> None:
        """Safety: no agent holds more than fits. Liveness: everything runs, once."""
        on_agents = Counter(place for one in ids for place in cluster.placed(one).values())
        self.assertEqual(sum(on_agents.values()), pods)
        self.assertLessEqual(max(on_agents.values()), 8)
        self.assertEqual(len(cluster.processes()), pods)

    def test_they_place_everything_once(self) -> None:
        for policy in ("pack", "spread"):
            cluster = self.cluster(policy)
            ids = [cluster.submit(job(f"{policy}-{n}", replica=12)) for n in range(5)]
            cluster.advance(10)
            self.assert_placed(cluster, ids, 60)

    def test_one_that_dies_is_not_missed(self) -> None:
        cluster = self.cluster("pack")
        cluster.kill_scheduler(0)
        ids = [cluster.submit(job("before", replica=12))]
        cluster.kill_scheduler(2)
        ids.append(cluster.submit(job("after", replica=40)))
        cluster.advance(10)
        self.assert_placed(cluster, ids, 52)

    def test_room_that_appears_is_used(self) -> None:
        """What waited for room runs soon after another job went."""
        cluster = self.cluster("pack")
        first = cluster.submit(job("first", replica=64))
        cluster.advance(3)
        second = cluster.submit(job("second", replica=5))
        cluster.advance(3)
        self.assertEqual(cluster.placed(second), {})
        (reason,) = {pod.reason for pod in cluster.pods(second)}
        self.assertIn("8 of 8 agents lack cpu", reason)
        cluster.kill_job(first)
        cluster.advance(5)
        self.assertEqual(len(cluster.placed(second)), 5)
