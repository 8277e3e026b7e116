"""What a scheduler proposes, against the master's own picture."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, turn
from galaxy.master.propose import dispose, note_unplaced
from galaxy.protocol.master_pb2 import Obstacle, Placement, ProposalAnswer, Unplaced
from galaxy.protocol.types_pb2 import (
    AgentFacts,
    JobDescriptor,
    Status,
    kJobTerminated,
    kOffline,
    kStageRunning,
)
from tests.master.examples import NOW, descriptor, facts, machine, picture, placed, submitted
from tests.master.test_pods import check_counts


class ProposalTests(SynchronousTestCase):
    """Accepted as far as it fits; the rest refused with the reason."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agent = machine(self.cluster, said=facts(millicores=1000))

    def propose(self, asked: JobDescriptor, count: int) -> tuple[Job, ProposalAnswer]:
        job = submitted(self.cluster, asked)
        return job, placed(self.cluster, job, self.agent, count)

    def assert_refused(self, answer: ProposalAnswer, status: Status, words: str) -> None:
        self.assertEqual(answer.status, status)
        (refusal,) = answer.refusals
        self.assertEqual((refusal.status, refusal.reason), (status, answer.reason))
        self.assertIn(words, refusal.reason)

    def test_what_fits_is_taken(self) -> None:
        job, answer = self.propose(descriptor(replica=3), 3)
        self.assertEqual((answer.status, answer.accepted), (Status.kOk, 3))
        self.assertEqual({pod.stage for pod in job.pods.values()}, {kStageRunning})

    def test_of_what_does_not_fit_whole_a_part_is_taken(self) -> None:
        _, answer = self.propose(descriptor(replica=30, millicores=300), 30)
        self.assertEqual(answer.accepted, 3)
        self.assert_refused(answer, Status.kQuota, "lacks 200 millicores")
        self.assertEqual(answer.refusals[0].count, 27)
        self.assertEqual(answer.refusals[0].fresh.assigned_millicores, 900)

    def test_a_port_is_given_once(self) -> None:
        _, answer = self.propose(descriptor(replica=2, ports=(8080,)), 2)
        self.assertEqual(answer.accepted, 1)
        self.assert_refused(answer, Status.kQuota, "port 8080 taken")

    def test_a_port_that_is_no_pods_is_not_given(self) -> None:
        """Until its agent says that it is free, which is news for those who wait."""
        said = facts(millicores=1000)
        said.foreign_ports.append(8080)
        learn = self.cluster.fleet.learn
        learn(self.cluster.journal, self.agent, said, NOW)
        job, answer = self.propose(descriptor(ports=(8080,)), 1)
        self.assert_refused(answer, Status.kQuota, "port 8080 taken")
        self.assertEqual(answer.refusals[0].fresh.ports, [8080])
        self.cluster.journal.room = False
        learn(self.cluster.journal, self.agent, facts(millicores=1000), NOW)
        self.assertTrue(self.cluster.journal.room)
        self.assertEqual(placed(self.cluster, job, self.agent, 1).accepted, 1)

    def test_labels_are_checked_again(self) -> None:
        _, answer = self.propose(descriptor(labels=("ssd", "gpu")), 1)
        self.assert_refused(answer, Status.kInputError, "gpu, ssd")

    def test_max_per_host_is_checked_again(self) -> None:
        _, answer = self.propose(descriptor(max_per_host=2), 3)
        self.assertEqual(answer.accepted, 2)
        self.assert_refused(answer, Status.kQuota, "max_per_host")

    def test_a_machine_that_cannot_isolate_takes_no_pod_that_demands_it(self) -> None:
        said = AgentFacts(isolation="none", isolation_reason="not root", total=facts().total)
        self.cluster.fleet.learn(self.cluster.journal, self.agent, said, 0.0)
        _, answer = self.propose(descriptor(require_isolation=True), 1)
        self.assert_refused(answer, Status.kInputError, "not root")

    def test_an_offline_agent_takes_nothing(self) -> None:
        """Galaxy 2 took a proposal for one (§12.2, 12)."""
        fleet = self.cluster.fleet
        fleet.turn(self.cluster.journal, self.agent, kOffline, "an operator said so", NOW)
        _, answer = self.propose(descriptor(), 1)
        self.assert_refused(answer, Status.kAgentError, "kOffline")

    def test_an_agent_that_has_strangers_takes_nothing(self) -> None:
        self.agent.strangers.add(("x", 0, 1))
        _, answer = self.propose(descriptor(), 1)
        self.assert_refused(answer, Status.kAgentError, "should not be there")

    def test_an_agent_of_another_reign_is_none(self) -> None:
        job = submitted(self.cluster)
        placement = Placement(job_id=job.job_id, version=job.latest.name, agent=[9], count=[1])
        answer = dispose(self.cluster, self.cluster.reign, placement, NOW)
        self.assert_refused(answer, Status.kAgentNotFound, "agent 9")

    def test_no_more_than_wait_are_placed(self) -> None:
        _, answer = self.propose(descriptor(replica=3), 5)
        self.assertEqual(answer.accepted, 3)
        self.assert_refused(answer, Status.kConflict, "only 3")

    def test_no_more_than_the_deploy_step_are_placed(self) -> None:
        _, answer = self.propose(descriptor(replica=3, deploy_step=1), 3)
        self.assertEqual(answer.accepted, 1)

    def test_an_index_that_is_being_recorded_as_finished_is_not_placed(self) -> None:
        job = submitted(self.cluster)
        job.finishing.add(0)
        self.assertEqual(placed(self.cluster, job, self.agent, 3).accepted, 2)
        self.assertEqual(job.latest.pending, {0})

    def test_a_proposal_of_another_reign_is_refused_whole(self) -> None:
        job = submitted(self.cluster)
        placement = Placement(job_id=job.job_id, version=job.latest.name, agent=[1], count=[1])
        answer = dispose(self.cluster, "another", placement, NOW)
        self.assertEqual((answer.status, answer.accepted), (Status.kConflict, 0))

    def test_in_safe_mode_nothing_is_placed(self) -> None:
        self.cluster = picture(endpoints=["a:1"])
        job = submitted(self.cluster)
        placement = Placement(job_id=job.job_id, version=job.latest.name, agent=[1], count=[1])
        answer = dispose(self.cluster, self.cluster.reign, placement, NOW)
        self.assertEqual(answer.status, Status.kSafeMode)

    def test_pods_of_a_terminated_job_are_not_placed(self) -> None:
        job = submitted(self.cluster)
        turn(self.cluster.journal, job, kJobTerminated, "", "", NOW)
        self.assertEqual(placed(self.cluster, job, self.agent, 1).status, Status.kInputError)

    def test_an_unknown_version_is_refused(self) -> None:
        job = submitted(self.cluster)
        placement = Placement(job_id=job.job_id, version="7", agent=[1], count=[1])
        answer = dispose(self.cluster, self.cluster.reign, placement, NOW)
        self.assertEqual(answer.status, Status.kNotFound)

    def test_what_could_not_be_placed_is_told_as_the_jobs_reason(self) -> None:
        job = submitted(self.cluster)
        note_unplaced(
            self.cluster,
            Unplaced(
                job_id=job.job_id,
                version=job.latest.name,
                obstacles=[Obstacle(constraint="cpu", agents=3)],
            ),
        )
        self.assertEqual(job.why(), "3 agents: cpu")


class ProposalLaws(SynchronousTestCase):
    """Whoever proposes what."""

    @settings(deadline=None, max_examples=60)
    @given(data=st.data())
    def test_no_machine_is_ever_over_committed(self, data: st.DataObject) -> None:
        """Safety, for any proposals of several schedulers that know nothing of each other."""
        cluster = picture()
        agents = [
            machine(cluster, f"a:{n}", facts(data.draw(st.integers(0, 2000)), 1 << 30))
            for n in range(1, 4)
        ]
        jobs = [
            submitted(
                cluster,
                descriptor(
                    f"j{n}",
                    replica=data.draw(st.integers(0, 12)),
                    millicores=data.draw(st.integers(1, 900)),
                    memory=data.draw(st.integers(1, 1 << 29)),
                    ports=data.draw(st.sets(st.sampled_from([80, 81]))),
                    max_per_host=data.draw(st.integers(0, 2)),
                    deploy_step=data.draw(st.integers(0, 4)),
                ),
            )
            for n in range(3)
        ]
        for _ in range(data.draw(st.integers(1, 6))):
            job = data.draw(st.sampled_from(jobs))
            parts = data.draw(
                st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), max_size=4)
            )
            placement = Placement(
                job_id=job.job_id,
                version=job.latest.name,
                agent=[agent for agent, _ in parts],
                count=[count for _, count in parts],
            )
            answer = dispose(cluster, cluster.reign, placement, NOW)
            refused = sum(refusal.count for refusal in answer.refusals)
            self.assertEqual(answer.accepted + refused, sum(count for _, count in parts))
            cluster.settle(NOW)
        check_counts(self, cluster)
        self.check_bounds(cluster, agents, jobs)

    def check_bounds(self, cluster: Cluster, agents: list[Agent], jobs: list[Job]) -> None:
        """What the law says."""
        for agent in agents:
            self.assertLessEqual(agent.assigned_millicores, agent.total.millicores)
            self.assertLessEqual(agent.assigned_memory, agent.total.memory_bytes)
            self.assertLessEqual(max(agent.ports.values(), default=0), 1)
            for job in jobs:
                here = sum(pod.job is job for pod in agent.pods)
                self.assertLessEqual(here, job.max_per_host or here)
        for job in jobs:
            self.assertLessEqual(job.in_motion(), job.deploy_step or job.replica)
