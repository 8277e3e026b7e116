"""The stages of pods, as a table and as what moves along with them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job
from galaxy.master.pods import (
    STAGES,
    Event,
    IllegalChange,
    adopt,
    change,
    create,
    observe,
    place,
    renew,
    vanish,
)
from galaxy.protocol.types_pb2 import (
    PodStage,
    kPodDeploying,
    kPodRunning,
    kStageDeath,
    kStageFinished,
    kStagePending,
    kStageRemoved,
    kStageRunning,
    kStageUnset,
    kSystem,
)
from tests.master.examples import NOW, descriptor, machine, picture, submitted


class TableTests(SynchronousTestCase):
    """What follows on what."""

    def test_every_pod_can_come_to_an_end(self) -> None:
        """Liveness: from each stage there is a way to the slot's end."""
        for stage in PodStage.values():
            reached = {stage}
            for _ in PodStage.values():
                reached |= {after for (before, _), after in STAGES.items() if before in reached}
            self.assertIn(kStageUnset, reached)

    def test_nothing_follows_on_the_end(self) -> None:
        """Safety: a slot that is gone does not come back; a new one is made."""
        self.assertEqual([pair for pair in STAGES if pair[0] == kStageUnset], [])

    def test_a_machine_is_left_only_when_nothing_is_left_on_it(self) -> None:
        """Safety: no pod is to be placed again, or forgotten, before its machine is free of it."""
        for (before, event), after in STAGES.items():
            if before != kStagePending and after in {kStagePending, kStageUnset}:
                self.assertEqual(event, Event.GONE)

    def test_what_was_done_is_never_placed_again(self) -> None:
        """Safety: from Finished there is no way to Pending."""
        self.assertEqual(
            {after for (before, _), after in STAGES.items() if before == kStageFinished},
            {kStageUnset},
        )
        self.assertEqual(
            {after for (before, _), after in STAGES.items() if before == kStageRemoved},
            {kStageUnset},
        )

    def test_an_absent_pair_names_both(self) -> None:
        cluster = picture()
        pod = submitted(cluster).pods[1]
        with self.assertRaisesRegex(IllegalChange, r"GONE .* web_000000000000\.1 .*kStagePending"):
            change(cluster.journal, pod, Event.GONE, "", NOW)


class ChangeTests(SynchronousTestCase):
    """What a change takes along."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.job = submitted(self.cluster, descriptor(replica=1))
        self.agent = machine(self.cluster)
        self.pod = self.job.pods[0]

    def test_a_placed_pod_takes_its_machines_resources_and_is_to_be_told(self) -> None:
        place(self.cluster.journal, self.pod, self.agent, "", NOW)
        self.assertEqual(self.pod.incarnation, 1)
        self.assertEqual(self.agent.assigned_millicores, 100)
        self.assertEqual(self.agent.untold, {self.pod})
        self.assertIn(self.agent, self.cluster.journal.outgoing)
        self.assertEqual(self.job.latest.pending, set())

    def test_a_pod_that_leaves_holds_its_machine_until_it_is_gone(self) -> None:
        place(self.cluster.journal, self.pod, self.agent, "", NOW)
        change(self.cluster.journal, self.pod, Event.LEAVES, "drained", NOW)
        self.assertEqual((self.pod.stage, self.agent.assigned_millicores), (kStageDeath, 100))
        self.assertEqual(self.agent.kills, {(self.job.job_id, 0, 1)})
        vanish(self.cluster.journal, self.pod, "drained", NOW)
        self.assertEqual((self.pod.stage, self.agent.assigned_millicores), (kStagePending, 0))
        self.assertEqual(self.agent.kills, set())
        self.assertIsNone(self.pod.agent)

    def test_a_lost_pod_waits_again(self) -> None:
        place(self.cluster.journal, self.pod, self.agent, "", NOW)
        vanish(self.cluster.journal, self.pod, "lost", NOW + 5)
        self.assertEqual(self.pod.stage, kStagePending)
        self.assertEqual((self.pod.reason, self.pod.pending_time), ("lost", NOW + 5))

    def test_a_removed_pod_that_is_lost_is_no_more(self) -> None:
        """Galaxy 2 brought the removed and finished pods of a dead agent back (§12.1, 4)."""
        place(self.cluster.journal, self.pod, self.agent, "", NOW)
        change(self.cluster.journal, self.pod, Event.STOPPED, "", NOW)
        vanish(self.cluster.journal, self.pod, "", NOW)
        self.assertEqual(self.job.pods, {})

    def test_a_pod_is_settled_once_it_was_healthy(self) -> None:
        place(self.cluster.journal, self.pod, self.agent, "", NOW)
        self.assertEqual(self.job.in_motion(), 1)
        observe(self.cluster.journal, self.pod, kPodRunning, True)
        self.assertEqual(self.job.in_motion(), 0)
        observe(self.cluster.journal, self.pod, kPodRunning, False)
        self.assertEqual((self.job.in_motion(), self.job.tally.healthy), (0, 0))

    def test_pods_that_change_alike_are_one_happening(self) -> None:
        self.cluster.journal.take_happenings(NOW)
        job = submitted(self.cluster, descriptor("many", replica=40))
        for pod in job.pods.values():
            place(self.cluster.journal, pod, self.agent, "", NOW)
        (happening,) = self.cluster.journal.take_happenings(NOW)
        self.assertEqual((happening.before, happening.after), ("kStagePending", "kStageRunning"))
        self.assertEqual(len(happening.pods), 40)


def recounted(job: Job) -> tuple[object, ...]:
    """What the tally should say."""
    stages = [0] * len(PodStage.values())
    running = healthy = settled = 0
    for pod in job.pods.values():
        stages[pod.stage] += 1
        if pod.stage == kStageRunning:
            running += pod.state == kPodRunning
            healthy += pod.healthy
            settled += pod.settled
    return stages[1:], running, healthy, settled


def check_counts(case: SynchronousTestCase, cluster: Cluster) -> None:
    """Every count in the picture is what counting gives."""
    for job in cluster.jobs:
        tally = job.tally
        counted = (tally.stages[1:], tally.running, tally.healthy, tally.settled)
        case.assertEqual(counted, recounted(job))
        case.assertEqual(job.behind, {i for i, pod in job.pods.items() if job.is_behind(pod)})
        if job.type == kSystem:
            case.assertEqual(job.astray, job.on_agents.keys() - job.homes)
        for version in job.versions:
            waiting = {
                pod.index
                for pod in job.pods.values()
                if pod.version is version and pod.stage == kStagePending
            }
            case.assertLessEqual(version.pending, waiting)
            case.assertLessEqual(waiting - version.pending, job.setbacks.keys())
    for agent in cluster.fleet:
        pods = {pod for job in cluster.jobs for pod in job.pods.values() if pod.agent is agent}
        case.assertEqual(agent.pods, pods)
        case.assertEqual(
            agent.assigned_millicores, sum(pod.version.requirement.millicores for pod in pods)
        )
        case.assertEqual(
            set(agent.ports), {port for pod in pods for port in pod.version.requirement.ports}
        )
        case.assertLessEqual(agent.untold, pods)
        case.assertLessEqual(agent.takeovers.keys(), agent.untold)


class CountLaws(SynchronousTestCase):
    """Counts are kept at the door, and never counted anew: so they must be right."""

    @settings(deadline=None, max_examples=60)
    @given(
        steps=st.lists(
            st.tuples(st.integers(0, 3), st.sampled_from(["place", "adopt", "observe", *Event])),
            max_size=60,
        )
    )
    def test_counts_are_what_counting_gives(self, steps: list[tuple[int, str | Event]]) -> None:
        """Safety, for any order of events that the table allows."""
        cluster = picture()
        job = submitted(cluster, descriptor(replica=4, ports=(8080,), max_per_host=1))
        agents = [machine(cluster, "a:1"), machine(cluster, "b:1")]
        for number, (index, step) in enumerate(steps):
            pod = job.pods.get(index)
            agent = agents[number % 2]
            if pod is None:
                create(cluster.journal, job, index, number, NOW)
            elif step == "place" and pod.stage == kStagePending:
                place(cluster.journal, pod, agent, "", NOW)
            elif step == "adopt" and pod.stage == kStagePending:
                adopt(cluster.journal, pod, agent, number, job.latest, 0, NOW)
            elif step == Event.RENEWED and pod.stage == kStageRunning and pod.agent is not None:
                renew(cluster.journal, pod, "", NOW)
            elif step == "observe" and pod.stage == kStageRunning:
                state = kPodRunning if number % 3 else kPodDeploying
                observe(cluster.journal, pod, state, number % 5 == 0)
            elif (
                isinstance(step, Event)
                and step not in {Event.PLACED, Event.FOUND, Event.RENEWED}
                and (pod.stage, step) in STAGES
            ):
                change(cluster.journal, pod, step, "", NOW)
        check_counts(self, cluster)
