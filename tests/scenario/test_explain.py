"""`galaxy why`: one sentence that a person can act upon."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.wellness import Reading
from galaxy.gce.memory_machine import Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.protocol.master_pb2 import (
    ExplainRequest,
    ExplainResponse,
    OfflineAgentRequest,
    UpdateJobRequest,
)
from galaxy.protocol.types_pb2 import kBatch
from tests.scenario.cluster import GIB, Cluster
from tests.scenario.jobs import job


def why(cluster: Cluster, target: str) -> ExplainResponse:
    """As `galaxy why TARGET`."""
    return cluster.ask(lambda master: master.explain(ExplainRequest(target=target)))


class ExplainTests(SynchronousTestCase):
    """Why something does not run, or that it does."""

    def test_too_much_memory_on_a_label(self) -> None:
        """Who lacks the label, who lacks memory, who came nearest and by how much."""
        cluster = Cluster.started(self, agents=4)
        cluster.add_machine(memory_bytes=2 * GIB, labels=("ssd",))
        cluster.add_machine(memory_bytes=5 * GIB // 2, labels=("ssd",))
        cluster.advance(2)
        job_id = cluster.submit(job(replica=1, memory=4 * GIB, labels=("ssd",)))
        cluster.advance(1)
        answer = why(cluster, f"{job_id}.0")
        self.assertEqual(
            answer.sentence,
            "it waits for a machine: 4 of 6 agents lack the label ssd, 2 lack memory;"
            " nearest: 10.0.0.6:8221 lacks 1.5 GiB of memory",
        )
        self.assertEqual((answer.pod_id, answer.agents), (f"{job_id}.0", 6))
        self.assertEqual(
            [(one.constraint, one.agents) for one in answer.obstacles],
            [("label ssd", 4), ("memory", 2)],
        )

    def test_machines_that_take_no_pods(self) -> None:
        """Why they do not: it is that which somebody can act upon."""
        cluster = Cluster.started(self, agents=3)
        first, second, third = cluster.machines.values()
        first.condition = second.condition = Reading(disk=0.99)
        request = OfflineAgentRequest(endpoint=third.endpoint)
        cluster.ask(lambda master: master.offline_agent(request))
        cluster.advance(90)
        job_id = cluster.submit(job(replica=1))
        cluster.advance(1)
        answer = why(cluster, f"{job_id}.0")
        self.assertEqual(
            answer.sentence, "it waits for a machine: 2 of 3 agents are unwell, 1 is offline"
        )
        self.assertEqual(
            [(one.constraint, one.agents) for one in answer.obstacles],
            [("unwell", 2), ("offline", 1)],
        )
        first.condition = second.condition = Reading(disk=0.5)
        request = OfflineAgentRequest(endpoint=first.endpoint)
        cluster.ask(lambda master: master.offline_agent(request))
        cluster.kill_agent(second)
        cluster.advance(90)
        self.assertEqual(
            why(cluster, f"{job_id}.0").sentence,
            "it waits for a machine: 2 of 3 agents are offline, 1 is dead",
        )

    def test_counts_after_a_change_of_the_leader(self) -> None:
        """They say that they are not whole, until they are."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=4))
        cluster.advance(5)
        silent = next(iter(cluster.machines.values()))
        cluster.kill_master()
        cluster.kill_agent(silent)
        cluster.start_master()
        while cluster.ensemble.leader is None or cluster.ensemble.leader.epoch < 2:
            cluster.advance(0.1)
        cluster.advance(3)
        (seen,) = cluster.jobs()
        self.assertEqual((seen.awaited, seen.reason), (1, "an agent has not reported yet"))
        self.assertLess(seen.running, 4)
        cluster.start_agent(silent)
        cluster.advance(5)
        (seen,) = cluster.jobs()
        self.assertEqual((seen.awaited, seen.running, seen.reason), (0, 4, ""))

    def test_a_job_of_which_some_pods_run(self) -> None:
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=3, max_per_host=1))
        cluster.advance(5)
        self.assertEqual(
            why(cluster, "web").sentence,
            "1 of 3 pods waits for a machine: 2 of 2 agents hold as many pods of the job"
            " as max_per_host allows; 2 of 3 run and are healthy",
        )

    def test_all_is_well(self) -> None:
        cluster = Cluster.started(self, agents=2)
        job_id = cluster.submit(job(replica=2))
        cluster.advance(5)
        self.assertEqual(why(cluster, "web").sentence, "all 2 pods run and are healthy")
        self.assertEqual(
            why(cluster, f"{job_id}.1").sentence,
            f"it runs on {cluster.placed(job_id)[1]} and is healthy",
        )

    def test_why_a_job_is_not_healthy_is_what_an_agent_says(self) -> None:
        """The master knows no more than that a pod is not; nobody need look for its id."""
        cluster = Cluster.started(self, agents=1)
        cluster.submit(job(replica=1, command="exit 3"))
        cluster.advance(20)
        said = why(cluster, "web").sentence
        self.assertRegex(said, r"pod 0 on .* waits before its next start; the agent of pod 0 says:")
        self.assertRegex(said, r"exited with 3: next try in \d+ s$")

    def test_without_a_scheduler_that_is_the_reason(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.kill_scheduler()
        cluster.submit(job(replica=2))
        cluster.advance(1)
        self.assertEqual(
            why(cluster, "web").sentence,
            "2 of 2 pods wait for a machine:"
            " no scheduler is connected to the master, and so nothing is placed",
        )

    def test_deploy_step_holds_pods_back(self) -> None:
        """What the master itself holds back, no scheduler is asked about."""
        cluster = Cluster.started(self, agents=1)
        cluster.submit(job(replica=3, deploy_step=1))
        cluster.advance(0.3)
        said = why(cluster, "web").sentence
        self.assertIn("2 of 3 pods wait for a machine: its deploy_step is 1, and 1 is in", said)

    def test_safe_mode_is_the_reason(self) -> None:
        """A reign that has not heard of its agents yet starts nothing, and says so."""
        cluster = Cluster.started(self, agents=2)
        cluster.kill_master()
        for machine in cluster.machines.values():
            cluster.kill_agent(machine)
        cluster.start_master()
        while cluster.ensemble.leader is None or cluster.ensemble.leader.epoch < 2:
            cluster.advance(0.1)
        job_id = cluster.submit(job(replica=1))
        said = why(cluster, job_id).sentence
        self.assertIn("the cluster is in safe mode and starts nothing: none of 2 agents", said)

    def test_room_that_is_being_made(self) -> None:
        """Those who are displaced take their time; whoever waits for them is told so."""

        def reluctant(process: ProcessId, spec: Spec) -> Behaviour:
            return evolve(usual(process, spec), term_s=5.0)

        cluster = Cluster.started(self, agents=1, behave=reluctant)
        cluster.submit(job("crunch", replica=4, kind=kBatch, command="sleep 9999", millicores=1000))
        cluster.advance(3)
        job_id = cluster.submit(job(replica=1, priority=70, millicores=2000))
        cluster.advance(2)
        words = "room is being made for it on 10.0.0.1:8221"
        self.assertEqual(why(cluster, f"{job_id}.0").sentence, f"it waits for a machine: {words}")
        self.assertEqual(why(cluster, "web").sentence, f"1 waits: {words}")
        self.assertIn(
            "2 leave their machine: displaced by job web", why(cluster, "crunch").sentence
        )

    def test_an_update_that_is_held(self) -> None:
        cluster = Cluster.started(self, agents=2)
        job_id = cluster.submit(job(replica=4))
        cluster.advance(5)
        request = UpdateJobRequest(job_id=job_id, job=job(replica=4, version="v2"), breakpoint=2)
        cluster.ask(lambda master: master.update_job(request))
        cluster.advance(15)
        self.assertIn("its update to version v2 is held: ", why(cluster, "web").sentence)

    def test_an_index_that_has_run(self) -> None:
        cluster = Cluster.started(self, agents=1)
        job_id = cluster.submit(job("count", replica=1, kind=kBatch, command="sleep 1"))
        cluster.advance(6)
        said = why(cluster, f"{job_id}.0").sentence
        self.assertEqual(said, "index 0 has finished, and never runs again")
        self.assertEqual(
            why(cluster, "count").sentence, "the job has finished: every index is done"
        )
