"""The picture as people are shown it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.overview import (
    agent_overview,
    job_in_full,
    job_overview,
    pod_overview,
    status,
)
from galaxy.master.propose import note_unplaced
from galaxy.protocol.master_pb2 import Unplaced
from galaxy.protocol.types_pb2 import (
    kAlive,
    kPodDeploying,
    kSourceTypeBinary,
    kStagePending,
    kStageRunning,
    kUpdateNormal,
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
from tests.master.test_moves import begin, other


class OverviewTests(SynchronousTestCase):
    """Jobs, pods, agents, the whole."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agent = machine(self.cluster)
        self.job = submitted(self.cluster, descriptor(replica=4, priority=7))

    def test_a_job_counts_its_pods(self) -> None:
        placed(self.cluster, self.job, self.agent, 2)
        run(self.cluster, self.agent, self.job)
        placed(self.cluster, self.job, self.agent, 1)
        shown = job_overview(self.job)
        counted = (shown.running, shown.healthy, shown.deploying, shown.pending, shown.death)
        self.assertEqual(counted, (2, 2, 1, 1, 0))
        self.assertEqual((shown.name, shown.user, shown.priority), ("web", "ada", 7))

    def test_an_update_shows_how_far_it_is(self) -> None:
        placed(self.cluster, self.job, self.agent, 4)
        run(self.cluster, self.agent, self.job)
        self.assertEqual(job_overview(self.job).updated, 4)
        begin(self.cluster, self.job, other(descriptor(replica=4, priority=7)), 3)
        shown = job_in_full(self.job)
        self.assertEqual((shown.job.updated, shown.job.breakpoint), (0, 3))
        self.assertEqual(shown.job.update_state, kUpdateNormal)
        self.assertEqual(shown.job.reason, "")
        self.cluster.settle(NOW)
        waits = "the update waits until fewer pods are out: 1 are, and its step is 1"
        self.assertEqual(job_overview(self.job).reason, waits)
        self.assertEqual([version.pods for version in shown.versions], [4, 0])

    def test_counts_that_lack_agents_say_so(self) -> None:
        """Right after a fail-over nothing runs, as far as one knows: that is no outage."""
        self.assertEqual(job_overview(self.job, self.cluster.unheard(self.job)).awaited, 0)
        self.job.loaded = True
        self.cluster.awaited.add(self.agent)
        shown = job_overview(self.job, self.cluster.unheard(self.job))
        self.assertEqual((shown.awaited, shown.reason), (1, "an agent has not reported yet"))
        full = job_in_full(self.job, 2)
        self.assertEqual((full.job.awaited, full.job.reason), (2, "2 agents have not reported yet"))

    def test_packages_inside_a_job_are_not_shown(self) -> None:
        task = self.job.latest.pod.tasks[0]
        task.source_type, task.binary = kSourceTypeBinary, b"x" * 1000
        shown = job_in_full(self.job)
        self.assertEqual(shown.spec.pod.tasks[0].binary, b"")
        self.assertEqual(task.binary, b"x" * 1000)
        self.assertEqual([(v.version, v.pods) for v in shown.versions], [(shown.job.version, 4)])

    def test_a_pod_that_waits_says_why(self) -> None:
        note_unplaced(
            self.cluster,
            Unplaced(
                job_id=self.job.job_id, version=self.job.latest.name, reason="no agent has an ssd"
            ),
        )
        shown = pod_overview(self.job.pods[0], None)
        self.assertEqual((shown.stage, shown.reason), (kStagePending, "no agent has an ssd"))
        self.assertEqual(job_overview(self.job).reason, "no agent has an ssd")

    def test_a_placed_pod_says_where(self) -> None:
        placed(self.cluster, self.job, self.agent, 4)
        merged(self.cluster, self.agent, delta(group(self.job, [2], state=kPodDeploying)))
        shown = pod_overview(self.job.pods[2], None)
        self.assertEqual((shown.stage, shown.state), (kStageRunning, kPodDeploying))
        self.assertEqual((shown.endpoint, shown.sched_time), ("a:1", NOW))
        self.assertFalse(shown.HasField("status"))

    def test_of_what_is_well_there_is_nothing_to_say(self) -> None:
        """Neither of a healthy pod that was found after a restart, nor of a living agent."""
        placed(self.cluster, self.job, self.agent, 1)
        run(self.cluster, self.agent, self.job)
        (pod,) = self.agent.pods
        pod.reason, self.agent.reason = "its agent has it", "its heartbeat came"
        self.assertEqual(pod_overview(pod, None).reason, "")
        self.assertEqual(agent_overview(self.agent).reason, "")
        merged(self.cluster, self.agent, delta(group(self.job, [pod.index], state=kPodDeploying)))
        self.assertEqual(pod_overview(pod, None).reason, "its agent has it")

    def test_an_agent_says_what_it_granted(self) -> None:
        placed(self.cluster, self.job, self.agent, 3)
        shown = agent_overview(self.agent)
        self.assertEqual((shown.state, shown.pods), (kAlive, 3))
        self.assertEqual(shown.cpu_assigned_millicores, 300)

    def test_the_whole_counts_machines_that_are_there(self) -> None:
        placed(self.cluster, self.job, self.agent, 3)
        self.cluster.bury(machine(self.cluster, "b:1"), "silence", NOW)
        shown = status(self.cluster, "m:1", "3.0")
        self.assertEqual((shown.agents_total, shown.agents_alive, shown.agents_dead), (2, 1, 1))
        self.assertEqual((shown.cpu.total, shown.cpu.assigned), (4000, 300))
        self.assertEqual((shown.pods_deploying, shown.pods_pending), (3, 1))
        self.assertEqual((shown.leader, shown.epoch, shown.build), ("m:1", 1, "3.0"))
