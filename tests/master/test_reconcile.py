"""What a job lacks, rule by rule; and the law that enough is enough."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.jobs import turn
from galaxy.master.pods import Event, change, observe, place
from galaxy.master.reconcile import (
    RULES,
    Ignorance,
    held,
    launchable,
    shortfall,
    wanted,
)
from galaxy.protocol.types_pb2 import (
    kBatch,
    kJobFinished,
    kJobNormal,
    kJobTerminated,
    kLongRun,
    kPodRunning,
    kStageRemoved,
    kSystem,
)
from tests.master.examples import NOW, descriptor, loaded, machine, picture, placed, run, submitted

KNOWING = Ignorance()


class RuleTests(SynchronousTestCase):
    """One test for each rule."""

    def test_a_new_job_lacks_all_its_slots(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        job.pods.clear()
        job.tally.stages[1] = 0
        self.assertEqual(shortfall(job, KNOWING).create, (0, 1, 2))

    def test_in_safe_mode_nothing_is_missing(self) -> None:
        job = submitted(picture())
        job.replica = 10
        lack = shortfall(job, Ignorance(safe_mode=True))
        self.assertEqual((lack.create, lack.stop), ((), ()))

    def test_slots_of_a_loaded_job_may_be_on_an_agent_not_heard_of(self) -> None:
        job = loaded(submitted(picture()))
        job.replica = 10
        self.assertEqual(shortfall(job, Ignorance(unheard_agents=True)).create, ())
        self.assertEqual(len(shortfall(job, KNOWING).create), 7)

    def test_a_job_of_this_reign_waits_for_nobody(self) -> None:
        job = submitted(picture())
        job.replica = 4
        self.assertEqual(shortfall(job, Ignorance(unheard_agents=True)).create, (3,))

    def test_a_terminated_job_is_stopped_whole_and_then_forgotten(self) -> None:
        cluster = picture()
        job, agent = submitted(cluster), machine(cluster)
        placed(cluster, job, agent, 2)
        turn(cluster.journal, job, kJobTerminated, "", "ada", NOW)
        balance = cluster.settle(NOW)
        self.assertEqual({pod.stage for pod in job.pods.values()}, {kStageRemoved})
        self.assertEqual(balance.forgotten, ())
        for pod in tuple(job.pods.values()):
            change(cluster.journal, pod, Event.GONE, "", NOW)
        self.assertEqual(cluster.settle(NOW).forgotten, (job,))

    def test_too_many_pods_lose_those_that_cost_least(self) -> None:
        """A waiting pod before a running one, the highest index first."""
        cluster = picture()
        job, agent = submitted(cluster, descriptor(replica=6)), machine(cluster)
        placed(cluster, job, agent, 3)
        running = {pod.index for pod in agent.pods}
        job.replica = 2
        lack = shortfall(job, KNOWING)
        self.assertEqual(len(lack.stop), 4)
        self.assertEqual(len(running - set(lack.stop)), 2)
        self.assertLessEqual(set(job.pods) - running, set(lack.stop))

    def test_a_batch_lacks_no_index_that_has_finished(self) -> None:
        cluster = picture()
        job = submitted(cluster, descriptor(type=kBatch, replica=4))
        change(cluster.journal, job.pods[2], Event.STOPPED, "", NOW)
        job.finished.add(2)
        cluster.settle(NOW)
        self.assertEqual(sorted(job.pods), [0, 1, 3])

    def test_a_batch_with_all_finished_has_finished(self) -> None:
        cluster = picture()
        job = submitted(cluster, descriptor(type=kBatch, replica=2))
        job.finished |= {0, 1}
        self.assertEqual(shortfall(job, KNOWING).state, kJobFinished)

    def test_every_rule_has_a_name_of_its_own(self) -> None:
        self.assertEqual(len({rule.name for rule in RULES}), len(RULES))


class DeployStepTests(SynchronousTestCase):
    """How many may be placed now."""

    def test_without_a_step_all_at_once(self) -> None:
        self.assertEqual(launchable(submitted(picture(), descriptor(replica=50))), 50)

    def test_what_is_placed_and_not_yet_healthy_is_in_motion(self) -> None:
        cluster = picture()
        job = submitted(cluster, descriptor(replica=10, deploy_step=4))
        agent = machine(cluster)
        placed(cluster, job, agent, 3)
        self.assertEqual(launchable(job), 1)
        run(cluster, agent, job)
        self.assertEqual(launchable(job), 4)

    def test_a_pod_that_fell_ill_is_not_in_motion_again(self) -> None:
        """Else one that crashes for ever would keep its job from being repaired."""
        cluster = picture()
        job = submitted(cluster, descriptor(replica=2, deploy_step=1))
        agent = machine(cluster)
        placed(cluster, job, agent, 1)
        run(cluster, agent, job, healthy=True)
        run(cluster, agent, job, healthy=False)
        self.assertEqual(launchable(job), 1)

    def test_a_batch_runs_a_step_at_a_time(self) -> None:
        cluster = picture()
        job = submitted(cluster, descriptor(type=kBatch, replica=10, deploy_step=4))
        agent = machine(cluster)
        placed(cluster, job, agent, 4)
        run(cluster, agent, job)
        self.assertEqual(launchable(job), 0)


class ReconcileLaws(SynchronousTestCase):
    """For jobs of all kinds in all conditions."""

    @settings(deadline=None, max_examples=80)
    @given(data=st.data())
    def test_applied_to_its_own_result_it_says_nothing(self, data: st.DataObject) -> None:
        """Safety: what is begun twice is run twice. And it leaves as many slots as are wanted."""
        cluster = picture()
        job = submitted(
            cluster,
            descriptor(
                type=(kind := data.draw(st.sampled_from([kBatch, kLongRun, kSystem]))),
                replica=0 if kind == kSystem else data.draw(st.integers(0, 8)),
                deploy_step=data.draw(st.integers(0, 3)),
            ),
        )
        agent = machine(cluster)
        if kind == kSystem:
            job.replica = data.draw(st.integers(0, 8))
            job.homes = data.draw(st.sampled_from([set(), {agent}]))
            cluster.journal.jobs[job] = None
            cluster.settle(NOW)
        for index in data.draw(st.sets(st.sampled_from(range(8)))):
            pod = job.pods.get(index)
            if pod is None:
                continue
            place(cluster.journal, pod, agent, "", NOW)
            fate = data.draw(st.sampled_from(["runs", *Event]))
            if fate in {"runs", Event.RENEWED}:
                observe(cluster.journal, pod, kPodRunning, True)
            elif fate in {Event.LEAVES, Event.STOPPED}:
                change(cluster.journal, pod, Event(fate), "", NOW)
        job.replica = data.draw(st.integers(0, 8))
        if job.ends:
            for over in (job.finished, job.failed):
                indexes = data.draw(st.sets(st.integers(0, 8), max_size=3))
                over |= {i for i in indexes if i not in job.pods and not job.has_ended(i)}
            job.beyond = sum(index >= job.replica for index in (*job.finished, *job.failed))
        if data.draw(st.booleans()):
            turn(cluster.journal, job, kJobTerminated, "", "", NOW)
        cluster.journal.jobs[job] = None
        for ended, lack in cluster.settle(NOW).ended:
            assert lack.state is not None
            turn(cluster.journal, ended, lack.state, lack.why, "master", NOW)
        cluster.settle(NOW)
        again = shortfall(job, KNOWING)
        self.assertEqual((again.create, again.stop), ((), ()))
        if job.state == kJobNormal:
            leaving = sum(pod.stage == kStageRemoved for pod in job.pods.values())
            self.assertLessEqual(held(job), wanted(job))
            self.assertGreaterEqual(held(job) + leaving, wanted(job))
            self.assertFalse(any(job.has_ended(index) for index in job.pods))
        else:
            self.assertEqual(held(job), 0)
