"""Stories of tasks that are asked how they are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.types_pb2 import HealthCheck, JobDescriptor, kPodRunning
from tests.scenario.cluster import Cluster, Machine
from tests.scenario.jobs import job


def asked_job(replica: int = 2) -> JobDescriptor:
    """A service that is asked on its own port."""
    asked = job(replica=replica)
    port = asked.pod.requirement.ports.add()
    port.name, port.dynamic = "http", True
    check = HealthCheck(http_port="http", interval_s=5.0, grace_s=10.0, failures=3)
    asked.pod.tasks[0].health.CopyFrom(check)
    return asked


class HealthStories(SynchronousTestCase):
    """A service on two machines, that does its work, or does not."""

    def setUp(self) -> None:
        self.cluster = Cluster.started(self, agents=2)
        self.machines = list(self.cluster.machines.values())
        self.job_id = self.cluster.submit(asked_job())
        self.cluster.advance(10)

    def healthy(self) -> int:
        """How many pods of the job are."""
        return sum(pod.healthy for pod in self.cluster.pods(self.job_id))

    def fall_ill(self) -> Machine:
        """Have the tasks of one machine answer nobody any more."""
        machine = next(each for each in self.machines if each.endpoint in self.placed().values())
        machine.probes.ill.update(dict.fromkeys(range(20000, 20010), "connection refused"))
        return machine

    def placed(self) -> dict[int, str]:
        """Where the pods are."""
        return self.cluster.placed(self.job_id)

    def test_check_that_fails_restarts_the_task(self) -> None:
        """The task is started again where it is, with the reason; then all is well."""
        self.assertEqual(self.healthy(), 2)
        before, launches = self.placed(), self.cluster.launches()
        machine = self.fall_ill()
        ill = list(before.values()).count(machine.endpoint)
        self.cluster.advance(11)
        while self.cluster.launches() == launches:
            self.cluster.advance(0.5)
        machine.probes.ill.clear()
        self.cluster.advance(10)
        self.assertEqual((self.healthy(), self.placed()), (2, before))
        self.assertEqual(self.cluster.launches(), launches + ill)

    def test_unhealthy_is_seen(self) -> None:
        """A pod that never passes runs, is not healthy, and says why."""
        self.cluster.kill_job(self.job_id)
        self.cluster.advance(10)
        for machine in self.machines:
            machine.probes.ill.update(dict.fromkeys(range(20000, 20010), "not ready"))
        self.job_id = self.cluster.submit(asked_job(replica=1))
        self.cluster.advance(8)
        (pod,) = self.cluster.pods(self.job_id)
        self.assertEqual((pod.state, pod.healthy), (kPodRunning, False))

    def test_agent_restarts(self) -> None:
        """A mere restart of every agent makes no healthy pod unhealthy, at no moment."""
        for machine in self.machines:
            self.cluster.kill_agent(machine)
            self.cluster.start_agent(machine)
        for _ in range(100):
            self.cluster.advance(0.1)
            self.assertEqual(self.healthy(), 2)
