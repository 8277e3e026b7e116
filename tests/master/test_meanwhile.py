"""What happens while the master waits: for the nexus, for an agent, for who reads."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.chronicle import Chronicle, Wanted
from galaxy.master.events import Happening
from galaxy.master.waiting import Waiting
from galaxy.master.watching import watch
from galaxy.master.work import shared
from galaxy.nexus.interfaces import OutcomeUnknown, Unavailable
from galaxy.protocol.agent_pb2 import (
    PodRefusal,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
)
from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import (
    Events,
    ExplainRequest,
    GetStatusRequest,
    RestartJobRequest,
    ScaleJobRequest,
    ShowPodRequest,
    StepDownRequest,
    SuspendJobRequest,
    TerminateJobRequest,
    UpdateJobRequest,
)
from galaxy.protocol.types_pb2 import Status, kBatch, kPodFinish
from galaxy.stored import CLUSTER
from tests.master.examples import NOW, descriptor
from tests.master.fakes import FakeAgent
from tests.master.test_service import ADDRESS, MasterTests

OTHER = "127.0.0.1:7829"


@define(eq=False)
class SlowAgent(FakeAgent):
    """One that does what it is told, and answers when the test says so."""

    gate: Deferred[None] | None = field(default=None)

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Answer Agent.RunPods."""
        response = await super().run_pods(request, call)
        if self.gate is not None:
            await self.gate
        return response

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """Answer Agent.ShowPods."""
        response = await super().show_pods(request, call)
        if self.gate is not None:
            await self.gate
        return response


class SlowAgentTests(MasterTests):
    """An agent's answer is awaited."""

    def setUp(self) -> None:
        super().setUp()
        self.a = SlowAgent(self.world.clock, "a:8221")
        self.world.agents.append(self.a)
        self.world.do(self.a.connect(self.world.network, ADDRESS))
        self.world.advance(1)

    def test_description_that_is_another_by_now_is_told_again(self) -> None:
        asked = descriptor(replica=1)
        job_id = self.world.submit(asked)
        self.a.gate = Deferred()
        self.world.schedule()
        asked.retries = 7
        self.world.do(self.world.stub.update_job(UpdateJobRequest(job_id=job_id, job=asked)))
        self.a.gate.callback(None)
        self.world.do(self.world.stub.scale_job(ScaleJobRequest(job_id=job_id, replica=2)))
        self.world.schedule()
        (told,) = self.a.descriptions.values()
        self.assertEqual((len(self.a.pods), told.retries), (2, 7))

    def restart_while_told(self) -> tuple[str, Deferred[None]]:
        """A pod's launch is not answered yet, and another attempt is to take its place."""
        job_id = self.world.submit(descriptor(replica=1))
        gate = self.a.gate = Deferred()
        self.world.schedule()
        self.world.do(self.world.stub.restart_job(RestartJobRequest(job_id=job_id)))
        self.world.advance(0.2)
        return job_id, gate

    def test_attempt_that_took_the_place_of_the_one_told_of_is_told_of_too(self) -> None:
        job_id, gate = self.restart_while_told()
        gate.callback(None)
        self.world.advance(0.2)
        self.assertEqual(self.a.launches, [(job_id, 0, 1), (job_id, 0, 2)])

    def test_attempt_that_took_the_place_of_the_one_refused_is_not_refused(self) -> None:
        self.a.refuse = PodRefusal(status=Status.kQuota, reason="no room")
        job_id, gate = self.restart_while_told()
        self.a.refuse = None
        gate.callback(None)
        self.world.advance(0.2)
        self.assertEqual(self.a.launches, [(job_id, 0, 2)])

    def test_pod_that_is_gone_by_then_is_not_shown(self) -> None:
        self.world.run(descriptor(replica=2))
        self.a.gate = Deferred()
        shown = self.world.stub.show_pod(ShowPodRequest(job_id="web"))
        self.world.do(self.world.stub.scale_job(ScaleJobRequest(job_id="web", replica=1)))
        self.world.advance(1)
        self.a.gate.callback(None)
        self.assertEqual([pod.index for pod in self.world.do(shown).pods], [0])

    def test_pod_that_is_gone_by_then_is_not_explained(self) -> None:
        self.world.run(descriptor(replica=2))
        self.a.gate = Deferred()
        explained = self.world.stub.explain(ExplainRequest(target="web.1"))
        self.world.do(self.world.stub.scale_job(ScaleJobRequest(job_id="web", replica=1)))
        self.world.advance(1)
        self.a.gate.callback(None)
        self.assert_refused(Status.kPodNotFound, explained)


class SlowNexusTests(MasterTests):
    """A write is awaited."""

    def test_who_would_suspend_a_job_that_is_being_killed_is_told(self) -> None:
        job_id = self.world.submit()
        killed = self.world.stub.terminate_job(TerminateJobRequest(job_id=job_id))
        suspended = self.world.stub.suspend_job(SuspendJobRequest(job_id=job_id))
        self.world.do(killed)
        reason = self.assert_refused(Status.kJobUpdateFail, suspended)
        self.assertIn("it cannot be suspended", reason)

    def test_everybody_in_the_line_is_told_that_the_reign_is_over(self) -> None:
        jobs = [self.world.submit(descriptor(f"job-{number}")) for number in range(500)]
        self.world.ensemble.latency_s = 0.2
        self.world.nexus.break_(
            "commit", OutcomeUnknown("the answer was lost"), times=1, carried_out=True
        )
        answers: list[Any] = []
        for job_id in jobs:
            request = TerminateJobRequest(job_id=job_id)
            self.world.stub.terminate_job(request).addErrback(answers.append)
        self.world.advance(3)
        statuses = Counter(Status.Name(answer.value.status) for answer in answers)
        self.assertEqual(statuses, {"kPersistenceError": 1, "kNotLeader": len(jobs) - 1})

    def test_an_index_that_ended_is_not_recorded_after_its_job(self) -> None:
        """It could not be written at first; by now the job is forgotten."""
        a = self.world.agent("a")
        self.world.run(descriptor(type=kBatch, replica=1))
        self.world.nexus.break_("commit", Unavailable("no quorum"), times=1)
        a.advance(kPodFinish)
        self.world.clock.advance(0)
        killed = self.world.stub.terminate_job(TerminateJobRequest(job_id="web"))
        self.world.clock.advance(0.02)  # before it is tried again
        self.successResultOf(killed)
        self.world.advance(2)
        self.assertEqual(self.world.stored(), [])

    def test_a_cluster_has_one_identity_though_who_was_heard_first_went_away(self) -> None:
        self.world.ensemble.latency_s = 0.2
        first, second = (FakeAgent(self.world.clock, f"{name}:8221") for name in "ab")
        self.world.do(first.connect(self.world.network, ADDRESS))
        first.hang_up()
        self.world.do(second.connect(self.world.network, ADDRESS))
        self.world.advance(3)
        written = [
            change.key for changes, _ in self.world.nexus.commits for change in changes
        ].count(CLUSTER)
        self.assertEqual((written, second.obeyed), (1, {self.world.cluster().identity}))


class SharedWorkTests(SynchronousTestCase):
    """Many wait for one piece of work."""

    def test_a_fault_of_ours_is_told_of_though_nobody_waits(self) -> None:
        gate: Deferred[None] = Deferred()

        async def fail() -> None:
            await gate
            raise ZeroDivisionError

        waiting = shared({}, "key", fail)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        gate.callback(None)
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class SteppingDownTests(MasterTests):
    """Another master is to lead."""

    def test_who_steps_down_stands_again_though_its_caller_went_away(self) -> None:
        self.world.start_master(OTHER)
        self.world.ensemble.latency_s = 0.2
        call = self.world.stub.step_down(StepDownRequest(epoch=1))
        self.world.advance(0.3)
        call.cancel()
        self.failureResultOf(call, CancelledError)
        self.world.advance(2)
        status = self.world.do(self.world.dial(OTHER).get_status(GetStatusRequest()))
        self.assertEqual((status.epoch, list(status.standbys)), (2, [ADDRESS]))


class SlowReaderTests(SynchronousTestCase):
    """An event is on its way to who reads."""

    def test_what_comes_while_it_is_told_that_something_was_lost_is_not_waited_for(self) -> None:
        clock = Clock()
        chronicle, waiting = Chronicle(100, 1, NOW), Waiting(clock)
        sent: list[Events] = []
        read: list[Deferred[None]] = []

        async def send(message: Events) -> None:
            sent.append(message)
            read.append(Deferred())
            await read[-1]

        following = Deferred.fromCoroutine(
            watch(chronicle, waiting, Wanted(since=NOW - 1), send, follow=True)
        )
        self.assertEqual([message.lost for message in sent], [True])
        chronicle.add([Happening("agent", NOW, "", "kAlive", "", "master", endpoint="a:1")])
        waiting.wake()
        read[0].callback(None)
        self.assertEqual([len(message.events) for message in sent], [0, 1])
        following.cancel()
        self.failureResultOf(following, CancelledError)
