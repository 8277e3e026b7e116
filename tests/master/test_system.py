"""Which machines are the homes of a kSystem job."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.system import find_homes, settle_home
from galaxy.protocol.types_pb2 import AgentFacts, Resource, kStageRemoved, kStageRunning, kSystem
from tests.master.examples import NOW, descriptor, facts, machine, picture, placed, submitted
from tests.master.test_pods import check_counts


class HomeTests(SynchronousTestCase):
    """One machine for each reason."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agent = machine(self.cluster, said=facts(labels=["ssd"]))
        asked = descriptor("log", type=kSystem, replica=0, labels=["ssd"], require_isolation=True)
        self.job = submitted(self.cluster, asked)
        find_homes(self.job, self.cluster.fleet)
        self.cluster.journal.jobs[self.job] = None
        self.cluster.settle(NOW)

    def test_a_machine_that_matches_is_one(self) -> None:
        self.assertEqual((self.job.homes, self.job.replica), ({self.agent}, 1))
        self.assertEqual(len(self.job.pods), 1)

    def test_one_that_lacks_a_label_or_isolation_is_none(self) -> None:
        machine(self.cluster, "b:1")
        total = Resource(millicores=1000, memory=1 << 30)
        bare = AgentFacts(total=total, labels=["ssd"], isolation="none")
        machine(self.cluster, "c:1", said=bare)
        self.assertEqual(self.job.homes, {self.agent})

    def test_an_agent_that_has_just_begun_keeps_its_pod(self) -> None:
        """It does not know yet how it isolates: its container engine has not answered."""
        placed(self.cluster, self.job, self.agent, 1)
        (pod,) = self.agent.pods
        for isolation, stage in (("", kStageRunning), ("cgroup-v1", kStageRunning),
                                 ("none", kStageRemoved)):  # fmt: skip
            said = facts(labels=["ssd"])
            said.isolation = isolation
            self.cluster.fleet.learn(self.cluster.journal, self.agent, said, 0.0)
            self.cluster.settle(NOW)
            self.assertEqual(pod.stage, stage, isolation)

    def test_one_that_has_not_reported_is_none_yet(self) -> None:
        """It may have its pod already."""
        self.agent.instance = ""
        self.assertTrue(settle_home(self.job, self.agent))
        self.assertEqual(self.job.replica, 0)
        self.assertFalse(settle_home(self.job, self.agent))

    def test_there_is_never_more_than_one_on_a_machine(self) -> None:
        machine(self.cluster, "b:1", said=facts(labels=["ssd"]))
        self.assertEqual(placed(self.cluster, self.job, self.agent, 2).accepted, 1)

    def test_a_pod_on_a_machine_that_is_a_home_no_more_is_stopped(self) -> None:
        """That very one, though as many are wanted as before."""
        placed(self.cluster, self.job, self.agent, 1)
        (pod,) = self.agent.pods
        self.cluster.fleet.learn(self.cluster.journal, self.agent, facts(), 0.0)
        other = machine(self.cluster, "b:1", said=facts(labels=["ssd"]))
        self.assertEqual(self.job.homes, {other})
        self.assertEqual(pod.stage, kStageRemoved)
        self.assertEqual(placed(self.cluster, self.job, other, 1).accepted, 1)
        check_counts(self, self.cluster)
