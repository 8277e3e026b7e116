"""Pods that a machine does not take, though nothing that is known of it speaks against them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.users import Users
from galaxy.protocol.master_pb2 import ExplainRequest
from galaxy.protocol.types_pb2 import JobDescriptor
from tests.scenario.cluster import Cluster, Machine
from tests.scenario.jobs import job


class BoxesOnly(Users):
    """Of a machine that runs no tasks without a box. It counts how often it is asked to."""

    asked = 0

    def task_user(self, job_user: str, *, boxed: bool = True) -> str | None:
        """Nobody, without a box."""
        if boxed:
            return ""
        BoxesOnly.asked += 1
        return None


def boxed(name: str) -> JobDescriptor:
    """A job of one pod whose tasks want a box."""
    asked = job(name, replica=1, millicores=100)
    asked.pod.namespace_isolation = True
    return asked


def unboxed(replica: int = 1) -> JobDescriptor:
    """A job whose tasks want none."""
    return job("bare", replica=replica)


class RefusalTests(SynchronousTestCase):
    """Machines of which some run tasks in boxes only, which no fact tells of."""

    def setUp(self) -> None:
        BoxesOnly.asked = 0

    def cluster(self, machines: int) -> tuple[Cluster, Machine]:
        """So many machines; the first runs tasks in boxes only."""
        cluster = Cluster.started(self, agents=machines)
        first = next(iter(cluster.machines.values()))
        self.begin_anew(cluster, first, BoxesOnly(1000))
        return cluster, first

    def begin_anew(self, cluster: Cluster, machine: Machine, users: Users) -> None:
        """Restart its agent with other settings."""
        cluster.kill_agent(machine)
        machine.users = users
        cluster.start_agent(machine)
        cluster.advance(3)

    def why(self, cluster: Cluster, target: str) -> str:
        """As `galaxy why`."""
        return cluster.ask(lambda master: master.explain(ExplainRequest(target=target))).sentence

    def test_another_machine_takes_it(self) -> None:
        """What one machine refuses goes to another, all of it, after one question."""
        cluster, first = self.cluster(2)
        job_id = cluster.submit(unboxed(replica=4))
        cluster.advance(3)
        (elsewhere,) = set(cluster.placed(job_id).values())
        self.assertNotEqual(elsewhere, first.endpoint)
        self.assertEqual(len(cluster.placed(job_id)), 4)
        self.assertLessEqual(BoxesOnly.asked, 4)

    def test_others_do_not_wait(self) -> None:
        """What a machine refuses for ever costs nobody else anything, however long it lasts."""
        cluster, first = self.cluster(1)
        bare = cluster.submit(unboxed())
        for number in range(5):
            cluster.advance(7.3)
            other = cluster.submit(boxed(f"web-{number}"))
            cluster.advance(0.5)
            self.assertEqual(cluster.placed(other), {0: first.endpoint})
        self.assertEqual(cluster.placed(bare), {})

    def test_seldom_asked(self) -> None:
        """It is asked again ever more rarely, and at least every half minute."""
        cluster, _first = self.cluster(1)
        cluster.submit(unboxed())
        cluster.advance(33)
        self.assertTrue(4 <= BoxesOnly.asked <= 6, BoxesOnly.asked)
        cluster.advance(300)
        self.assertTrue(13 <= BoxesOnly.asked <= 17, BoxesOnly.asked)

    def test_why(self) -> None:
        """People read who refused it, and what it said."""
        cluster, _first = self.cluster(2)
        self.begin_anew(cluster, cluster.machines["10.0.0.2:8221"], BoxesOnly(1000))
        job_id = cluster.submit(unboxed())
        cluster.advance(3)
        for target in ("bare", f"{job_id}.0"):
            told = self.why(cluster, target)
            self.assertIn("2 of 2 agents refused one of these a moment ago", told)
            self.assertIn("agent.unboxed_user names no account", told)
        (pod,) = cluster.pods(job_id)
        self.assertRegex(pod.reason, "agent 10.0.0.[12]:8221 refused it: the job asks for no box")

    def test_asked_anew(self) -> None:
        """An agent that began anew, with other settings, is asked at once."""
        cluster, first = self.cluster(1)
        job_id = cluster.submit(unboxed())
        cluster.advance(35)
        self.begin_anew(cluster, first, Users(1000))
        self.assertEqual(cluster.placed(job_id), {0: first.endpoint})
