"""A real master whose writes are carried out, or are not, and the nexus does not say which."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.store import Store
from galaxy.nexus.failing import FailingNexus
from galaxy.nexus.interfaces import Change, OutcomeUnknown, Put, Unavailable
from galaxy.nexus.keys import MOST_CHANGES
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from galaxy.protocol.master_pb2 import (
    LabelAgentsRequest,
    LabelChange,
    ListJobsRequest,
    SubmitJobRequest,
    SuspendJobRequest,
    SwitchSafeModeRequest,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kJobSuspended
from tests.master.examples import descriptor
from tests.master.test_service import MasterTests

LOST = OutcomeUnknown("the answer was lost")


class LostAnswerTests(MasterTests):
    """The picture is that of the nexus, whatever became of the write."""

    def lose(self, *, carried_out: bool = True) -> None:
        """Let the answer of the next commit be lost."""
        self.world.nexus.break_("commit", LOST, times=1, carried_out=carried_out)

    def test_a_repeated_submission_is_one_job_in_every_later_reign(self) -> None:
        for number, carried_out in enumerate((True, False)):
            asked = descriptor(name=f"job-{number}")
            request = SubmitJobRequest(job=asked, request_id=f"r{number}")
            self.lose(carried_out=carried_out)
            self.assert_refused(Status.kPersistenceError, self.world.stub.submit_job(request))
            self.world.advance(2)
            job_id = self.world.submit(asked, request_id=f"r{number}")
            self.world.restart_master()
            self.assertEqual(self.world.job(asked.name).job_id, job_id)
        self.assertEqual(len(self.world.do(self.world.stub.list_jobs(ListJobsRequest())).jobs), 2)

    def test_a_reign_that_does_not_know_is_followed_by_one_that_does(self) -> None:
        self.world.submit()
        before = self.world.cluster()
        self.lose()
        self.assert_refused(
            Status.kPersistenceError,
            self.world.stub.suspend_job(SuspendJobRequest(job_id="web")),
        )
        self.world.advance(2)
        self.assertIsNot(self.world.cluster(), before)
        self.assertEqual(self.world.job().state, kJobSuspended)

    def test_safe_mode_that_was_entered_unheard_can_be_left(self) -> None:
        self.lose()
        self.assert_refused(
            Status.kPersistenceError,
            self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=True)),
        )
        self.world.advance(2)
        self.assertTrue(self.world.cluster().safe_mode.on)
        self.world.do(self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=False)))
        self.assertEqual(self.world.stored(), [])

    def test_a_label_that_was_given_unheard_is_there(self) -> None:
        self.world.agent("a")
        self.lose()
        request = LabelAgentsRequest(
            label="ssd", change=LabelChange.kLabelSet, endpoints=["a:8221"]
        )
        self.assert_refused(Status.kPersistenceError, self.world.stub.label_agents(request))
        self.world.advance(2)
        self.assertEqual(self.world.cluster().fleet.labels.carriers("ssd"), {"a:8221"})

    def test_what_surely_was_not_written_ends_no_reign(self) -> None:
        before = self.world.cluster()
        self.world.nexus.break_("commit", Unavailable("no quorum"), times=1)
        self.assert_refused(
            Status.kPersistenceError,
            self.world.stub.submit_job(SubmitJobRequest(job=descriptor())),
        )
        self.world.advance(2)
        self.assertIs(self.world.cluster(), before)


class StoreTests(SynchronousTestCase):
    """What goes in several commits."""

    def test_nothing_is_written_after_an_answer_was_lost(self) -> None:
        """Not even the rest of what was begun before."""
        clock, lost = Clock(), list[str]()
        nexus = FailingNexus(MemoryNexus(MemoryEnsemble(clock)))
        store = Store(nexus, 0, self.fail, lost.append)
        saved = store.save([Put(f"jobs/{n}", b"") for n in range(MOST_CHANGES + 1)])
        nexus.break_("commit", LOST, times=1)
        self.failureResultOf(store.save([Put("jobs/y", b"")]), GalaxyError)
        clock.pump([0, 0])
        self.failureResultOf(saved, GalaxyError)
        self.assertEqual([len(changes) for changes, _ in nexus.commits], [MOST_CHANGES, 1])

    def test_what_was_written_in_part_is_not_known_either(self) -> None:
        clock, lost = Clock(), list[str]()
        ensemble = MemoryEnsemble(clock)
        store = Store(MemoryNexus(ensemble), 0, self.fail, lost.append)
        changes: list[Change] = [Put(f"jobs/{n}", b"") for n in range(MOST_CHANGES)]
        saved = store.save([*changes, Put("jobs/x", b"", expect=7)])
        clock.advance(0)
        clock.advance(0)
        self.failureResultOf(saved, GalaxyError)
        self.assertEqual(len(lost), 1)
        self.assertEqual(len(ensemble.entries), MOST_CHANGES)
        self.failureResultOf(store.save([Put("jobs/y", b"")]), GalaxyError)
        self.assertNotIn("jobs/y", ensemble.entries)
