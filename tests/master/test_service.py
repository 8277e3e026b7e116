"""
The master over a wire: fake agents, a fake scheduler, one clock.

Each test is a short story of a cluster.
"""

from __future__ import annotations

from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from galaxy.master.cluster import Cluster
from galaxy.master.service import Master, MasterService
from galaxy.nexus.failing import FailingNexus
from galaxy.nexus.house import MOVED, UNFINISHED
from galaxy.nexus.interfaces import Delete, Entry, NexusError, Put, StaleEpoch, Unavailable
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from galaxy.protocol.agent_pb2 import PodRefusal
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.master_pb2 import (
    GetPendingJobsRequest,
    GetResourceSnapshotRequest,
    GetStatusRequest,
    GetStatusResponse,
    HeartBeatRequest,
    JobOverview,
    ListAgentsRequest,
    ListJobsRequest,
    PodsUse,
    ShowJobRequest,
    ShowPodRequest,
    ShowTaskRequest,
    StepDownRequest,
    SubmitJobRequest,
    TerminateJobRequest,
)
from galaxy.protocol.services import IMaster, MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    PodState,
    Status,
    kAlive,
    kBatch,
    kDead,
    kJobFailed,
    kJobFinished,
    kJobNormal,
    kJobTerminated,
    kPodError,
    kPodFinish,
    kPodRunning,
    kStagePending,
    kStageRunning,
)
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import MasterSettings
from galaxy.stored import CLUSTER
from tests.master.examples import descriptor, facts
from tests.master.fakes import FakeAgent, schedule

T = TypeVar("T")

ADDRESS = "127.0.0.1:7828"


class World:
    """A nexus, a network, masters, agents, on one clock."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.network = LoopbackNetwork(self.clock)
        self.ensemble = MemoryEnsemble(self.clock)
        self.settings = MasterSettings(**settings)
        self.participants: list[MemoryNexus] = []
        self.master, self.nexus = self.start_master(ADDRESS)
        self.agents: list[FakeAgent] = []
        self.stub = self.dial(ADDRESS)

    def start_master(self, address: str) -> tuple[Master, FailingNexus]:
        self.participants.append(MemoryNexus(self.ensemble))
        opened = FailingNexus(self.participants[-1])
        settings = evolve(self.settings, listen=address)
        master = Master(self.clock, self.network, lambda: opened, settings, Random(7), "test")
        master.startService()
        self.advance(0.1)
        return master, opened

    def stop_master(self) -> None:
        self.do(self.master.stopService())

    def restart_master(self) -> None:
        """The agents notice, and dial again."""
        self.stop_master()
        self.master, self.nexus = self.start_master(ADDRESS)
        self.stub = self.dial(ADDRESS)

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps that nobody notices."""
        for _ in range(max(1, round(seconds / 0.05))):
            self.clock.advance(0.05)

    def do(self, what: Deferred[T] | Coroutine[Any, Any, T]) -> T:
        """Wait for something, at most a minute of the clock."""
        if not isinstance(what, Deferred):
            what = Deferred.fromCoroutine(what)
        results: list[Any] = []
        failures: list[Any] = []
        what.addCallbacks(results.append, failures.append)
        for _ in range(1200):
            if results or failures:
                break
            self.clock.advance(0.05)
        if failures:
            failures[0].raiseException()
        assert results, "it did not happen within a minute"
        return results[0]

    def dial(self, address: str) -> MasterStub:
        return MasterStub(self.do(self.network.dial(address, Hello(role="client", name="ada@h"))))

    def agent(self, name: str = "a", **options: Any) -> FakeAgent:
        """A machine that joins."""
        agent = FakeAgent(self.clock, f"{name}:8221", **options)
        self.agents.append(agent)
        self.do(agent.connect(self.network, ADDRESS))
        self.advance(1)
        return agent

    def submit(self, asked: JobDescriptor | None = None, request_id: str = "") -> str:
        request = SubmitJobRequest(job=asked or descriptor(), request_id=request_id)
        return self.do(self.stub.submit_job(request)).job_id

    def schedule(self) -> None:
        """One round of the scheduler, and time for what follows."""
        self.do(schedule(self.stub))
        self.advance(0.2)

    def run(self, asked: JobDescriptor | None = None) -> str:
        """A job whose pods run and are healthy."""
        job_id = self.submit(asked)
        self.schedule()
        for agent in self.agents:
            agent.run_all()
        self.advance(1)
        return job_id

    def job(self, word: str = "web") -> JobOverview:
        return self.do(self.stub.show_job(ShowJobRequest(job_id=word))).job

    def cluster(self) -> Cluster:
        assert self.master.leadership.reign is not None
        return self.master.leadership.reign.cluster

    def stored(self) -> list[str]:
        """The keys in the nexus, but for agents and what it is."""
        keys = sorted(self.ensemble.entries)
        return [key for key in keys if not key.startswith("agents/") and key != CLUSTER]


class MasterTests(SynchronousTestCase):
    """A world for each test."""

    def setUp(self) -> None:
        self.world = World()

    def assert_refused(self, status: Status, call: Deferred[Any]) -> str:
        """The call is answered with that status; the reason."""
        with self.assertRaises(GalaxyError) as caught:
            self.world.do(call)
        self.assertEqual(caught.exception.status, status, caught.exception.reason)
        return caught.exception.reason


class SubmissionTests(MasterTests):
    """A job on its way from the caller to its machines."""

    def test_a_job_is_submitted_and_runs(self) -> None:
        a, b = self.world.agent("a"), self.world.agent("b")
        self.world.run(descriptor(replica=50, millicores=100))
        job = self.world.job()
        self.assertEqual((job.state, job.running, job.healthy), (kJobNormal, 50, 50))
        self.assertEqual(len(a.pods) + len(b.pods), 50)

    def test_it_is_in_the_nexus_before_the_answer(self) -> None:
        job_id = self.world.submit()
        self.assertEqual(self.world.stored(), [f"jobs/{job_id}", f"versions/{job_id}/1"])

    def test_what_cannot_be_written_is_not_accepted(self) -> None:
        """kPersistenceError, and the name is free again."""
        self.world.nexus.break_("commit", Unavailable("disk full"), times=1)
        reason = self.assert_refused(
            Status.kPersistenceError, self.world.stub.submit_job(SubmitJobRequest(job=descriptor()))
        )
        self.assertIn("disk full", reason)
        self.assertEqual(self.world.do(self.world.stub.list_jobs(ListJobsRequest())).jobs, [])
        self.world.submit()

    def test_a_repeated_submission_is_the_same_job(self) -> None:
        self.assertEqual(self.world.submit(request_id="r1"), self.world.submit(request_id="r1"))

    def test_a_repeat_while_the_first_is_being_written_waits_for_it(self) -> None:
        request = SubmitJobRequest(job=descriptor(), request_id="r1")
        first = self.world.stub.submit_job(request)
        second = self.world.stub.submit_job(request)
        self.assertEqual(self.world.do(first).job_id, self.world.do(second).job_id)

    def test_a_repeat_after_a_restart_is_the_same_job(self) -> None:
        job_id = self.world.submit(request_id="r1")
        self.world.restart_master()
        self.assertEqual(self.world.submit(request_id="r1"), job_id)

    def test_a_live_jobs_name_is_taken(self) -> None:
        """Galaxy 2 took a second job of a name, and could not find it by it (§12.1, 7)."""
        job_id = self.world.submit()
        reason = self.assert_refused(
            Status.kJobSubmitFail, self.world.stub.submit_job(SubmitJobRequest(job=descriptor()))
        )
        self.assertIn(job_id, reason)

    def test_two_of_a_name_at_the_same_moment_are_not_two(self) -> None:
        request = SubmitJobRequest(job=descriptor())
        first = self.world.stub.submit_job(request)
        second = self.world.stub.submit_job(request)
        self.world.do(first)
        self.assert_refused(Status.kJobSubmitFail, second)

    def test_all_that_is_wrong_is_said_at_once(self) -> None:
        asked = descriptor(replica=-1)
        asked.pod.tasks[0].start_command = ""
        reason = self.assert_refused(
            Status.kInputError, self.world.stub.submit_job(SubmitJobRequest(job=asked))
        )
        self.assertIn("replica", reason)
        self.assertIn("start_command", reason)

    def test_descriptions_travel_once(self) -> None:
        agent = self.world.agent()
        self.world.run(descriptor(replica=5, deploy_step=1))
        for _ in range(4):
            self.world.schedule()
            agent.run_all()
            self.world.advance(1)
        self.assertEqual(self.world.job().running, 5)
        self.assertEqual(len(agent.descriptions), 1)

    def test_deploy_step_bounds_what_is_offered(self) -> None:
        agent = self.world.agent()
        self.world.submit(descriptor(replica=10, deploy_step=3))
        self.world.schedule()
        self.world.schedule()
        self.assertEqual(len(agent.pods), 3)
        agent.run_all()
        self.world.advance(1)
        self.world.schedule()
        self.assertEqual(len(agent.pods), 6)


class TerminationTests(MasterTests):
    """Killing a job."""

    def kill(self, word: str = "web") -> None:
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id=word)))

    def test_it_needs_no_scheduler_and_leaves_nothing(self) -> None:
        """Galaxy 2 needed one, and kept a job that it could not forget (§12.1, 6)."""
        agent = self.world.agent()
        self.world.run()
        self.kill()
        self.world.advance(1)
        self.assertEqual(agent.pods, {})
        self.assertEqual(self.world.stored(), [])
        self.assertEqual(self.world.do(self.world.stub.list_jobs(ListJobsRequest())).jobs, [])

    def test_it_is_visible_while_it_stops(self) -> None:
        agent = self.world.agent(slow_to_die=True)
        job_id = self.world.run()
        self.kill()
        self.world.advance(1)
        self.assertEqual(self.world.job(job_id).state, kJobTerminated)
        for index in range(3):
            agent.lose(job_id, index)
        self.world.advance(1)
        self.assert_refused(
            Status.kJobNotFound, self.world.stub.show_job(ShowJobRequest(job_id=job_id))
        )

    def test_its_name_is_free_at_once(self) -> None:
        self.world.agent(slow_to_die=True)
        first = self.world.run()
        self.kill()
        self.assertNotEqual(self.world.submit(), first)

    def test_a_kill_while_the_job_is_being_forgotten_leaves_nothing(self) -> None:
        """Safety: no late write of its state brings back half a job."""
        agent = self.world.agent(slow_to_die=True)
        job_id = self.world.run(descriptor(replica=1))
        self.kill()
        self.world.ensemble.latency_s = 1.0
        agent.lose(job_id, 0)
        self.world.advance(0.2)
        self.kill(job_id)
        self.world.advance(3)
        self.assertEqual(self.world.stored(), [])

    def test_a_kill_while_the_job_is_finishing_is_a_kill(self) -> None:
        agent = self.world.agent()
        self.world.run(descriptor(type=kBatch, replica=1))
        self.world.ensemble.latency_s = 0.5
        agent.advance(kPodFinish)
        self.world.advance(0.7)
        self.kill()
        self.world.advance(5)
        self.assertEqual(self.world.stored(), [])

    def test_killing_twice_is_killing(self) -> None:
        self.world.agent(slow_to_die=True)
        job_id = self.world.run()
        self.kill(job_id)
        self.kill(job_id)

    def test_a_deletion_that_fails_is_repeated(self) -> None:
        agent = self.world.agent(slow_to_die=True)
        job_id = self.world.run(descriptor(replica=1))
        self.kill()
        self.world.nexus.break_("commit", Unavailable("no quorum"), times=3)
        agent.lose(job_id, 0)
        self.world.advance(0.1)
        self.assertIn(f"jobs/{job_id}", self.world.stored())
        self.world.advance(3)
        self.assertEqual(self.world.stored(), [])

    def test_what_cannot_be_written_is_not_killed(self) -> None:
        agent = self.world.agent()
        self.world.run()
        self.world.nexus.break_("commit", Unavailable("disk full"), times=1)
        self.assert_refused(
            Status.kPersistenceError,
            self.world.stub.terminate_job(TerminateJobRequest(job_id="web")),
        )
        self.world.advance(1)
        self.assertEqual(len(agent.pods), 3)


class AgentTests(MasterTests):
    """Machines that come and go."""

    def test_an_agent_is_on_record_before_its_first_heartbeat_is_answered(self) -> None:
        self.world.agent("a")
        self.assertIn("agents/a:8221", self.world.ensemble.entries)

    def test_a_stranger_is_admitted_when_it_has_said_what_it_is(self) -> None:
        request = HeartBeatRequest(endpoint="b:1", instance="i")
        self.assertTrue(self.world.do(self.world.stub.heart_beat(request)).send_facts)
        self.assertNotIn("agents/b:1", self.world.ensemble.entries)

    def test_a_silent_agent_is_dead_and_its_pods_run_elsewhere(self) -> None:
        a, b = self.world.agent("a"), self.world.agent("b")
        self.world.run()
        self.assertEqual(len(a.pods), 3)
        a.hang_up()
        self.world.advance(5)
        dead, alive = self.world.do(self.world.stub.list_agents(ListAgentsRequest())).agents
        self.assertEqual((dead.state, alive.state), (kDead, kAlive))
        self.assertEqual(self.world.job().pending, 3)
        self.world.schedule()
        self.assertEqual({pod.incarnation for pod in b.pods.values()}, {2})

    def test_a_pod_that_was_not_placed_again_is_taken_back(self) -> None:
        a = self.world.agent("a")
        self.world.run()
        a.hang_up()
        self.world.advance(6)
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(1)
        self.assertEqual(self.world.job().running, 3)
        self.assertNotIn("kill", a.commands)

    def test_a_pod_that_runs_elsewhere_by_now_is_stopped(self) -> None:
        a, b = self.world.agent("a"), self.world.agent("b")
        self.world.run()
        a.hang_up()
        self.world.advance(6)
        self.world.schedule()
        b.run_all()
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual((len(a.pods), len(b.pods)), (0, 3))

    def test_a_pod_whose_successor_is_not_healthy_yet_is_taken_back(self) -> None:
        a, b = self.world.agent("a"), self.world.agent("b")
        self.world.run()
        a.hang_up()
        self.world.advance(6)
        self.world.schedule()
        self.assertEqual(len(b.pods), 3)
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual((len(a.pods), len(b.pods)), (3, 0))
        self.assertEqual((self.world.job().healthy, len(a.launches)), (3, 3))
        # What comes later is later than whatever there was.
        given = {incarnation for _, _, incarnation in b.launches}
        a.hang_up()
        self.world.advance(6)
        self.world.schedule()
        later = {incarnation for _, _, incarnation in b.launches} - given
        self.assertGreater(min(later), max(given))

    def test_a_command_that_got_lost_is_repeated(self) -> None:
        a = self.world.agent("a", deaf={"run"})
        self.world.submit()
        self.world.schedule()
        self.assertEqual(a.pods, {})
        self.world.advance(12)
        pods = self.world.do(self.world.stub.show_pod(ShowPodRequest(job_id="web"))).pods
        self.assertIn("has not taken it yet", pods[0].reason)
        a.deaf.clear()
        self.world.advance(15)
        self.assertEqual(len(a.pods), 3)
        self.assertEqual(len(a.launches), 3)

    def test_a_refused_pod_waits_again_and_says_why(self) -> None:
        a = self.world.agent("a", refuse=PodRefusal(status=Status.kQuota, reason="no room"))
        self.world.submit()
        self.world.schedule()
        pods = self.world.do(self.world.stub.show_pod(ShowPodRequest(job_id="web"))).pods
        self.assertEqual([pod.stage for pod in pods], [kStagePending] * 3)
        self.assertIn("no room", pods[0].reason)
        a.refuse = None
        self.world.schedule()
        self.assertEqual(len(a.pods), 0, "it is left alone for a moment")
        self.world.advance(3)
        self.world.schedule()
        self.assertEqual(len(a.pods), 3)

    def test_a_pod_that_failed_is_forgotten_there_and_placed_again(self) -> None:
        a = self.world.agent("a")
        self.world.run()
        a.advance(kPodError)
        self.world.advance(1)
        self.assertEqual(self.world.job().pending, 3)
        self.assertEqual(a.pods, {})

    def test_a_pod_that_an_agent_lost_is_placed_again(self) -> None:
        a = self.world.agent("a")
        job_id = self.world.run()
        a.lose(job_id, 1)
        self.world.advance(1)
        self.assertEqual((self.world.job().running, self.world.job().pending), (2, 1))

    def test_an_agent_that_restarts_keeps_its_pods(self) -> None:
        a = self.world.agent("a")
        self.world.run()
        a.restart()
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual(self.world.job().running, 3)
        self.assertEqual(len(a.launches), 3)
        self.assertNotIn("kill", a.commands)

    def test_the_pace_of_heartbeats_is_the_masters(self) -> None:
        self.assertEqual(self.world.agent("a").interval_s, 1.0)

    def test_a_master_that_stood_still_buries_nobody(self) -> None:
        """It was stopped for a minute: it did not listen, so nobody was silent."""
        self.world.agent("a")
        self.world.run()
        self.world.clock.advance(60)
        self.world.advance(1)
        self.assertEqual(self.world.job().running, 3)


class BatchTests(MasterTests):
    """kBatch: each index once."""

    def test_a_finished_index_is_on_record_before_the_agent_may_forget_it(self) -> None:
        a = self.world.agent("a")
        job_id = self.world.run(descriptor(type=kBatch, replica=2))
        self.world.nexus.break_("commit", Unavailable("no quorum"))
        a.advance(kPodFinish)
        self.world.advance(2)
        self.assertEqual(len(a.pods), 2, "nobody told it to forget")
        self.world.nexus.mend()
        self.world.advance(2)
        self.assertEqual(len(a.pods), 0)
        self.assertIn(f"finished/{job_id}/0", self.world.stored())
        job = self.world.job()
        self.assertEqual((job.state, job.finished), (kJobFinished, 2))

    def test_a_finished_index_never_runs_again(self) -> None:
        """Through a restart of the master."""
        self.run_to_the_end(kPodFinish)
        self.assertEqual(self.world.job().state, kJobFinished)

    def test_a_finished_job_is_kept_for_a_while(self) -> None:
        self.world = World(finished_job_keep_s=60.0)
        a = self.world.agent("a")
        self.world.run(descriptor(type=kBatch, replica=1))
        a.advance(kPodFinish)
        self.world.advance(30)
        self.assertEqual(self.world.job().state, kJobFinished)
        self.world.advance(40)
        self.assertEqual(self.world.stored(), [])

    def test_a_batch_with_an_index_that_failed_has_failed(self) -> None:
        """Through a restart of the master, and with the index that failed never run again."""
        self.run_to_the_end(kPodError)
        job = self.world.job()
        self.assertEqual((job.state, job.finished, job.failed), (kJobFailed, 2, 1))
        self.assertIn("1 of 3 indexes have failed; index", job.reason)

    def run_to_the_end(self, first: PodState) -> None:
        """Three indexes, one by one; the first ends so, and then the master is restarted."""
        a = self.world.agent("a")
        self.world.run(descriptor(type=kBatch, replica=3, deploy_step=1))
        a.advance(first)
        self.world.advance(1)
        self.world.restart_master()
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        for _ in range(3):
            self.world.schedule()
            a.advance(kPodFinish)
            self.world.advance(1)
        self.assertEqual(sorted(index for _, index, _ in a.launches), [0, 1, 2])

    def test_a_long_run_that_ended_is_placed_again(self) -> None:
        a = self.world.agent("a")
        self.world.run()
        a.advance(kPodFinish)
        self.world.advance(1)
        self.assertEqual((self.world.job().state, self.world.job().pending), (kJobNormal, 3))


class RestartTests(MasterTests):
    """Another reign: what is known comes from the nexus and the agents."""

    def test_nothing_is_started_twice(self) -> None:
        a, b = self.world.agent("a"), self.world.agent("b")
        self.world.run(descriptor(replica=60, millicores=100))
        self.world.restart_master()
        for agent in (a, b):
            self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(3)
        self.world.schedule()
        self.assertEqual(self.world.job().running, 60)
        self.assertEqual(len(a.launches) + len(b.launches), 60)
        self.assertNotIn("kill", a.commands + b.commands)

    def test_in_safe_mode_nothing_is_started_or_killed(self) -> None:
        a = self.world.agent("a")
        b = self.world.agent("b")
        job_id = self.world.run()
        b.hang_up()
        self.world.restart_master()
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(1)
        status = self.world.do(self.world.stub.get_status(GetStatusRequest()))
        self.assertTrue(status.safe_mode)
        self.assertIn("1 of 2", status.safe_mode_reason)
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id=job_id)))
        self.world.submit(descriptor("other"))
        self.world.schedule()
        self.assertEqual(len(a.pods), 3)
        self.world.advance(15)
        self.assertFalse(self.world.do(self.world.stub.get_status(GetStatusRequest())).safe_mode)
        self.assertEqual(len(a.pods), 0)

    def test_what_may_be_on_an_agent_not_heard_of_is_not_started_elsewhere(self) -> None:
        """Safe mode is over, one agent in ten is late: its pods wait for it, new jobs do not."""
        agents = [self.world.agent(f"a{n}", said=facts(millicores=300)) for n in range(10)]
        self.world.run(descriptor(replica=30, millicores=100))
        self.world.restart_master()
        for agent in agents[:9]:
            self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        status = self.world.do(self.world.stub.get_status(GetStatusRequest()))
        self.assertFalse(status.safe_mode)
        self.assertEqual((self.world.job().running, self.world.job().pending), (27, 0))
        self.world.submit(descriptor("new", replica=1))
        self.assertEqual(self.world.job("new").pending, 1)
        self.world.do(agents[9].connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual(self.world.job().running, 30)
        self.assertEqual(sum(len(agent.launches) for agent in agents), 30)

    def test_pods_of_a_job_that_was_killed_meanwhile_are_stopped(self) -> None:
        a = self.world.agent("a")
        self.world.run()
        a.hang_up()
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id="web")))
        self.world.advance(6)
        self.assertEqual(self.world.stored(), [])
        self.world.restart_master()
        self.world.do(a.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual(a.pods, {})

    def test_a_new_cluster_has_no_safe_mode(self) -> None:
        self.assertFalse(self.world.do(self.world.stub.get_status(GetStatusRequest())).safe_mode)

    def test_a_nexus_that_cannot_be_read_is_read_again(self) -> None:
        self.world.submit()
        self.world.stop_master()
        opened = FailingNexus(MemoryNexus(self.world.ensemble))
        opened.break_("scan", Unavailable("no quorum"), times=2)
        master = Master(
            self.world.clock, self.world.network, lambda: opened, MasterSettings(), Random(1), "t"
        )
        master.startService()
        self.world.stub = self.world.dial(ADDRESS)
        self.assertEqual(self.world.job().name, "web")


class LeadershipTests(MasterTests):
    """Two masters."""

    def test_a_standby_names_the_leader(self) -> None:
        self.world.start_master("127.0.0.1:7829")
        standby = self.world.dial("127.0.0.1:7829")
        reason = self.assert_refused(Status.kNotLeader, standby.list_jobs(ListJobsRequest()))
        self.assertIn(ADDRESS, reason)

    def test_a_standby_takes_over_and_starts_nothing_twice(self) -> None:
        agent = self.world.agent("a")
        self.world.run()
        other = "127.0.0.1:7829"
        self.world.start_master(other)
        self.world.ensemble.expire(self.world.participants[0])
        self.world.advance(0.5)
        agent.hang_up()
        self.world.do(agent.connect(self.world.network, other))
        self.world.advance(2)
        self.world.stub = self.world.dial(other)
        self.assertEqual(self.world.job().running, 3)
        self.assertEqual((len(agent.launches), agent.epoch), (3, 2))
        self.assertNotIn("kill", agent.commands)
        old = self.world.dial(ADDRESS)
        reason = self.assert_refused(Status.kNotLeader, old.list_jobs(ListJobsRequest()))
        self.assertIn(other, reason)

    def test_nobody_reigns_in_a_nexus_that_is_not_whole_or_was_left(self) -> None:
        """It says why, until that is mended."""
        agent = self.world.agent("a")
        self.world.run()
        for mark in (UNFINISHED, MOVED):
            self.world.do(self.world.participants[-1].commit([Put(mark, b"leveldb:/new")]))
            self.world.restart_master()
            reason = self.assert_refused(
                Status.kUnfit, self.world.stub.list_jobs(ListJobsRequest())
            )
            self.assertIn("leveldb:/new", reason)
            self.world.do(self.world.participants[-1].commit([Delete(mark)]))
            self.world.advance(1.5)
            self.world.do(agent.connect(self.world.network, ADDRESS))
            self.world.advance(1)
            self.assertEqual(self.world.job().running, 3)
        self.assertEqual(len(agent.launches), 3)

    def test_no_reign_begins_with_a_damaged_record_and_the_sentence_names_it(self) -> None:
        job_id = self.world.run()
        for key in (f"jobs/{job_id}", f"versions/{job_id}/1"):
            kept = self.world.ensemble.entries[key]
            self.world.ensemble.entries[key] = Entry(b"\xff", 9)
            self.world.restart_master()
            self.world.nexus.break_("get", NexusError("/data/x: it does not decompress"), times=1)
            self.world.advance(60)
            for call in (self.world.stub.list_jobs(ListJobsRequest()), self.get_status()):
                reason = self.assert_refused(Status.kUnfit, call)
                self.assertIn(f"{key} in the nexus is damaged", reason)
                self.assertIn("galaxy nexus check", reason)
            self.world.ensemble.entries[key] = kept
            self.world.advance(10)
            self.assertEqual(self.world.job().job_id, job_id)

    def get_status(self) -> Deferred[GetStatusResponse]:
        return self.world.stub.get_status(GetStatusRequest())

    def test_a_master_that_was_overtaken_and_does_not_know_it_changes_nothing(self) -> None:
        """The nexus refuses its write, and that is how it learns of it."""
        self.world.start_master("127.0.0.1:7829")
        self.world.ensemble.suspend(self.world.participants[0], noticed=False)
        self.world.advance(5)
        self.assertEqual(self.world.ensemble.epoch, 2)
        self.world.participants[0].connected = True
        self.assert_refused(
            Status.kNotLeader, self.world.stub.submit_job(SubmitJobRequest(job=descriptor()))
        )
        self.assertEqual(self.world.stored(), [])

    def test_a_reign_that_the_nexus_lost_count_of_is_followed_by_a_higher_one(self) -> None:
        """As when somebody deletes the epoch from ZooKeeper."""
        self.world.ensemble.epoch = 0
        self.world.nexus.break_("commit", StaleEpoch(1, 0), times=1)
        self.assert_refused(
            Status.kNotLeader, self.world.stub.submit_job(SubmitJobRequest(job=descriptor()))
        )
        self.world.advance(2)
        self.world.submit()
        self.assertEqual(self.status(self.world.stub).epoch, 2)

    def test_a_suspended_leader_answers_and_decides_nothing(self) -> None:
        a = self.world.agent("a")
        self.world.submit()
        reign = self.world.master.leadership
        reign.suspended("the ensemble does not answer")
        self.assertEqual(self.world.job().name, "web")
        self.assert_refused(
            Status.kNotLeader, self.world.stub.submit_job(SubmitJobRequest(job=descriptor("x")))
        )
        a.hang_up()
        self.world.advance(10)
        (agent,) = self.world.do(self.world.stub.list_agents(ListAgentsRequest())).agents
        self.assertEqual(agent.state, kAlive)
        reign.resumed()
        for seconds, state in ((1, kAlive), (9, kDead)):  # its silence counts from here on
            self.world.advance(seconds)
            (agent,) = self.world.do(self.world.stub.list_agents(ListAgentsRequest())).agents
            self.assertEqual(agent.state, state)

    def test_who_steps_down_leaves_it_to_another_and_stands_by(self) -> None:
        other = "127.0.0.1:7829"
        self.world.start_master(other)
        self.world.submit()
        self.assertEqual(list(self.status(self.world.stub).standbys), [other])
        after = self.world.do(self.world.stub.step_down(StepDownRequest(epoch=1)))
        self.assertEqual((after.leader, after.epoch), (other, 2))
        stub = self.world.dial(other)
        status = self.status(stub)
        self.assertEqual((status.epoch, list(status.standbys), status.jobs), (2, [ADDRESS], 1))

    def test_to_step_down_twice_is_to_step_down_once(self) -> None:
        """A repeat that reaches the next leader names a reign that is over."""
        other = "127.0.0.1:7829"
        self.world.start_master(other)
        self.world.do(self.world.stub.step_down(StepDownRequest(epoch=1)))
        again = self.world.do(self.world.dial(other).step_down(StepDownRequest(epoch=1)))
        self.assertEqual((again.leader, again.epoch), (other, 2))

    def test_the_only_master_does_not_step_down(self) -> None:
        request = StepDownRequest(epoch=1)
        reason = self.assert_refused(Status.kConflict, self.world.stub.step_down(request))
        self.assertIn("no other master stands", reason)
        self.assertEqual(self.status(self.world.stub).epoch, 1)

    def test_a_suspended_leader_says_so(self) -> None:
        self.world.master.leadership.suspended("the ensemble does not answer")
        self.assertEqual(self.status(self.world.stub).doubt, "the ensemble does not answer")
        dialled = self.world.network.dial(ADDRESS, Hello(role="client", name="x"))
        self.assertEqual(self.world.do(dialled).hello.doubt, "the ensemble does not answer")
        self.world.master.leadership.resumed()
        dialled = self.world.network.dial(ADDRESS, Hello(role="client", name="y"))
        self.assertEqual(self.world.do(dialled).hello.doubt, "")

    def status(self, stub: MasterStub) -> GetStatusResponse:
        """What a master says of the whole."""
        answer: GetStatusResponse = self.world.do(stub.get_status(GetStatusRequest()))
        return answer

    def test_a_standby_in_doubt_says_so(self) -> None:
        self.world.start_master("127.0.0.1:7829")
        standby = self.world.dial("127.0.0.1:7829")
        self.world.ensemble.lose_quorum()
        self.world.advance(1)
        reason = self.assert_refused(Status.kNotLeader, standby.list_jobs(ListJobsRequest()))
        self.assertIn(f"the leader is {ADDRESS}; that is not certain: the ensemble", reason)
        self.world.ensemble.regain_quorum()
        self.world.advance(1)
        reason = self.assert_refused(Status.kNotLeader, standby.list_jobs(ListJobsRequest()))
        self.assertEqual(reason, f"the leader is {ADDRESS}")

    def test_an_agent_that_saw_a_later_reign_ends_this_one(self) -> None:
        """And the master stands anew, with a higher epoch."""
        a = self.world.agent("a")
        self.world.ensemble.epoch = a.epoch = 3
        for _ in range(10):
            a.advance(kPodRunning)
            a.revision += 1
            self.world.advance(1)
        self.assertEqual(self.world.cluster().epoch, 4)
        self.assertFalse(self.status(self.world.stub).safe_mode)

    def test_a_reign_that_the_nexus_knows_nothing_of_is_not_outbid(self) -> None:
        a = self.world.agent("a")
        a.epoch = 3
        for _ in range(10):
            a.advance(kPodRunning)
            a.revision += 1
            self.world.advance(1)
        self.assertEqual(self.world.cluster().epoch, 1)
        status = self.status(self.world.stub)
        self.assertIn("has obeyed a later reign", status.safe_mode_reason)


class InterfaceTests(MasterTests):
    """The contract of the wire."""

    def test_every_method_is_there(self) -> None:
        service = MasterService(self.world.clock, self.world.master.leadership, "test")
        verifyObject(IMaster, service)

    def test_a_heartbeat_tells_what_is_used(self) -> None:
        """Each is the latest word; one that says nothing of it changes nothing."""
        used = PodsUse(millicores=5, memory=7)
        beat = HeartBeatRequest(endpoint="a:1", instance="i", facts=facts(), used=used)
        self.world.do(self.world.stub.heart_beat(beat))
        self.world.do(self.world.stub.heart_beat(HeartBeatRequest(endpoint="a:1", instance="i")))
        (agent,) = self.world.do(self.world.stub.list_agents(ListAgentsRequest())).agents
        self.assertEqual((agent.cpu_used_millicores, agent.memory_used_bytes), (5, 7))

    def test_a_strange_heartbeat_is_refused(self) -> None:
        for endpoint, instance in (("", "i"), ("a:b", "i"), ("a:1", "")):
            request = HeartBeatRequest(endpoint=endpoint, instance=instance)
            self.assert_refused(Status.kInputError, self.world.stub.heart_beat(request))
        self.assertEqual(len(self.world.cluster().fleet), 0)


class WaitingTests(MasterTests):
    """The schedulers' long polls."""

    def test_a_poll_waits_for_something_to_place(self) -> None:
        stub = self.world.stub
        first = self.world.do(stub.get_pending_jobs(GetPendingJobsRequest()))
        answers: list[Any] = []
        poll = stub.get_pending_jobs(
            GetPendingJobsRequest(revision=first.revision, wait_s=30), deadline_s=60
        )
        poll.addCallback(answers.append)
        self.world.advance(1)
        self.assertEqual(answers, [])
        self.world.submit()
        self.world.advance(0.2)
        self.assertEqual([group.count for group in answers[0].groups], [3])

    def test_a_poll_ends_in_time(self) -> None:
        stub = self.world.stub
        first = self.world.do(stub.get_pending_jobs(GetPendingJobsRequest()))
        again = self.world.do(
            stub.get_pending_jobs(GetPendingJobsRequest(revision=first.revision, wait_s=3))
        )
        self.assertEqual(again.revision, first.revision)

    def test_the_end_of_the_reign_ends_a_poll(self) -> None:
        stub = self.world.stub
        first = self.world.do(stub.get_pending_jobs(GetPendingJobsRequest()))
        poll = stub.get_pending_jobs(
            GetPendingJobsRequest(revision=first.revision, wait_s=30), deadline_s=60
        )
        self.world.advance(0.1)
        self.world.master.leadership.deposed("the session has expired")
        self.assert_refused(Status.kNotLeader, poll)

    def test_a_snapshot_is_a_delta(self) -> None:
        self.world.agent("a")
        self.world.agent("b")
        stub = self.world.stub
        whole = self.world.do(stub.get_resource_snapshot(GetResourceSnapshotRequest()))
        self.assertTrue(whole.full)
        self.assertEqual(len(whole.agents), 2)
        self.world.run()
        part = self.world.do(
            stub.get_resource_snapshot(
                GetResourceSnapshotRequest(reign=whole.reign, since_revision=whole.revision)
            )
        )
        self.assertFalse(part.full)
        (agent,) = part.agents
        self.assertEqual((agent.pods, agent.assigned_millicores), (3, 300))


class ShowTests(MasterTests):
    """What people see."""

    def test_pods_are_shown_with_what_their_agents_say(self) -> None:
        self.world.agent("a")
        job_id = self.world.run()
        shown = self.world.do(self.world.stub.show_pod(ShowPodRequest(pod_id="web.1")))
        (pod,) = shown.pods
        self.assertEqual((pod.pod_id, pod.stage), (f"{job_id}.1", kStageRunning))
        self.assertEqual(pod.status.tasks[0].pid, 4711)
        tasks = self.world.do(self.world.stub.show_task(ShowTaskRequest(job_id="web"))).tasks
        self.assertEqual([task.status.pid for task in tasks], [4711] * 3)

    def test_a_silent_agent_is_named(self) -> None:
        self.world.agent("a", deaf={"show"})
        self.world.run()
        shown = self.world.do(self.world.stub.show_pod(ShowPodRequest(endpoint="a:8221")))
        self.assertEqual(len(shown.pods), 3)
        self.assertEqual(list(shown.silent_agents), ["a:8221"])

    def test_a_selector_is_needed(self) -> None:
        self.assert_refused(Status.kInputError, self.world.stub.show_pod(ShowPodRequest()))
        self.assert_refused(
            Status.kAgentNotFound, self.world.stub.show_pod(ShowPodRequest(endpoint="x:1"))
        )
