"""Which pods move, and when; and the laws of it."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.amend import as_it_is
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, turn
from galaxy.master.moves import NONE, Moves, moves, out
from galaxy.master.pods import Event, change, observe, vanish
from galaxy.master.progress import progress
from galaxy.master.reconcile import held, wanted
from galaxy.master.update import restarted, steered, updated
from galaxy.protocol.master_pb2 import kSteerPause
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    kBatch,
    kJobSuspended,
    kLongRun,
    kPodDeploying,
    kPodRunning,
    kStageDeath,
    kStagePending,
    kStageRunning,
    kUpdateNone,
    kUpdateNormal,
)
from tests.master.examples import (
    NOW,
    descriptor,
    machine,
    picture,
    placed,
    run,
    submitted,
)
from tests.master.test_pods import check_counts


def other(asked: JobDescriptor, version: str = "v2", millicores: int = 0) -> JobDescriptor:
    """The same job with another version of its pods."""
    changed = JobDescriptor()
    changed.CopyFrom(asked)
    changed.pod.version = version
    if millicores:
        changed.pod.requirement.millicores = millicores
        changed.pod.tasks[0].requirement.millicores = millicores
    return changed


def begin(cluster: Cluster, job: Job, asked: JobDescriptor, breakpoint_: int = 0) -> None:
    """Begin an update, and carry nothing out yet."""
    amendment = updated(job, asked, breakpoint_, complete=True, now=NOW)
    assert amendment is not None
    cluster.amend(job, amendment, "ada", NOW)


class MoveTests(SynchronousTestCase):
    """Ten pods that run well on one machine."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.asked = descriptor(replica=10, deploy_step=3)
        self.job = submitted(self.cluster, self.asked)
        self.agent = machine(self.cluster)
        for _ in range(4):
            placed(self.cluster, self.job, self.agent, 3)
            run(self.cluster, self.agent, self.job)

    def moves(self) -> Moves:
        return moves(self.job, [self.agent] if self.agent.draining else [], NOW)

    def fall_ill(self, *indexes: int) -> None:
        for index in indexes:
            observe(self.cluster.journal, self.job.pods[index], kPodRunning, False)

    def test_nothing_moves_without_a_reason(self) -> None:
        self.assertEqual(self.moves(), NONE)

    def test_of_those_that_are_in_a_step_moves(self) -> None:
        begin(self.cluster, self.job, other(self.asked))
        self.assertEqual(self.moves(), Moves(renew=(0, 1, 2)))

    def test_those_that_are_out_anyway_move_at_once(self) -> None:
        self.fall_ill(3, 4, 5, 6, 7)
        begin(self.cluster, self.job, other(self.asked))
        self.assertEqual(self.moves(), Moves(renew=(3, 4, 5, 6, 7)))

    def test_those_that_are_out_count(self) -> None:
        """Whatever the reason: also those that wait for a machine (§12.1, 9)."""
        self.fall_ill(9)
        change(self.cluster.journal, self.job.pods[8], Event.LEAVES, "", NOW)
        begin(self.cluster, self.job, other(self.asked))
        self.assertEqual(self.moves(), Moves(renew=(9, 0)))

    def test_one_that_waits_takes_the_new_version_where_it_is(self) -> None:
        for event in (Event.LEAVES, Event.GONE):
            change(self.cluster.journal, self.job.pods[8], event, "", NOW)
        begin(self.cluster, self.job, other(self.asked))
        self.assertEqual(self.moves().retarget, (8,))
        self.cluster.settle(NOW)
        self.assertEqual(self.job.latest.pending, {8})
        check_counts(self, self.cluster)

    def test_without_a_step_a_tenth_and_at_least_one(self) -> None:
        for replica, expected in ((0, 1), (5, 1), (19, 1), (20, 2), (1000, 100)):
            self.assertEqual(submitted(picture(), descriptor(replica=replica)).step, expected)

    def test_in_place_only_if_it_fits_with_what_the_pod_has(self) -> None:
        """A machine of 4000 millicores, 1000 of them taken, three pods moving."""
        begin(self.cluster, self.job, other(self.asked, millicores=1600))
        self.assertEqual(self.moves(), Moves(renew=(0, 1), leave=(2,)))

    def test_in_place_only_if_the_labels_are_there(self) -> None:
        asked = other(self.asked)
        asked.pod.labels.append("ssd")
        begin(self.cluster, self.job, asked)
        self.assertEqual(self.moves(), Moves(leave=(0, 1, 2)))

    def test_a_pod_waits_while_its_machine_takes_nothing(self) -> None:
        """As when the connection is down for a moment: that is no reason to move away."""
        self.agent.connected = False
        begin(self.cluster, self.job, other(self.asked))
        self.assertEqual(self.moves(), NONE)

    def test_a_machine_that_is_drained_is_left_by_steps(self) -> None:
        self.agent.offline = True
        self.assertEqual(self.moves(), Moves(leave=(0, 1, 2)))

    def test_of_many_machines_that_are_drained_a_small_job_leaves_its_own(self) -> None:
        cluster = picture()
        job, agent = submitted(cluster, descriptor(replica=2)), machine(cluster)
        placed(cluster, job, agent, 1)
        run(cluster, agent, job)
        others = [machine(cluster, f"b{number}:1") for number in range(3)]
        placed(cluster, job, others[0], 1)
        run(cluster, others[0], job)
        for one in others:
            one.offline = True
        (moving,) = moves(job, others, NOW).leave
        self.assertIs(job.pods[moving].agent, others[0])

    def test_a_held_update_moves_nothing_and_a_drain_goes_on(self) -> None:
        begin(self.cluster, self.job, other(self.asked))
        paused = steered(self.job, kSteerPause, "", complete=True, now=NOW)
        assert paused is not None
        self.cluster.amend(self.job, paused, "ada", NOW)
        self.assertEqual(self.moves(), NONE)
        self.agent.offline = True
        self.assertEqual(len(self.moves().leave), 3)

    def test_a_breakpoint_bounds_what_moves(self) -> None:
        begin(self.cluster, self.job, other(self.asked), breakpoint_=2)
        self.assertEqual(len(self.moves().renew), 2)
        self.cluster.settle(NOW)
        run(self.cluster, self.agent, self.job)
        self.assertEqual(self.moves(), NONE)

    def test_a_breakpoint_does_not_hold_up_who_is_there_and_ill(self) -> None:
        """Liveness: who was restarted on the way to it is judged by the attempt that follows."""
        begin(self.cluster, self.job, other(self.asked), breakpoint_=1)
        self.cluster.settle(NOW)
        self.cluster.amend(self.job, restarted(self.job, 0, NOW), "ada", NOW)
        vanish(self.cluster.journal, self.job.pods[1], "it is lost", NOW)
        self.cluster.settle(NOW)
        there, waiting = self.job.pods[0], self.job.pods[1]
        self.assertEqual((waiting.stage, waiting.version.name), (kStagePending, "v2"))
        self.assertEqual((there.version.name, there.generation), ("v2", self.job.generation))
        check_counts(self, self.cluster)

    def test_a_rolling_restart_has_a_step_of_its_own(self) -> None:
        self.cluster.amend(self.job, restarted(self.job, 5, NOW), "ada", NOW)
        self.assertEqual(len(self.moves().renew), 5)

    def test_a_job_that_is_not_to_run_moves_nothing(self) -> None:
        begin(self.cluster, self.job, other(self.asked))
        turn(self.cluster.journal, self.job, kJobSuspended, "", "ada", NOW)
        self.assertEqual(self.moves(), NONE)

    def test_what_takes_over_is_told_and_stops_nothing(self) -> None:
        begin(self.cluster, self.job, other(self.asked))
        self.cluster.settle(NOW)
        pod = self.job.pods[0]
        self.assertEqual((pod.stage, pod.incarnation, pod.version.name), (kStageRunning, 2, "v2"))
        self.assertEqual(self.agent.takeovers[pod], (1,))
        self.assertEqual((len(self.agent.untold), self.agent.kills), (3, set()))
        check_counts(self, self.cluster)

    def test_one_that_goes_before_it_took_over_takes_its_predecessor_along(self) -> None:
        begin(self.cluster, self.job, other(self.asked))
        self.cluster.settle(NOW)
        change(self.cluster.journal, self.job.pods[0], Event.STOPPED, "", NOW)
        job_id = self.job.job_id
        self.assertEqual(self.agent.kills, {(job_id, 0, 1), (job_id, 0, 2)})
        self.assertEqual(self.agent.strangers, {(job_id, 0, 1)})
        self.assertNotIn(self.job.pods[0], self.agent.takeovers)

    def test_what_an_index_of_a_batch_has_begun_it_ends(self) -> None:
        cluster = picture()
        asked = descriptor(type=kBatch, replica=4)
        job, agent = submitted(cluster, asked), machine(cluster)
        placed(cluster, job, agent, 2)
        run(cluster, agent, job)
        begin(cluster, job, other(asked))
        waiting = sorted(job.versions[0].pending)
        self.assertEqual(moves(job, [], NOW), Moves(retarget=tuple(waiting)))


class MoveLaws(SynchronousTestCase):
    """For jobs in all conditions."""

    def scene(self, data: st.DataObject) -> tuple[Cluster, Job, list[Agent]]:
        """A job of up to a dozen pods in all kinds of states on three machines."""
        cluster = picture()
        asked = descriptor(
            type=data.draw(st.sampled_from([kLongRun, kBatch])),
            replica=data.draw(st.integers(0, 12)),
            deploy_step=data.draw(st.integers(0, 4)),
            millicores=400,
        )
        job = submitted(cluster, asked)
        agents = [machine(cluster, f"{name}:1") for name in "abc"]
        for agent in agents:
            placed(cluster, job, agent, data.draw(st.integers(0, 5)))
            agent.untold.clear()
        for index in sorted(job.pods):
            pod = job.pods[index]
            if pod.stage != kStageRunning:
                continue
            fate = data.draw(st.sampled_from(["healthy", "ill", "deploying", "dies", "healthy"]))
            if fate == "dies":
                change(cluster.journal, pod, Event.LEAVES, "", NOW)
            else:
                state = kPodDeploying if fate == "deploying" else kPodRunning
                observe(cluster.journal, pod, state, fate == "healthy")
        cluster.settle(NOW)
        millicores = data.draw(st.sampled_from([0, 100, 900, 1500]))
        if data.draw(st.booleans()):
            begin(cluster, job, other(asked, millicores=millicores), data.draw(st.integers(0, 6)))
        elif data.draw(st.booleans()):
            amendment = restarted(job, data.draw(st.integers(0, 3)), NOW)
            cluster.amend(job, amendment, "ada", NOW)
        for agent in agents:
            agent.offline = data.draw(st.sampled_from([False, False, True]))
            cluster.journal.moved[agent] = None
        return cluster, job, agents

    @settings(deadline=None, max_examples=120)
    @given(data=st.data())
    def test_no_more_than_a_step_is_taken_out(self, data: st.DataObject) -> None:
        """Safety: of those that were in; and no machine is promised more than it has."""
        cluster, job, agents = self.scene(data)
        were_in, were_out = job.tally.healthy, out(job)
        cluster.settle(NOW)
        taken_out = were_in - job.tally.healthy
        self.assertLessEqual(taken_out, max(0, job.step - were_out))
        for agent in agents:
            self.assertLessEqual(agent.assigned_millicores, agent.total.millicores)
        check_counts(self, cluster)

    @settings(deadline=None, max_examples=120)
    @given(data=st.data())
    def test_carried_out_nothing_is_left_to_move(self, data: st.DataObject) -> None:
        """Safety: what is moved twice is stopped twice."""
        cluster, job, agents = self.scene(data)
        cluster.settle(NOW)
        draining = [agent for agent in agents if agent.draining]
        if progress(job, NOW) is None:
            self.assertEqual(moves(job, draining, NOW), NONE)

    @settings(deadline=None, max_examples=60)
    @given(data=st.data())
    def test_an_update_to_a_healthy_version_ends(self, data: st.DataObject) -> None:
        """Liveness: with room, and machines that do as they are told."""
        cluster, job, agents = self.scene(data)
        agents.append(machine(cluster, "d:1"))
        agents[-1].total = evolve(agents[-1].total, millicores=100_000)
        if job.update.breakpoint:
            unbound = evolve(job.update, breakpoint=0)
            cluster.amend(job, evolve(as_it_is(job, ""), update=unbound), "ada", NOW)
        for _ in range(60):
            self.one_round(cluster, job, agents)
        if not job.ends:
            self.assertEqual(job.update.state, kUpdateNone)
            self.assertEqual((held(job), job.tally.healthy), (wanted(job), wanted(job)))
        self.assertEqual(job.behind, set())
        for agent in agents:
            self.assertTrue(not agent.draining or not agent.pods)

    def one_round(self, cluster: Cluster, job: Job, agents: list[Agent]) -> None:
        cluster.settle(NOW)
        amendment = progress(job, NOW)
        if amendment is not None:
            cluster.amend(job, amendment, "master", NOW)
        for agent in agents:
            agent.untold.clear()
            agent.takeovers.clear()
            agent.kills.clear()
            agent.strangers.clear()
            for pod in tuple(agent.pods):
                if pod.stage == kStageRunning and job.ends and job.is_behind(pod):
                    job.finished.add(pod.index)
                    change(cluster.journal, pod, Event.DONE, "", NOW)
                if pod.stage == kStageRunning:
                    observe(cluster.journal, pod, kPodRunning, True)
                else:
                    change(cluster.journal, pod, Event.GONE, "", NOW)
        cluster.settle(NOW)
        for version in job.versions:
            for agent in agents:
                if version.pending and not agent.unfit(NOW) and version is job.latest:
                    placed(cluster, job, agent, len(version.pending))

    def test_the_scene_has_updates(self) -> None:
        """Else the laws would say nothing."""
        cluster, asked = picture(), descriptor(replica=2)
        job, agent = submitted(cluster, asked), machine(cluster)
        placed(cluster, job, agent, 2)
        run(cluster, agent, job)
        begin(cluster, job, other(asked))
        self.assertEqual(job.update.state, kUpdateNormal)
        stages = {pod.stage for pod in job.pods.values()}
        self.assertEqual(stages & {kStageDeath, kStagePending}, set())
