"""Who may displace whom, what a claim holds back, and how it ends."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy import names
from galaxy.master.agents import Agent
from galaxy.master.claims import PATIENCE_S
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job
from galaxy.master.overview import pod_overview
from galaxy.master.pods import Pod, vanish
from galaxy.master.preempt import judge, preempt
from galaxy.master.rank import lowest_rank
from galaxy.master.standing import standing_of_pod
from galaxy.master.tenants import tenants
from galaxy.protocol.master_pb2 import (
    GetVictimsRequest,
    Preemption,
    PreemptRequest,
    ProposalAnswer,
    Victims,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobType,
    Status,
    kAlive,
    kBatch,
    kLongRun,
    kStageDeath,
    kStagePending,
    kStageRunning,
)
from tests.master.examples import NOW, descriptor, facts, machine, picture, placed, submitted
from tests.master.test_pods import check_counts


def victims_leave(cluster: Cluster, agent: Agent, now: float = NOW) -> None:
    """The agent has stopped what it was to stop."""
    for pod in tuple(agent.pods):
        if pod.stage == kStageDeath:
            vanish(cluster.journal, pod, "stopped", now)
    cluster.settle(now)


class PreemptTests(SynchronousTestCase):
    """A machine of one core, full of a batch of priority 1; a job that wants half of it."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agent = machine(self.cluster, said=facts(millicores=1000))
        self.batch = self.job("batch", kind=kBatch, replica=4, millicores=250, priority=1)
        placed(self.cluster, self.batch, self.agent, 4)

    def job(
        self,
        name: str = "urgent",
        *,
        kind: JobType = kLongRun,
        replica: int = 1,
        millicores: int = 500,
        priority: int = 5,
        labels: tuple[str, ...] = (),
    ) -> Job:
        return submitted(
            self.cluster,
            descriptor(
                name,
                type=kind,
                replica=replica,
                millicores=millicores,
                priority=priority,
                labels=labels,
            ),
        )

    def judged(self, job: Job, victims: int, count: int = 1) -> ProposalAnswer:
        """A scheduler proposes so many of the batch's pods."""
        asked = Preemption(
            job_id=job.job_id,
            version=job.latest.name,
            agent=self.agent.number,
            count=count,
            victims=[
                Victims(job_id=self.batch.job_id, version=self.batch.latest.name, count=victims)
            ],
        )
        answer = judge(self.cluster, self.cluster.reign, asked, NOW)
        self.cluster.settle(NOW)
        return answer

    def by_hand(self, job: Job, *victims: int) -> None:
        preempt(
            self.cluster,
            PreemptRequest(
                endpoint=self.agent.endpoint,
                pod_id=names.pod_id(job.job_id, 0),
                victim_ids=[names.pod_id(self.batch.job_id, index) for index in victims],
            ),
            "ada@h",
            NOW,
        )
        self.cluster.settle(NOW)

    def leaving(self) -> list[Pod]:
        return [pod for pod in self.batch.pods.values() if pod.stage == kStageDeath]

    def assert_refused(self, answer: ProposalAnswer, status: Status, words: str) -> None:
        self.assertEqual((answer.status, answer.accepted), (status, 0), answer.reason)
        self.assertIn(words, answer.reason)
        self.assertEqual(self.leaving(), [])
        self.assertEqual(len(self.cluster.claims), 0)

    def offered(self) -> list[str]:
        return [group.job_id for group in self.cluster.queue.groups(NOW)]


class JudgementTests(PreemptTests):
    """What is taken, and what is refused, and why."""

    def test_victims_leave_and_go_back_to_the_queue_with_the_reason(self) -> None:
        job = self.job()
        answer = self.judged(job, victims=2)
        self.assertEqual((answer.status, answer.accepted), (Status.kOk, 1))
        self.assertEqual(len(self.leaving()), 2)
        for pod in self.leaving():
            self.assertIn("displaced by job urgent", pod.reason)
            self.assertIn((pod.job.job_id, pod.index, pod.incarnation), self.agent.kills)
        victims_leave(self.cluster, self.agent)
        self.assertEqual(len(self.batch.latest.pending), 2)
        self.assertEqual(self.offered(), [self.batch.job_id])

    def test_the_master_places_the_pod_when_there_is_room(self) -> None:
        job = self.job()
        self.judged(job, victims=2)
        self.assertEqual(job.pods[0].stage, kStagePending)
        victims_leave(self.cluster, self.agent)
        self.assertEqual((job.pods[0].stage, job.pods[0].agent), (kStageRunning, self.agent))
        self.assertEqual(len(self.cluster.claims), 0)
        self.assertIn(job.pods[0], self.agent.untold)

    def test_a_service_displaces_a_batch_of_the_same_priority(self) -> None:
        self.assertEqual(self.judged(self.job(priority=1), victims=2).status, Status.kOk)

    def test_a_batch_does_not_displace_a_batch_of_the_same_priority(self) -> None:
        answer = self.judged(self.job(kind=kBatch, priority=1), victims=2)
        self.assert_refused(answer, Status.kInputError, "priority 1")

    def test_who_ranks_lower_displaces_nobody(self) -> None:
        answer = self.judged(self.job(priority=0), victims=2)
        self.assert_refused(answer, Status.kInputError, "may not be displaced")

    def test_victims_that_do_not_suffice_are_left_alone(self) -> None:
        self.assert_refused(self.judged(self.job(), victims=1), Status.kQuota, "250 millicores")

    def test_victims_beyond_what_is_needed_are_spared(self) -> None:
        self.judged(self.job(), victims=4)
        self.assertEqual(len(self.leaving()), 2)

    def test_nobody_is_displaced_where_there_is_room(self) -> None:
        answer = self.judged(self.job(millicores=0), victims=2)
        self.assert_refused(answer, Status.kConflict, "without displacing")

    def test_victims_that_are_not_there(self) -> None:
        self.assert_refused(self.judged(self.job(), victims=5), Status.kConflict, "only 4 pods")

    def test_what_ended_meanwhile_is_no_victim(self) -> None:
        self.batch.finishing.update(range(3))
        self.assert_refused(self.judged(self.job(), victims=2), Status.kConflict, "only 1 pods")

    def test_a_machine_that_would_not_do_anyway(self) -> None:
        answer = self.judged(self.job(labels=("ssd",)), victims=2)
        self.assert_refused(answer, Status.kInputError, "lacks the label ssd")

    def test_more_pods_than_wait(self) -> None:
        answer = self.judged(self.job(millicores=250), victims=2, count=2)
        self.assert_refused(answer, Status.kConflict, "only 1 pods")

    def test_in_safe_mode_nobody_is_displaced(self) -> None:
        job = self.job()
        self.cluster.enter_safe_mode("ada@h", NOW)
        self.assert_refused(self.judged(job, victims=2), Status.kSafeMode, "ada@h")

    def test_who_is_sick_goes_before_who_is_well_and_the_youngest_first(self) -> None:
        for index, pod in self.batch.pods.items():
            pod.healthy, pod.sched_time = index != 1, NOW + index
        self.judged(self.job(), victims=2)
        self.assertEqual({pod.index for pod in self.leaving()}, {1, 3})


class ByHandTests(PreemptTests):
    """Galaxy 2's preempt file, checked like an automatic one: it checked nothing (§12.1, 10)."""

    def test_the_named_ones_leave(self) -> None:
        job = self.job()
        self.by_hand(job, 0, 2)
        self.assertEqual({pod.index for pod in self.leaving()}, {0, 2})
        victims_leave(self.cluster, self.agent)
        self.assertEqual(job.pods[0].stage, kStageRunning)

    def assert_not_done(self, job: Job, status: Status, words: str, *victims: int) -> None:
        with self.assertRaises(GalaxyError) as caught:
            self.by_hand(job, *victims)
        self.assertEqual(caught.exception.status, status, caught.exception.reason)
        self.assertIn(words, caught.exception.reason)
        self.assertEqual(self.leaving(), [])

    def test_priority_counts_for_people_too(self) -> None:
        self.assert_not_done(self.job(priority=0), Status.kInputError, "may not be displaced", 0, 1)

    def test_too_few(self) -> None:
        self.assert_not_done(self.job(), Status.kQuota, "lacks", 0)

    def test_none(self) -> None:
        self.assert_not_done(self.job(), Status.kQuota, "lacks")

    def test_a_pod_that_runs_needs_no_room(self) -> None:
        self.assert_not_done(self.batch, Status.kInputError, "does not wait", 0, 1)

    def test_a_pod_for_which_room_is_being_made_already(self) -> None:
        job = self.job()
        self.by_hand(job, 0, 1)
        with self.assertRaises(GalaxyError) as caught:
            self.by_hand(job, 2, 3)
        self.assertIn("room is being made", caught.exception.reason)

    def test_a_victim_elsewhere(self) -> None:
        other = machine(self.cluster, "b:1", facts(millicores=1000))
        self.by_hand(self.job("one"), 0, 1)
        victims_leave(self.cluster, self.agent)
        placed(self.cluster, self.batch, other, 2)
        self.assert_not_done(self.job("two"), Status.kInputError, "it is on b:1", 0, 1)


class ClaimTests(PreemptTests):
    """What a claim holds back, and how it ends."""

    def test_its_pods_are_offered_to_nobody(self) -> None:
        job = self.job(replica=2)
        self.judged(job, victims=2)
        (group,) = self.cluster.queue.groups(NOW)
        self.assertEqual((group.job_id, group.count), (job.job_id, 1))

    def test_people_are_told_what_its_pods_wait_for(self) -> None:
        job = self.job()
        job.latest.unplaced = "no machine has room"
        self.judged(job, victims=2)
        said = "room is being made for it on a:1"
        self.assertEqual(pod_overview(job.pods[0], None).reason, said)
        standing = standing_of_pod(self.cluster, job.pods[0], None, NOW)
        self.assertEqual(standing.subject, "", "no scheduler has a say in it")
        self.assertIn(said, standing.besides[0])

    def test_its_room_is_given_to_nobody_else(self) -> None:
        self.judged(self.job(), victims=2)
        thief = self.job("thief", millicores=250)
        for pod in self.leaving()[:1]:
            vanish(self.cluster.journal, pod, "stopped", NOW)
            self.cluster.settle(NOW)
        self.assertEqual(placed(self.cluster, thief, self.agent, 1).accepted, 0)
        self.assertLess(self.agent.free.millicores, 250)
        self.assertEqual(self.agent.snapshot(NOW).assigned_millicores, 750 + 500)

    def test_two_claims_do_not_share_what_one_victim_leaves(self) -> None:
        self.judged(self.job("one"), victims=2)
        self.assertEqual(self.judged(self.job("two"), victims=2).status, Status.kOk)
        self.assertEqual(len(self.leaving()), 4)
        victims_leave(self.cluster, self.agent)
        self.assertEqual(self.agent.assigned_millicores, 1000)

    def test_it_ends_after_a_minute_and_frees_everything(self) -> None:
        """Galaxy 2 held resources back for ever (§12.1, 10)."""
        job = self.job()
        self.judged(job, victims=2)
        self.cluster.settle(NOW + PATIENCE_S - 1)
        self.assertEqual(len(self.cluster.claims), 1)
        self.cluster.settle(NOW + PATIENCE_S)
        self.assertEqual((len(self.cluster.claims), self.agent.claims), (0, {}))
        self.assertEqual(self.offered(), [job.job_id])
        self.assertIn("no room could be made", job.pods[0].reason)

    def test_it_ends_with_its_machine(self) -> None:
        job = self.job()
        self.judged(job, victims=2)
        self.cluster.bury(self.agent, "silence", NOW)
        self.cluster.settle(NOW)
        self.assertEqual((len(self.cluster.claims), self.agent.claims), (0, {}))
        self.assertIn(job.job_id, self.offered())

    def test_it_ends_when_its_pod_is_not_wanted_any_more(self) -> None:
        job = self.job()
        self.judged(job, victims=2)
        job.replica = 0
        self.cluster.journal.jobs[job] = None
        self.cluster.settle(NOW)
        self.cluster.settle(NOW)
        self.assertEqual((len(self.cluster.claims), job.latest.claimed), (0, set()))

    def test_its_pod_is_placed_at_once_though_schedulers_heard_of_the_room_before(self) -> None:
        job = self.job()
        self.judged(job, victims=2)
        for pod in self.leaving():
            vanish(self.cluster.journal, pod, "stopped", NOW)
        self.cluster.stamp()
        self.cluster.settle(NOW)
        self.assertEqual(job.pods[0].stage, kStageRunning)

    def test_in_safe_mode_nothing_is_placed(self) -> None:
        job = self.job()
        self.judged(job, victims=2)
        self.cluster.enter_safe_mode("ada@h", NOW)
        victims_leave(self.cluster, self.agent)
        self.assertEqual(job.pods[0].stage, kStagePending)
        self.cluster.leave_safe_mode("ada@h", NOW)
        self.cluster.settle(NOW)
        self.assertEqual(job.pods[0].stage, kStageRunning)


class TenantTests(PreemptTests):
    """What schedulers are told."""

    def tenants(self, job: Job) -> list[tuple[int, str, int]]:
        asked = GetVictimsRequest(
            reign=self.cluster.reign, job_id=job.job_id, version=job.latest.name
        )
        return [
            (agent.agent, tenant.job_id, tenant.count)
            for agent in tenants(self.cluster, asked, NOW).agents
            for tenant in agent.tenants
        ]

    def test_who_would_have_to_leave(self) -> None:
        self.assertEqual(self.tenants(self.job()), [(1, self.batch.job_id, 4)])

    def test_nobody_who_ranks_as_high_or_leaves_already(self) -> None:
        self.assertEqual(self.tenants(self.job("low", priority=0)), [])
        self.judged(self.job(), victims=2)
        self.assertEqual(self.tenants(self.job("next")), [(1, self.batch.job_id, 2)])

    def test_nobody_on_a_machine_that_would_not_do(self) -> None:
        self.assertEqual(self.tenants(self.job(labels=("ssd",))), [])

    def test_nobody_where_it_would_not_do(self) -> None:
        self.assertEqual(self.tenants(self.job(millicores=1001)), [])

    def test_another_reign(self) -> None:
        with self.assertRaises(GalaxyError):
            tenants(self.cluster, GetVictimsRequest(reign="x"), NOW)

    def test_groups_say_whether_they_may_displace_somebody(self) -> None:
        self.job("high")
        self.job("low", priority=0)
        groups = self.cluster.queue.groups(NOW, lowest_rank(self.cluster.jobs))
        self.assertEqual([group.may_preempt for group in groups], [True, False])


OPERATIONS = ("preempt", "propose", "leave", "wait", "bury", "return", "shrink")


class Story:
    """Two machines, four jobs, and what befalls them."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.now = NOW
        self.cluster = picture()
        self.agents = [machine(self.cluster, f"a:{n}", facts(millicores=1000)) for n in range(1, 3)]
        self.jobs = [submitted(self.cluster, self.some_job(n)) for n in range(4)]

    def some_job(self, number: int) -> JobDescriptor:
        draw = self.data.draw
        return descriptor(
            f"j{number}",
            type=draw(st.sampled_from([kLongRun, kBatch])),
            replica=draw(st.integers(1, 6)),
            millicores=draw(st.sampled_from([100, 250, 400, 700])),
            priority=draw(st.integers(0, 2)),
            ports=draw(st.sampled_from([(), (80,)])),
            deploy_step=draw(st.integers(0, 2)),
        )

    def befall(self, operation: str) -> None:
        job = self.data.draw(st.sampled_from(self.jobs))
        agent = self.data.draw(st.sampled_from(self.agents))
        happen: dict[str, Callable[[], object]] = {
            "propose": lambda: placed(self.cluster, job, agent, 2, self.now),
            "preempt": lambda: self.preempt(job, agent),
            "leave": lambda: victims_leave(self.cluster, agent, self.now),
            "wait": self.wait,
            "bury": lambda: self.bury(agent),
            "return": lambda: machine(self.cluster, agent.endpoint, agent.facts, self.now),
            "shrink": lambda: self.shrink(job),
        }
        if operation != "return" or agent.state != kAlive:
            happen[operation]()
        self.cluster.settle(self.now)

    def preempt(self, job: Job, agent: Agent) -> None:
        other = self.data.draw(st.sampled_from(self.jobs))
        count = self.data.draw(st.integers(0, 3))
        asked = Preemption(
            job_id=job.job_id,
            version=job.latest.name,
            agent=agent.number,
            count=self.data.draw(st.integers(1, 2)),
            victims=[Victims(job_id=other.job_id, version=other.latest.name, count=count)],
        )
        judge(self.cluster, self.cluster.reign, asked, self.now)

    def wait(self) -> None:
        self.now += self.data.draw(st.sampled_from([1.0, 30.0]))

    def bury(self, agent: Agent) -> None:
        if agent.state == kAlive:
            self.cluster.bury(agent, "silence", self.now)

    def shrink(self, job: Job) -> None:
        job.replica = self.data.draw(st.integers(0, job.replica))
        self.cluster.journal.jobs[job] = None


class ClaimLaws(SynchronousTestCase):
    """Whatever is proposed, and whatever happens meanwhile."""

    @settings(deadline=None, max_examples=120)
    @given(data=st.data())
    def test_no_machine_is_over_committed_and_every_claim_ends(self, data: st.DataObject) -> None:
        """Safety, then liveness."""
        story = Story(data)
        for operation in data.draw(st.lists(st.sampled_from(OPERATIONS), max_size=25)):
            story.befall(operation)
            self.check(story)
        for agent in story.agents:
            victims_leave(story.cluster, agent, story.now)
        self.check(story)
        story.cluster.settle(story.now + PATIENCE_S)
        self.assertEqual(len(story.cluster.claims), 0)
        self.assertEqual([agent.claims for agent in story.agents], [{}, {}])
        self.assertEqual([job.latest.claimed for job in story.jobs], [set()] * 4)
        check_counts(self, story.cluster)

    def check(self, story: Story) -> None:
        """What is granted never exceeds a machine; what is claimed fits once the victims left."""
        for agent in story.agents:
            self.assertLessEqual(agent.assigned_millicores, agent.total.millicores)
            self.assertLessEqual(max(agent.ports.values(), default=0), 1)
            leaving = [pod for pod in agent.pods if pod.stage != kStageRunning]
            taken = agent.total.millicores - agent.free_without(leaving).millicores
            claimed = agent.committed.millicores - agent.assigned_millicores
            stay = sum(
                pod.version.requirement.millicores for pod in agent.pods if pod not in leaving
            )
            self.assertLessEqual(stay + claimed, agent.total.millicores)
            self.assertEqual(taken, stay + claimed)
        for job in story.jobs:
            self.assertLessEqual(job.latest.claimed, set(job.pods))
