"""What is said of jobs and pods, from the master's own knowledge and a scheduler's."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.backoff import Setback
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, turn
from galaxy.master.pods import Event, change, vanish
from galaxy.master.standing import Standing, sentence, standing_of_job, standing_of_pod
from galaxy.protocol.agent_pb2 import PodStatus, TaskStatus
from galaxy.protocol.master_pb2 import Unplaced
from galaxy.protocol.scheduler_pb2 import DryRunResponse
from galaxy.protocol.types_pb2 import (
    kBatch,
    kJobFailed,
    kJobSuspended,
    kJobTerminated,
    kPodSuspend,
)
from tests.master.examples import (
    NOW,
    delta,
    descriptor,
    group,
    machine,
    merged,
    picture,
    placed,
    run,
    submitted,
)

NOWHERE = DryRunResponse(unplaced=[Unplaced(count=1, reason="1 of 1 agents lacks cpu")], agents=1)


def said(cluster: Cluster, job: Job, advice: DryRunResponse | str = NOWHERE) -> str:
    """The sentence about a job."""
    return sentence(standing_of_job(cluster, job, NOW), advice)


class JobTests(SynchronousTestCase):
    """The sentence about a job as a whole."""

    def test_jobs_that_are_not_to_run(self) -> None:
        """The state is the reason, and no scheduler need be asked."""
        for state, words in (
            (kJobSuspended, "suspended"),
            (kJobTerminated, "terminated; 3 of its pods are being stopped"),
            (kJobFailed, "has failed: the reason"),
        ):
            cluster = picture()
            job = submitted(cluster)
            turn(cluster.journal, job, state, "the reason", "test", NOW)
            standing = standing_of_job(cluster, job, NOW)
            self.assertEqual(standing.waiting, ())
            self.assertIn(words, sentence(standing, NOWHERE))

    def test_who_waits_is_asked_about(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        (group,) = standing_of_job(cluster, job, NOW).waiting
        self.assertEqual((group.job_id, group.count), (job.job_id, 3))
        self.assertEqual(
            said(cluster, job), "3 of 3 pods wait for a machine: 1 of 1 agents lacks cpu"
        )

    def test_what_an_agent_says_of_the_first_that_is_unwell(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        agent = machine(cluster)
        placed(cluster, job, agent, 3)
        merged(cluster, agent, delta(group(job, [0], state=kPodSuspend)))
        status = PodStatus(index=0, reason="task 0 exited with 1")
        standing = standing_of_job(cluster, job, NOW, status)
        self.assertEqual(standing.besides[-1], "the agent of pod 0 says: task 0 exited with 1")

    def test_room_that_is_there_is_told(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        self.assertIn("there is room", said(cluster, job, DryRunResponse(agents=1)))

    def test_deploy_step_comes_before_places(self) -> None:
        cluster = picture()
        job = submitted(cluster, descriptor(deploy_step=1))
        placed(cluster, job, machine(cluster), 1)
        self.assertEqual(
            said(cluster, job),
            "2 of 3 pods wait for a machine: its deploy_step is 1, and 1 is in motion;"
            " 1 is on a machine and not healthy:"
            " pod 0 on a:1 was not taken by its agent yet",
        )

    def test_all_that_is_known_is_in_one_sentence(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        first, second = machine(cluster, "a:1"), machine(cluster, "b:1")
        placed(cluster, job, first, 1)
        run(cluster, first, job)
        placed(cluster, job, second, 1)
        leaving = next(iter(second.pods))
        change(cluster.journal, leaving, Event.LEAVES, "others come first", NOW)
        self.assertEqual(
            said(cluster, job),
            "1 of 3 pods waits for a machine: 1 of 1 agents lacks cpu;"
            " 1 of 3 runs and is healthy; 1 leaves its machine: others come first",
        )

    def test_slots_that_ended_and_slots_that_failed_lately(self) -> None:
        cluster = picture()
        job = submitted(cluster, descriptor(type=kBatch, replica=5))
        agent = machine(cluster)
        placed(cluster, job, agent, 1)
        job.setbacks[0] = Setback(3, NOW + 10)
        vanish(cluster.journal, job.pods[0], "it was given up", NOW)
        for index, ended in ((3, job.finished), (4, job.failed)):
            change(cluster.journal, job.pods[index], Event.STOPPED, "", NOW)
            ended.add(index)
        self.assertEqual(
            said(cluster, job),
            "2 of 3 pods wait for a machine: 1 of 1 agents lacks cpu;"
            " 1 waits after failures, the next try is in 10 s;"
            " 1 of 5 have finished, 1 of 5 have failed",
        )
        standing = standing_of_pod(cluster, job.pods[0], None, NOW)
        self.assertEqual(standing.waiting, ())
        self.assertEqual(
            sentence(standing, NOWHERE),
            "it waits: it was given up 3 times in a row, and is tried again in 10 s;"
            " before that: it was given up",
        )


class PodTests(SynchronousTestCase):
    """The sentence about one pod."""

    def test_a_pod_that_waits_is_asked_about_alone(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        standing = standing_of_pod(cluster, job.pods[1], None, NOW)
        self.assertEqual([one.count for one in standing.waiting], [1])
        self.assertEqual(
            sentence(standing, NOWHERE), "it waits for a machine: 1 of 1 agents lacks cpu"
        )

    def test_a_pod_in_its_back_off(self) -> None:
        """The agent knows why, and when it tries again."""
        cluster = picture()
        job = submitted(cluster)
        agent = machine(cluster)
        placed(cluster, job, agent, 3)
        merged(cluster, agent, delta(group(job, [0], state=kPodSuspend)))
        tasks = [TaskStatus(reason="main exited with 1", next_try_time=NOW + 12)]
        standing = standing_of_pod(cluster, job.pods[0], PodStatus(tasks=tasks), NOW)
        self.assertEqual(
            sentence(standing, NOWHERE),
            "it is on a:1 and waits before its next start: main exited with 1: next try in 12 s",
        )

    def test_a_pod_that_runs(self) -> None:
        cluster = picture()
        job = submitted(cluster)
        agent = machine(cluster)
        placed(cluster, job, agent, 3)
        run(cluster, agent, job)
        standing = standing_of_pod(cluster, job.pods[0], None, NOW)
        self.assertEqual(standing, Standing(besides=("it runs on a:1 and is healthy",)))
