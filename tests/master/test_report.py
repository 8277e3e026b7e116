"""What agents say, and what the master makes of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster, last_incarnation_before
from galaxy.master.copies import RULES
from galaxy.master.ends import finish
from galaxy.master.jobs import Job, turn
from galaxy.master.pods import Event, change, renew
from galaxy.master.report import LOST, is_sound, merge, remove
from galaxy.protocol.agent_pb2 import JobUsage, QueryResponse
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    PodState,
    kBatch,
    kJobTerminated,
    kPodDeploying,
    kPodError,
    kPodFinish,
    kPodRunning,
    kPodTerminate,
    kRestartAlways,
    kRestartNever,
    kRestartOnFailure,
    kStageDeath,
    kStageFinished,
    kStagePending,
    kStageRemoved,
    kStageRunning,
)
from tests.master.examples import (
    NOW,
    delta,
    descriptor,
    full_report,
    group,
    loaded,
    machine,
    picture,
    placed,
    run,
    submitted,
    told,
)
from tests.master.test_pods import check_counts


class ReportTests(SynchronousTestCase):
    """Of pods that are where they should be."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agent = machine(self.cluster)
        self.job = submitted(self.cluster)

    def place(self, count: int = 3) -> None:
        placed(self.cluster, self.job, self.agent, count)
        told(self.agent)

    def merge(self, report: QueryResponse) -> None:
        merge(self.cluster, self.agent, report, NOW)
        self.cluster.settle(NOW)

    def test_states_are_taken_over(self) -> None:
        self.place()
        self.merge(delta(group(self.job, [0], state=kPodDeploying)))
        self.merge(delta(group(self.job, [1, 2], healthy=True)))
        tally = self.job.tally
        self.assertEqual((tally.running, tally.healthy), (2, 2))

    def test_a_report_proves_that_the_pod_was_taken(self) -> None:
        """Though the answer to RunPods got lost."""
        placed(self.cluster, self.job, self.agent, 1)
        (pod,) = self.agent.untold
        self.merge(delta(group(self.job, [pod.index], state=kPodDeploying)))
        self.assertEqual(self.agent.untold, set())

    def test_a_full_report_tells_what_was_lost(self) -> None:
        self.place()
        self.merge(full_report(group(self.job, [0, 2])))
        self.assertEqual((self.job.pods[1].stage, self.job.pods[1].reason), (kStagePending, LOST))

    def test_a_full_report_does_not_lose_what_is_still_to_be_told(self) -> None:
        """Galaxy 2's race of RunPod and Query killed pods that just started (§12.1, 3)."""
        placed(self.cluster, self.job, self.agent, 3)
        self.merge(full_report())
        self.assertEqual({pod.stage for pod in self.job.pods.values()}, {kStageRunning})
        self.assertEqual(len(self.agent.untold), 3)

    def test_a_delta_loses_nothing_that_it_does_not_name(self) -> None:
        self.place()
        self.merge(delta())
        self.assertEqual(len(self.agent.pods), 3)

    def test_a_delta_to_something_else_is_of_no_use(self) -> None:
        self.place()
        self.merge(delta(group(self.job, [0]), instance="other"))
        self.assertEqual((self.job.tally.running, self.agent.instance), (0, "i1"))

    def test_a_pod_in_error_is_to_be_stopped_and_placed_again(self) -> None:
        self.place(1)
        (pod,) = self.agent.pods
        self.merge(delta(group(self.job, [pod.index], state=kPodError)))
        self.assertEqual(pod.stage, kStageDeath)
        self.assertEqual(self.agent.kills, {(self.job.job_id, pod.index, 1)})

    def test_a_kill_that_got_lost_is_sent_again(self) -> None:
        """Galaxy 2 never killed a Death pod again (§12.1, 3)."""
        self.place(1)
        (pod,) = self.agent.pods
        change(self.cluster.journal, pod, Event.LEAVES, "", NOW)
        self.agent.kills.clear()
        self.merge(delta(group(self.job, [pod.index], state=kPodTerminate)))
        self.assertEqual(self.agent.kills, set(), "it is being stopped")
        self.merge(full_report(group(self.job, [pod.index], state=kPodRunning)))
        self.assertEqual(self.agent.kills, {(self.job.job_id, pod.index, 1)})

    def test_a_pod_that_its_agent_stops_by_itself_is_placed_again(self) -> None:
        """As after a master that died between the kill and its answer."""
        self.place(1)
        (pod,) = self.agent.pods
        self.merge(delta(group(self.job, [pod.index], state=kPodTerminate)))
        self.assertEqual(pod.stage, kStageDeath)
        self.merge(delta(removed=[group(self.job, [pod.index])]))
        self.assertEqual(pod.stage, kStagePending)

    def test_the_end_of_a_long_run_is_not_its_end(self) -> None:
        """Galaxy 2 shrank the job for good (§12.1, 1)."""
        self.place(1)
        (pod,) = self.agent.pods
        merged = merge(
            self.cluster, self.agent, delta(group(self.job, [pod.index], state=kPodFinish)), NOW
        )
        self.assertEqual(merged.ended, {})
        self.assertEqual((pod.stage, self.job.replica), (kStageDeath, 3))

    def test_a_report_with_indexes_without_incarnations_is_not_sound(self) -> None:
        pods = group(self.job, [0, 1])
        self.assertTrue(is_sound(delta(pods)))
        del pods.incarnation[1:]
        self.assertFalse(is_sound(delta(pods)))
        self.assertFalse(is_sound(delta(removed=[pods])))

    def test_removing_twice_is_removing(self) -> None:
        self.place(1)
        (pod,) = self.agent.pods
        change(self.cluster.journal, pod, Event.LEAVES, "", NOW)
        for _ in range(2):
            remove(self.cluster, self.agent, self.job.job_id, [pod.index], [1], NOW)
        self.assertEqual(pod.stage, kStagePending)

    def test_usage_is_summed_by_job_and_taken_back(self) -> None:
        usage = [JobUsage(job_id=self.job.job_id, millicores=70, memory=5)]
        report = delta()
        report.usage.extend(usage)
        self.merge(report)
        self.merge(report)
        self.assertEqual((self.job.used_millicores, self.job.used_memory), (70, 5))
        self.cluster.bury(self.agent, "silence", NOW)
        self.assertEqual(self.job.used_millicores, 0)


class BatchTests(SynchronousTestCase):
    """Finished indexes."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agent = machine(self.cluster)
        self.job = submitted(self.cluster, descriptor(type=kBatch, replica=2))
        placed(self.cluster, self.job, self.agent, 2)
        told(self.agent)
        report = delta(group(self.job, [1], state=kPodFinish))
        self.merged = merge(self.cluster, self.agent, report, NOW)

    def test_a_finished_index_is_first_to_be_recorded(self) -> None:
        """Safety: until it is, the agent is not told to forget, and the pod holds its slot."""
        self.assertEqual(self.merged.ended, {self.job: [1]})
        self.assertEqual(self.job.pods[1].stage, kStageRunning)
        self.assertEqual(self.agent.kills, set())

    def test_recorded_the_agent_may_forget_it(self) -> None:
        finish(self.cluster.journal, self.job, [1], NOW)
        self.assertEqual(self.job.pods[1].stage, kStageFinished)
        self.assertEqual(self.agent.kills, {(self.job.job_id, 1, 1)})

    def test_it_is_recorded_once(self) -> None:
        report = delta(group(self.job, [1], state=kPodFinish))
        self.assertEqual(merge(self.cluster, self.agent, report, NOW).ended, {})

    def test_two_records_may_tell_of_one_index(self) -> None:
        """Safety: what failed does not count as finished when the later record is written."""
        failed = group(self.job, [0], state=kPodError)
        merge(self.cluster, self.agent, delta(failed), NOW)
        for indexes in ([0], [0, 1]):
            finish(self.cluster.journal, self.job, indexes, NOW)
        self.assertEqual((self.job.finished, self.job.failed), ({1}, {0}))

    def test_a_machine_that_dies_while_it_is_recorded_does_not_make_it_run_again(self) -> None:
        self.cluster.bury(self.agent, "silence", NOW)
        other = machine(self.cluster, "b:1")
        placed(self.cluster, self.job, other, 2)
        self.assertEqual([pod.index for pod in other.pods], [0])
        finish(self.cluster.journal, self.job, [1], NOW)
        self.assertNotIn(1, self.job.pods)

    def test_one_that_was_being_stopped_and_got_done_is_done(self) -> None:
        change(self.cluster.journal, self.job.pods[0], Event.LEAVES, "drained", NOW)
        report = delta(group(self.job, [0], state=kPodFinish))
        merged = merge(self.cluster, self.agent, report, NOW)
        self.assertEqual(merged.ended, {self.job: [0]})
        self.assertEqual(self.agent.kills, set(), "it may not forget it yet")
        finish(self.cluster.journal, self.job, [0], NOW)
        self.assertEqual(self.job.pods[0].stage, kStageFinished)


class EndTests(SynchronousTestCase):
    """Pods that their agents give up, by type and restart policy (§12.1, 1)."""

    def ended(self, asked: JobDescriptor, state: PodState) -> Job:
        cluster = picture()
        agent, job = machine(cluster), submitted(cluster, asked)
        placed(cluster, job, agent, 1)
        told(agent)
        (self.pod,) = agent.pods
        pods = group(job, [self.pod.index], state=state)
        pods.reason = "exit 1, the third time"
        for ended, indexes in merge(cluster, agent, delta(pods), NOW).ended.items():
            finish(cluster.journal, ended, indexes, NOW)
        return job

    def test_an_index_that_is_given_up_has_failed_and_says_why(self) -> None:
        job = self.ended(descriptor(type=kBatch), kPodError)
        self.assertEqual((job.finished, job.failed), (set(), {self.pod.index}))
        self.assertEqual(self.pod.stage, kStageFinished)
        self.assertIn("exit 1, the third time", job.why())

    def test_a_long_run_that_need_not_run_for_ever_ends_as_a_batch_does(self) -> None:
        for restart in (kRestartOnFailure, kRestartNever):
            job = self.ended(descriptor(restart=restart), kPodFinish)
            self.assertEqual(job.finished, {self.pod.index})
            job = self.ended(descriptor(restart=restart), kPodError)
            self.assertEqual(job.failed, {self.pod.index})

    def test_a_batch_that_is_always_to_run_never_ends(self) -> None:
        job = self.ended(descriptor(type=kBatch, restart=kRestartAlways), kPodFinish)
        self.assertEqual((job.finished, self.pod.stage), (set(), kStageDeath))

    def test_a_pod_that_fails_while_it_is_stopped_has_not_failed(self) -> None:
        cluster = picture()
        agent, job = machine(cluster), submitted(cluster, descriptor(type=kBatch))
        placed(cluster, job, agent, 3)
        told(agent)
        change(cluster.journal, job.pods[0], Event.LEAVES, "drained", NOW)
        merged = merge(cluster, agent, delta(group(job, [0], state=kPodError)), NOW)
        self.assertEqual(merged.ended, {})

    def test_a_slot_that_failed_waits_before_it_is_placed_again(self) -> None:
        cluster = picture()
        agent, job = machine(cluster), submitted(cluster, descriptor(replica=1))
        pod = job.pods[0]
        for failures in (1, 2, 3):
            placed(cluster, job, agent, 1)
            run(cluster, agent, job)
            merge(cluster, agent, delta(group(job, [0], state=kPodError)), NOW)
            self.assertIn(f"within {2 ** (failures - 1)} s", pod.reason)
            remove(cluster, agent, job.job_id, [0], [pod.incarnation], NOW)
            cluster.settle(NOW)
            self.assertEqual((pod.stage, job.latest.pending), (kStagePending, set()))
            self.assertEqual(cluster.queue.groups(NOW), [])
            cluster.look_around(job.setbacks[0].until)
            cluster.settle(job.setbacks[0].until)
            self.assertEqual(job.latest.pending, {0})
            check_counts(self, cluster)


class CopyTests(SynchronousTestCase):
    """Copies that were not expected where they are."""

    def reign(self, endpoints: tuple[str, ...] = ("a:1", "b:1"), epoch: int = 2) -> Cluster:
        other = submitted(picture())
        self.job: Job = loaded(other)
        self.job.pods.clear()
        self.job.tally.stages[kStagePending] = 0
        self.job.latest.pending.clear()
        self.cluster = picture(self.job, endpoints=endpoints, epoch=epoch)
        return self.cluster

    def report(
        self, cluster: Cluster, endpoint: str, index: int, incarnation: int, **options: int
    ) -> Agent:
        pods = group(self.job, [index], incarnation=incarnation)
        return machine(cluster, endpoint, report=full_report(pods))

    def assert_stopped(self, agent: Agent, index: int, incarnation: int) -> None:
        attempt = (self.job.job_id, index, incarnation)
        self.assertEqual((agent.strangers, agent.kills), ({attempt}, {attempt}))

    def test_in_safe_mode_slots_are_known_by_who_has_them(self) -> None:
        cluster = self.reign()
        agent = self.report(cluster, "a:1", 2, 3)
        pod = self.job.pods[2]
        self.assertEqual((pod.agent, pod.incarnation, pod.stage), (agent, 3, kStageRunning))
        check_counts(self, cluster)

    def test_of_two_copies_the_later_is_kept(self) -> None:
        """In whatever order their agents report."""
        for first, second in (((3, "a:1"), (4, "b:1")), ((4, "b:1"), (3, "a:1"))):
            cluster = self.reign()
            agents = {
                incarnation: self.report(cluster, endpoint, 0, incarnation)
                for incarnation, endpoint in (first, second)
            }
            self.assertIs(self.job.pods[0].agent, agents[4])
            self.assert_stopped(agents[3], 0, 3)
            check_counts(self, cluster)

    def test_a_late_agents_pod_is_taken_while_its_slot_waits(self) -> None:
        cluster = self.reign()
        machine(cluster, "a:1")
        cluster.give_up(set(cluster.awaited), NOW)
        cluster.settle(NOW)
        self.assertEqual(len(self.job.pods), 3)
        agent = self.report(cluster, "b:1", 0, 5)
        self.assertIs(self.job.pods[0].agent, agent)

    def test_a_late_agents_pod_is_stopped_when_its_slot_was_placed(self) -> None:
        """What this reign placed counts as later than anything of an earlier one."""
        cluster = self.reign()
        other = machine(cluster, "a:1")
        cluster.give_up(set(cluster.awaited), NOW)
        cluster.settle(NOW)
        placed(cluster, self.job, other, 3)
        agent = self.report(cluster, "b:1", 0, 5)
        self.assertIs(self.job.pods[0].agent, other)
        self.assertGreater(self.job.pods[0].incarnation, 5)
        self.assert_stopped(agent, 0, 5)

    def returned(self, *, settled: bool) -> tuple[Agent, Agent]:
        """Slot 0 ran well on a, was placed on b when a was given up, and a is back."""
        cluster = self.reign(())
        one = self.report(cluster, "a:1", 0, 1)
        cluster.bury(one, "silence", NOW)
        other = machine(cluster, "b:1")
        placed(cluster, self.job, other, 3)
        if settled:
            run(cluster, other, self.job)
        self.successor = self.job.pods[0].incarnation
        pods = group(self.job, [0], incarnation=1, healthy=True)
        machine(cluster, "a:1", report=full_report(pods, instance="i2"))
        check_counts(self, cluster)
        return one, other

    def test_a_healthy_pod_is_taken_back_from_a_successor_that_never_was(self) -> None:
        one, other = self.returned(settled=False)
        self.assertEqual((self.job.pods[0].agent, self.job.pods[0].incarnation), (one, 1))
        self.assert_stopped(other, 0, self.successor)

    def test_from_a_healthy_successor_it_is_not(self) -> None:
        one, other = self.returned(settled=True)
        self.assertIs(self.job.pods[0].agent, other)
        self.assert_stopped(one, 0, 1)

    def test_what_was_told_to_stop_is_not_taken_up_again(self) -> None:
        """Though its agent has not heard of it yet, and it is the later one."""
        one, other = self.returned(settled=False)
        merge(
            self.cluster,
            other,
            delta(group(self.job, [0], incarnation=self.successor, healthy=True)),
            NOW,
        )
        self.assertIs(self.job.pods[0].agent, one)
        self.assert_stopped(other, 0, self.successor)

    def test_one_that_is_being_stopped_is_not_taken_again(self) -> None:
        """Liveness: when it is gone its machine takes pods again."""
        one, other = self.returned(settled=False)
        other.kills.clear()  # it was told
        gone = group(self.job, [0], incarnation=self.job.pods[0].incarnation)
        merge(self.cluster, one, delta(removed=[gone], instance="i2"), NOW)
        stopping = group(self.job, [0], incarnation=self.successor, state=kPodTerminate)
        merge(self.cluster, other, delta(stopping), NOW)
        self.assertIsNone(self.job.pods[0].agent)
        merge(self.cluster, other, delta(removed=[stopping]), NOW)
        self.assertEqual((other.strangers, other.kills), (set(), set()))

    def test_what_takes_its_place_later_is_later_than_both(self) -> None:
        one, other = self.returned(settled=False)
        self.cluster.bury(one, "silence", NOW)
        other.strangers.clear()
        self.cluster.settle(NOW)
        placed(self.cluster, self.job, other, 3)
        self.assertGreater(self.job.pods[0].incarnation, self.successor)

    def test_it_is_later_than_what_another_reign_gave_and_ended(self) -> None:
        """An attempt after the reported one was taken back, by a master that is no more."""
        cluster = self.reign()
        one = self.report(cluster, "a:1", 0, 1)
        other = machine(cluster, "b:1")
        cluster.bury(one, "silence", NOW)
        cluster.settle(NOW)
        placed(cluster, self.job, other, 3)
        self.assertGreater(self.job.pods[0].incarnation, last_incarnation_before(cluster.epoch))

    def test_so_is_what_takes_its_place_where_it_is(self) -> None:
        cluster = self.reign()
        one = self.report(cluster, "a:1", 0, 1)
        pod = self.job.pods[0]
        renew(cluster.journal, pod, "another version", NOW)
        self.assertGreater(pod.incarnation, last_incarnation_before(cluster.epoch))
        self.assertEqual(one.takeovers, {pod: (1,)})

    def test_a_pod_of_an_unknown_job_is_stopped(self) -> None:
        cluster = self.reign(())
        report = full_report(group(self.job, [0], incarnation=1, job_id="gone_1"))
        agent = machine(cluster, "a:1", report=report)
        self.assertEqual(agent.kills, {("gone_1", 0, 1)})
        self.assertIn("should not be there", agent.unfit(NOW))
        merge(cluster, agent, delta(removed=report.groups), NOW)
        self.assertEqual(agent.unfit(NOW), "")

    def test_a_pod_of_a_terminated_job_keeps_the_job_until_it_is_gone(self) -> None:
        cluster = self.reign()
        turn(cluster.journal, self.job, kJobTerminated, "", "", NOW)
        agent = self.report(cluster, "a:1", 0, 1)
        cluster.give_up(set(cluster.awaited), NOW)
        self.assertEqual(cluster.settle(NOW).forgotten, ())
        self.assertEqual(self.job.pods[0].stage, kStageRemoved)
        remove(cluster, agent, self.job.job_id, [0], [1], NOW)
        self.assertEqual(cluster.settle(NOW).forgotten, (self.job,))

    def test_what_is_heard_of_while_the_job_is_being_deleted_is_stopped(self) -> None:
        """Else nobody would know of it any more, and it would run for ever."""
        for settled in (False, True):
            cluster = self.reign()
            cluster.give_up(set(cluster.awaited), NOW)
            agent = machine(cluster, "a:1")
            turn(cluster.journal, self.job, kJobTerminated, "", "", NOW)
            self.assertEqual(cluster.settle(NOW).forgotten, (self.job,))
            found = group(self.job, [0, 1], incarnation=1)
            merge(cluster, agent, delta(found), NOW)
            if settled:
                cluster.settle(NOW)
            cluster.drop(self.job, NOW)
            cluster.settle(NOW)
            attempts = {(self.job.job_id, 0, 1), (self.job.job_id, 1, 1)}
            self.assertEqual(
                (agent.kills, agent.strangers, agent.pods), (attempts, attempts, set())
            )
            self.assertIn(agent, cluster.journal.outgoing)
            merge(cluster, agent, delta(removed=[found]), NOW)
            self.assertEqual((agent.kills, agent.unfit(NOW)), (set(), ""))

    def test_a_finished_index_is_not_taken_in(self) -> None:
        cluster = self.reign()
        self.job.finished.add(0)
        agent = self.report(cluster, "a:1", 0, 1)
        self.assert_stopped(agent, 0, 1)

    def test_an_agent_that_returns_gets_back_what_was_not_placed(self) -> None:
        cluster = picture()
        agent, job = machine(cluster), submitted(cluster)
        placed(cluster, job, agent, 3)
        run(cluster, agent, job)
        cluster.bury(agent, "silence", NOW)
        cluster.settle(NOW)
        self.assertEqual(job.tally.stages[kStagePending], 3)
        machine(cluster, report=full_report(group(job, [0, 1, 2], healthy=True)))
        self.assertEqual((job.tally.healthy, agent.kills), (3, set()))

    def test_the_last_rule_applies_to_everything(self) -> None:
        """Liveness: no copy is left without a judgement."""
        self.assertTrue(RULES[-1].applies(None))  # type: ignore[arg-type]


class ReportLaws(SynchronousTestCase):
    """For any reports, in any order, true or not."""

    @settings(deadline=None, max_examples=80)
    @given(data=st.data())
    def test_a_slot_has_one_machine_and_every_other_copy_is_to_be_stopped(
        self, data: st.DataObject
    ) -> None:
        """Safety: after any full reports of all, each copy is the slot's or on the list to stop."""
        cluster = picture(endpoints=["a:1", "b:1", "c:1"], epoch=data.draw(st.integers(1, 3)))
        job = loaded(submitted(cluster, descriptor(replica=3)))
        has: dict[str, dict[int, int]] = {}
        for _ in range(data.draw(st.integers(1, 8))):
            endpoint = data.draw(st.sampled_from(["a:1", "b:1", "c:1"]))
            has[endpoint] = data.draw(
                st.dictionaries(st.integers(0, 4), st.integers(1, 4), max_size=4)
            )
            report = full_report(
                *(
                    group(job, [index], incarnation=incarnation)
                    for index, incarnation in has[endpoint].items()
                )
            )
            machine(cluster, endpoint, report=report)
            check_counts(self, cluster)
        for endpoint, attempts in has.items():
            agent = cluster.fleet.find(endpoint)
            assert agent is not None
            for index, incarnation in attempts.items():
                pod = job.pods.get(index)
                holds = pod is not None and pod.agent is agent and pod.incarnation == incarnation
                stopped = (job.job_id, index, incarnation) in agent.kills
                self.assertTrue(holds or stopped, (endpoint, index, incarnation))
