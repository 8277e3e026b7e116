"""Jobs that change while they run."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import (
    JobOverview,
    RestartJobRequest,
    ResumeJobRequest,
    ScaleJobRequest,
    ShowJobRequest,
    SteerUpdateRequest,
    SuspendJobRequest,
    UpdateJobRequest,
    UpdateSteering,
    kSteerContinue,
    kSteerPause,
    kSteerRollback,
)
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    UpdatePolicy,
    kBatch,
    kJobNormal,
    kJobSuspended,
    kStageRunning,
    kUpdateNone,
    kUpdateNormal,
    kUpdateReverting,
    kUpdateSuspend,
)
from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job

STEP = 3
REPLICA = 20
DEADLINE_S = 20.0


def web(version: str = "v1", **more: Any) -> JobDescriptor:
    """Twenty pods, three at a time."""
    command = {"bad": "exit 1"}.get(version, f"serve {version}")
    policy = UpdatePolicy(healthy_deadline_s=DEADLINE_S, auto_revert=more.pop("auto_revert", False))
    usual: dict[str, Any] = {"replica": REPLICA, "deploy_step": STEP, "update": policy}
    return job(version=version, command=command, **(usual | more))


class UpdateStories(SynchronousTestCase):
    """A cluster in which twenty pods run; what is told is counted by what really runs."""

    def setUp(self) -> None:
        self.cluster = Cluster.started(self, agents=4)

    def run_web(self, **more: Any) -> None:
        self.job_id = self.cluster.submit(web(**more))
        for _ in range(60):
            if self.job().healthy == more.get("replica", REPLICA):
                break
            self.cluster.advance(1)
        self.assertEqual(self.job().healthy, more.get("replica", REPLICA))

    def job(self) -> JobOverview:
        request = ShowJobRequest(job_id=self.job_id)
        return self.cluster.ask(lambda master: master.show_job(request)).job

    def update(self, version: str, breakpoint_: int = 0, **more: Any) -> None:
        request = UpdateJobRequest(
            job_id=self.job_id, job=web(version, **more), breakpoint=breakpoint_
        )
        self.cluster.ask(lambda master: master.update_job(request))

    def steer(self, steering: UpdateSteering, version: str = "") -> None:
        request = SteerUpdateRequest(job_id=self.job_id, steering=steering, version=version)
        self.cluster.ask(lambda master: master.steer_update(request))

    def scale(self, replica: int) -> None:
        request = ScaleJobRequest(job_id=self.job_id, replica=replica)
        self.cluster.ask(lambda master: master.scale_job(request))

    def versions(self) -> dict[str, int]:
        """How many pods that have a machine have which version."""
        counts: dict[str, int] = {}
        for pod in self.cluster.pods(self.job_id):
            if pod.stage == kStageRunning:
                counts[pod.version] = counts.get(pod.version, 0) + 1
        return counts

    def serving(self) -> int:
        """How many pods have a main process that runs."""
        containers = {
            process.container
            for _, process in self.cluster.processes()
            if process.name.startswith("main")
        }
        return len(containers)

    def watch(self, at_least: int, seconds: float = 120.0) -> None:
        """Until the update is over or held, never fewer pods than that serve."""
        for _ in range(round(seconds / 0.25)):
            self.cluster.advance(0.25)
            self.assertGreaterEqual(self.serving(), at_least)
            self.assertGreaterEqual(self.job().healthy, at_least)
            if self.job().update_state in {kUpdateNone, kUpdateSuspend}:
                return
        self.fail(f"the update is not over: {self.job()}")

    def test_rolling_update(self) -> None:
        """
        Every pod gets the new version where it is, never more than deploy_step out.

        Galaxy 2 paced updates by its polls, without a gate (§12.1, 9).
        """
        self.run_web()
        places = self.cluster.placed(self.job_id)
        self.update("v2")
        self.assertEqual(self.job().update_state, kUpdateNormal)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v2": REPLICA})
        self.assertEqual((self.job().healthy, self.job().updated), (REPLICA, REPLICA))
        self.assertEqual(self.cluster.placed(self.job_id), places, "in place")

    def test_rolling_update_without_room_for_one_more(self) -> None:
        """A full cluster is updated too, a step at a time (§12.1, 9)."""
        self.run_web(millicores=800)
        self.update("v2", millicores=790)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v2": REPLICA})

    def test_a_version_that_needs_more_goes_where_there_is_room(self) -> None:
        """Not in place: the pod leaves, and is placed again."""
        self.run_web(replica=4, millicores=3000, deploy_step=1)
        self.cluster.add_machine(millicores=8000)
        self.update("v2", replica=4, millicores=3500, deploy_step=1)
        self.watch(at_least=3)
        self.assertEqual(self.versions(), {"v2": 4})

    def test_rollback(self) -> None:
        """Back to the version before, by name or without, as carefully as forth."""
        self.run_web()
        self.update("v2")
        self.watch(at_least=REPLICA - STEP)
        self.steer(kSteerRollback)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v1": REPLICA})
        self.steer(kSteerRollback, "v2")
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v2": REPLICA})

    def test_rollback_in_the_midst(self) -> None:
        """Of an update that goes on, back means to where it began."""
        self.run_web()
        self.update("v2")
        self.cluster.advance(1)
        self.steer(kSteerRollback)
        self.watch(at_least=REPLICA - 2 * STEP)
        self.assertEqual(self.versions(), {"v1": REPLICA})

    def test_breakpoint(self) -> None:
        """It stops when so many pods are moved and healthy, and goes on when told to."""
        self.run_web()
        self.update("v2", breakpoint_=5)
        self.watch(at_least=REPLICA - STEP)
        shown = self.job()
        self.assertEqual((shown.update_state, shown.updated), (kUpdateSuspend, 5))
        self.assertIn("breakpoint: 5 pods", shown.reason)
        self.cluster.advance(30)
        self.assertEqual(self.versions(), {"v1": REPLICA - 5, "v2": 5})
        self.steer(kSteerContinue)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v2": REPLICA})

    def test_pause(self) -> None:
        """Held where it is, for as long as it pleases."""
        self.run_web()
        self.update("v2")
        self.cluster.advance(1)
        self.steer(kSteerPause)
        self.cluster.advance(5)
        before = self.versions()
        self.assertEqual(len(before), 2)
        self.cluster.advance(60)
        self.assertEqual(self.versions(), before)
        self.assertEqual(self.job().healthy, REPLICA)
        self.steer(kSteerContinue)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v2": REPLICA})

    def test_a_failing_version_reverts_by_itself(self) -> None:
        """No more than a step ever gets it (§12.1, 9)."""
        self.run_web(auto_revert=True)
        self.update("bad", auto_revert=True)
        seen = set()
        for _ in range(round((DEADLINE_S + 60) / 0.5)):
            self.cluster.advance(0.5)
            self.assertGreaterEqual(self.serving(), REPLICA - STEP)
            self.assertLessEqual(self.versions().get("bad", 0), STEP)
            seen.add(self.job().update_state)
            if self.job().update_state == kUpdateNone:
                break
        self.assertIn(kUpdateReverting, seen)
        self.assertEqual(self.versions(), {"v1": REPLICA})
        self.assertIn("version bad is taken back", self.job().reason)
        self.assertEqual(self.job().version, "v1")

    def test_a_failing_version_is_held_if_it_is_not_to_revert(self) -> None:
        """It waits for somebody, with the reason; rolled back, all is well."""
        self.run_web()
        self.update("bad")
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.job().update_state, kUpdateSuspend)
        self.assertIn("the update has failed: pod", self.job().reason)
        self.steer(kSteerRollback)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v1": REPLICA})

    def test_master_dies_in_the_midst(self) -> None:
        """The next one goes on with it, as carefully."""
        self.run_web()
        self.update("v2")
        self.cluster.advance(1)
        self.cluster.kill_master()
        self.cluster.advance(1)
        self.cluster.start_master()
        for _ in range(40):
            self.cluster.advance(0.25)
            self.assertGreaterEqual(self.serving(), REPLICA - STEP)
        self.watch(at_least=REPLICA - STEP)
        self.assertEqual(self.versions(), {"v2": REPLICA})

    def test_master_dies_at_a_breakpoint(self) -> None:
        """What was held stays held."""
        self.run_web()
        self.update("v2", breakpoint_=5)
        self.watch(at_least=REPLICA - STEP)
        self.cluster.kill_master()
        self.cluster.advance(1)
        self.cluster.start_master()
        self.cluster.advance(30)
        self.assertEqual(self.job().update_state, kUpdateSuspend)
        self.assertEqual(self.versions(), {"v1": REPLICA - 5, "v2": 5})

    def test_scale_during_an_update(self) -> None:
        """Each does what it means alone; nothing is stopped twice (§12.1, 5)."""
        self.run_web()
        self.update("v2")
        self.cluster.advance(1)
        self.scale(24)
        self.cluster.advance(2)
        self.scale(16)
        self.watch(at_least=16 - STEP)
        self.cluster.advance(5)
        self.assertEqual(self.versions(), {"v2": 16})
        self.assertEqual(self.serving(), 16)

    def test_scale(self) -> None:
        """Up and down; what is down is down (§12.1, 5)."""
        self.run_web()
        self.scale(5)
        self.cluster.advance(10)
        self.assertEqual((self.serving(), self.job().replica), (5, 5))
        self.scale(12)
        self.cluster.advance(30)
        self.assertEqual((self.serving(), self.job().healthy), (12, 12))

    def test_suspend_and_resume(self) -> None:
        """Suspended nothing runs; resumed all does, also by another master."""
        self.run_web(deploy_step=0)
        suspend = SuspendJobRequest(job_id=self.job_id)
        self.cluster.ask(lambda master: master.suspend_job(suspend))
        self.cluster.advance(5)
        self.assertEqual((self.serving(), self.job().state), (0, kJobSuspended))
        self.cluster.kill_master()
        self.cluster.start_master()
        self.cluster.advance(20)
        self.assertEqual((self.serving(), self.job().state), (0, kJobSuspended))
        resume = ResumeJobRequest(job_id=self.job_id)
        self.cluster.ask(lambda master: master.resume_job(resume))
        self.cluster.advance(10)
        self.assertEqual((self.serving(), self.job().state), (REPLICA, kJobNormal))

    def test_rolling_restart(self) -> None:
        """Every pod is restarted once, by the master, a step at a time."""
        self.run_web()
        launches = self.cluster.launches()
        before = {pod.index: pod.incarnation for pod in self.cluster.pods(self.job_id)}
        request = RestartJobRequest(job_id=self.job_id, step=2)
        self.cluster.ask(lambda master: master.restart_job(request))
        self.watch(at_least=REPLICA - 2)
        after = {pod.index: pod.incarnation for pod in self.cluster.pods(self.job_id)}
        self.assertEqual(after, {index: number + 1 for index, number in before.items()})
        self.assertEqual(self.cluster.launches(), launches + REPLICA)

    def test_an_index_of_a_batch_ends_as_it_began(self) -> None:
        """What waits gets the new version; what runs, and what has finished, does not run again."""
        self.job_id = self.cluster.submit(
            job("count", replica=6, kind=kBatch, command="sleep 5", deploy_step=2)
        )
        self.cluster.advance(7)
        asked = job("count", replica=6, kind=kBatch, command="sleep 4", deploy_step=2, version="v2")
        request = UpdateJobRequest(job_id=self.job_id, job=asked)
        self.cluster.ask(lambda master: master.update_job(request))
        self.cluster.advance(40)
        self.assertEqual((self.job().finished, self.cluster.launches()), (6, 6))
        self.assertEqual(self.job().update_state, kUpdateNone)
