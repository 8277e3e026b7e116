"""What is left to be read of pods that are gone."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.memory_machine import Behaviour
from galaxy.gce.record import ProcessId, Spec
from galaxy.protocol.agent_pb2 import ReadLogRequest
from galaxy.protocol.master_pb2 import PodOverview, ShowPodRequest, WatchEventsRequest
from galaxy.protocol.services import AgentStub, MasterStub
from galaxy.protocol.types_pb2 import kBatch, kPodError, kPodFinish
from galaxy.protocol.wire_pb2 import Hello
from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job


def talkative(process: ProcessId, spec: Spec) -> Behaviour:
    """Each process says who it is; index 1 fails, and says why."""
    with open(spec.stdout, "ab") as out:
        out.write(f"i am {process.container}\n".encode())
    fails = process.container.endswith(".1.1.0")
    if fails:
        with open(spec.stderr, "ab") as err:
            err.write(b"no such table\n")
    return Behaviour(run_s=1.0, exit_code=3 if fails else 0)


class RemainsStories(SynchronousTestCase):
    """`galaxy logs`, `pods --dead` and `events` of what has ended."""

    def dead(self, cluster: Cluster, job_id: str = "", pod_id: str = "") -> list[PodOverview]:
        """What is told of pods that are gone."""
        request = ShowPodRequest(dead=True, job_id=job_id, pod_id=pod_id)
        answer = cluster.ask(lambda master: master.show_pod(request))
        return [pod for pod in answer.pods if pod.dead]

    def log(self, cluster: Cluster, pod: PodOverview) -> bytes:
        """What it wrote, from the agent that keeps it."""

        async def read() -> bytes:
            hello = Hello(role="client", name="tester")
            agent = AgentStub(await cluster.network.dial(pod.endpoint, hello))
            async with aclosing(agent.read_log(ReadLogRequest(pod_id=pod.pod_id))) as chunks:
                return b"".join([chunk.data async for chunk in chunks])

        reading = Deferred.fromCoroutine(read())
        cluster.advance(1)
        found: bytes = self.successResultOf(reading)
        return found

    def test_a_batch_that_ended(self) -> None:
        """Its indexes are gone, and all that they wrote is there, whoever dies meanwhile."""
        cluster = Cluster.started(self, behave=talkative)
        job_id = cluster.submit(job(replica=3, kind=kBatch))
        cluster.advance(10)
        self.assertEqual(cluster.pods(job_id), [])
        for befall in (self.nothing, self.master_dies, self.agents_die, self.job_is_killed):
            befall(cluster, job_id)
            found = self.dead(cluster, job_id="web")
            self.assertEqual([pod.index for pod in found], [0, 1, 2], befall)
            self.assertEqual(
                [pod.state for pod in found], [kPodFinish, kPodError, kPodFinish], befall
            )
            for pod in found:
                (task,) = pod.status.tasks
                failed = pod.index == 1
                self.assertEqual(task.exit_code, 3 if failed else 0)
                self.assertEqual(list(task.said), ["no such table"] if failed else [])
                said = f"i am {pod.pod_id}.{pod.incarnation}.0\n"
                self.assertEqual(self.log(cluster, pod), said.encode())
        (one,) = self.dead(cluster, pod_id=f"{job_id}.2")
        self.assertEqual(one.index, 2)

    def nothing(self, cluster: Cluster, job_id: str) -> None:
        """All goes on as it was."""

    def master_dies(self, cluster: Cluster, job_id: str) -> None:
        """Another takes over, which only knows what the agents tell."""
        cluster.kill_master()
        cluster.start_master(1)
        cluster.advance(20)

    def agents_die(self, cluster: Cluster, job_id: str) -> None:
        """And come back."""
        for machine in cluster.machines.values():
            cluster.kill_agent(machine)
            cluster.start_agent(machine)
        cluster.advance(5)

    def job_is_killed(self, cluster: Cluster, job_id: str) -> None:
        """The master knows it no more."""
        cluster.kill_job(job_id)
        cluster.advance(3)
        self.assertEqual(cluster.jobs(), [])

    def test_brief(self) -> None:
        """Who only wants to know where to read is answered without any agent being asked."""
        cluster = Cluster.started(self, behave=talkative)
        job_id = cluster.submit(job(replica=2, kind=kBatch))
        cluster.advance(10)
        for machine in cluster.machines.values():
            cluster.kill_agent(machine)
        request = ShowPodRequest(job_id=job_id, dead=True, brief=True)
        answer = cluster.ask(lambda master: master.show_pod(request))
        self.assertEqual(list(answer.silent_agents), [])
        self.assertEqual([pod.index for pod in answer.pods], [0, 1])
        self.assertTrue(all(pod.endpoint for pod in answer.pods))

    def test_evidence_in_the_event(self) -> None:
        """The event of a task that failed has what it said."""
        cluster = Cluster.started(self, behave=talkative)
        job_id = cluster.submit(job(replica=2, kind=kBatch))
        cluster.advance(10)

        async def read(master: MasterStub) -> list[Any]:
            request = WatchEventsRequest(job_id=job_id)
            return [event async for item in master.watch_events(request) for event in item.events]

        told = cluster.ask(lambda master: Deferred.fromCoroutine(read(master)))
        (event,) = [event for event in told if event.kind == "task"]
        self.assertEqual((event.level, list(event.said)), ("error", ["no such table"]))
