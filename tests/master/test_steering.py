"""The methods of the service Master that change jobs, over a wire."""

from __future__ import annotations

from galaxy.nexus.interfaces import Unavailable
from galaxy.protocol.agent_pb2 import PodRefusal
from galaxy.protocol.master_pb2 import (
    RestartJobRequest,
    ResumeJobRequest,
    ScaleJobRequest,
    SteerUpdateRequest,
    StepDownRequest,
    SuspendJobRequest,
    TerminateJobRequest,
    UpdateJobRequest,
    UpdateJobResponse,
    kSteerRollback,
)
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    Status,
    kBatch,
    kJobNormal,
    kJobSuspended,
    kPodFinish,
    kUpdateNone,
    kUpdateNormal,
)
from tests.master.examples import descriptor
from tests.master.test_moves import other
from tests.master.test_service import ADDRESS, MasterTests


class SteeringTests(MasterTests):
    """One agent, and a job of six pods that run."""

    def setUp(self) -> None:
        super().setUp()
        self.agent = self.world.agent("a")
        self.asked = other(descriptor(replica=6, deploy_step=3), "v1")
        self.world.submit(self.asked)
        self.go_on()
        self.assertEqual(self.world.job().healthy, 6)

    def go_on(self, rounds: int = 6) -> None:
        """Everybody does what there is to do."""
        for _ in range(rounds):
            self.world.schedule()
            self.agent.run_all()
            self.world.advance(0.5)

    def update(self, asked: JobDescriptor) -> UpdateJobResponse:
        request = UpdateJobRequest(job_id="web", job=asked)
        return self.world.do(self.world.stub.update_job(request))

    def versions(self) -> set[str]:
        return {pod.version for pod in self.agent.pods.values()}

    def test_an_update_is_on_record_before_the_answer(self) -> None:
        before = len(self.world.stored())
        response = self.update(other(self.asked))
        self.assertEqual((response.version, response.changed), ("v2", True))
        self.assertEqual(len(self.world.stored()), before + 1)
        self.assertFalse(self.update(other(self.asked)).changed)

    def test_what_cannot_be_written_is_not_begun(self) -> None:
        self.world.nexus.break_("commit", Unavailable("disk full"), times=1)
        request = UpdateJobRequest(job_id="web", job=other(self.asked))
        self.assert_refused(Status.kPersistenceError, self.world.stub.update_job(request))
        self.go_on()
        self.assertEqual((self.versions(), self.world.job().version), ({"v1"}, "v1"))

    def test_two_updates_at_the_same_moment_come_one_after_the_other(self) -> None:
        """And are on record in that order (§12.3, 17)."""
        calls = [
            self.world.stub.update_job(
                UpdateJobRequest(job_id="web", job=other(self.asked, version))
            )
            for version in ("v2", "v3")
        ]
        answers = [self.world.do(call).version for call in calls]
        self.assertEqual((answers, self.world.job().version), (["v2", "v3"], "v3"))
        self.world.restart_master()
        self.world.do(self.agent.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual(self.world.job().version, "v3")
        self.go_on(10)
        self.assertEqual((self.versions(), self.world.job().update_state), ({"v3"}, kUpdateNone))

    def test_it_goes_on_in_another_reign(self) -> None:
        self.update(other(self.asked))
        self.world.advance(0.2)
        self.assertEqual(self.versions(), {"v1", "v2"})
        self.world.restart_master()
        self.world.do(self.agent.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual(self.world.job().update_state, kUpdateNormal)
        self.go_on(10)
        self.assertEqual((self.versions(), self.world.job().update_state), ({"v2"}, kUpdateNone))

    def test_a_rolling_restart_goes_on_in_another_reign_and_restarts_nothing_twice(self) -> None:
        self.world.do(self.world.stub.restart_job(RestartJobRequest(job_id="web", step=2)))
        self.world.advance(0.2)
        self.assertEqual(len(self.agent.launches), 8)
        self.world.restart_master()
        self.world.do(self.agent.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.go_on(10)
        self.assertEqual((len(self.agent.launches), self.world.job().updated), (12, 6))
        self.assertEqual(self.world.job().update_state, kUpdateNone)

    def test_a_takeover_that_got_lost_is_told_again(self) -> None:
        self.agent.deaf.add("run")
        self.update(other(self.asked))
        self.world.advance(0.5)
        self.assertEqual(self.versions(), {"v1"})
        self.agent.deaf.clear()
        self.world.advance(15)
        self.go_on(10)
        self.assertEqual(self.versions(), {"v2"})
        self.assertNotIn("kill", self.agent.commands)

    def test_a_takeover_that_is_refused_leaves_first(self) -> None:
        """What was there is stopped and gone before the slot is placed again."""
        self.agent.refuse = PodRefusal(status=Status.kQuota, reason="the disk is full")
        self.agent.slow_to_die = True
        self.update(other(self.asked))
        self.world.advance(1)
        shown = self.world.job()
        self.assertEqual((shown.death, shown.healthy, len(self.agent.pods)), (3, 3, 6))
        self.agent.refuse, self.agent.slow_to_die = None, False
        for job_id, index in sorted(self.agent.pods)[:3]:
            self.agent.lose(job_id, index)
        self.world.advance(3)
        self.go_on(10)
        self.assertEqual((self.versions(), self.world.job().healthy), ({"v2"}, 6))

    def test_a_job_killed_in_the_midst_of_a_takeover_leaves_nothing(self) -> None:
        """Neither of what was to come nor of what was there."""
        self.agent.deaf.add("run")
        self.update(other(self.asked))
        self.world.advance(0.5)
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id="web")))
        self.world.advance(15)
        self.agent.deaf.clear()
        self.world.advance(3)
        self.assertEqual((self.agent.pods, self.world.stored()), ({}, []))

    def test_suspend_and_resume_are_what_they_are_however_often(self) -> None:
        suspend, resume = SuspendJobRequest(job_id="web"), ResumeJobRequest(job_id="web")
        for _ in range(2):
            self.world.do(self.world.stub.suspend_job(suspend))
        self.world.advance(1)
        self.assertEqual((self.world.job().state, self.agent.pods), (kJobSuspended, {}))
        for _ in range(2):
            self.world.do(self.world.stub.resume_job(resume))
        self.go_on()
        self.assertEqual((self.world.job().state, self.world.job().healthy), (kJobNormal, 6))

    def test_a_job_that_has_ended_is_not_changed_any_more(self) -> None:
        self.world.submit(descriptor("count", type=kBatch, replica=1))
        self.world.schedule()
        self.agent.advance(kPodFinish)
        self.world.advance(1)
        stub = self.world.stub
        refused = (
            stub.scale_job(ScaleJobRequest(job_id="count", replica=3)),
            stub.suspend_job(SuspendJobRequest(job_id="count")),
            stub.resume_job(ResumeJobRequest(job_id="count")),
            stub.steer_update(SteerUpdateRequest(job_id="count", steering=kSteerRollback)),
        )
        for call in refused:
            reason = self.assert_refused(Status.kJobUpdateFail, call)
            self.assertIn("kJobFinished", reason)

    def test_a_restart_sent_again_is_one_restart_also_for_the_next_leader(self) -> None:
        request = RestartJobRequest(job_id="web", request_id="r")
        for _ in range(2):
            self.world.do(self.world.stub.restart_job(request))
        self.assertEqual(self.generation(), 1)
        self.take_over()
        self.world.do(self.world.stub.restart_job(request))
        self.assertEqual(self.generation(), 1)
        self.world.do(
            self.world.stub.restart_job(RestartJobRequest(job_id="web", request_id="another"))
        )
        self.assertEqual(self.generation(), 2)

    def test_an_update_sent_again_does_not_begin_what_was_taken_back(self) -> None:
        request = UpdateJobRequest(job_id="web", job=other(self.asked), request_id="r")
        self.assertTrue(self.world.do(self.world.stub.update_job(request)).changed)
        self.world.do(
            self.world.stub.steer_update(
                SteerUpdateRequest(job_id="web", steering=kSteerRollback, request_id="another")
            )
        )
        self.take_over()
        answer = self.world.do(self.world.stub.update_job(request))
        self.assertEqual((answer.version, answer.changed), ("v1", True))

    def test_a_rollback_sent_again_goes_back_once(self) -> None:
        self.update(other(self.asked))
        request = SteerUpdateRequest(job_id="web", steering=kSteerRollback, request_id="r")
        for _ in range(2):
            answer = self.world.do(self.world.stub.steer_update(request))
            self.assertEqual(answer.version, "v1")

    def generation(self) -> int:
        return self.world.cluster().jobs.resolve("web").generation

    def take_over(self) -> None:
        """Another master leads from now on."""
        address = "127.0.0.1:7829"
        self.world.master, self.world.nexus = self.world.start_master(address)
        self.world.do(self.world.stub.step_down(StepDownRequest(epoch=1)))
        self.world.stub = self.world.dial(address)
