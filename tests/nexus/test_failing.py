"""A nexus that fails on demand, and keeps the contract while it does not."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.failing import FailingNexus
from galaxy.nexus.interfaces import Conflict, INexus, OutcomeUnknown, Put, Unavailable
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from tests.nexus import contract


class FailingNexusContractTests(contract.SharedNexusContract):
    """The contract, as long as nothing was told to fail."""

    def setUp(self) -> None:
        self.ensemble = MemoryEnsemble(reactor)

    async def open_nexus(self) -> INexus:
        """Another participant."""
        nexus = FailingNexus(MemoryNexus(self.ensemble))
        self.addCleanup(nexus.close)
        return nexus


class FailingNexusTests(SynchronousTestCase):
    """What was told to fail."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ensemble = MemoryEnsemble(self.clock)
        self.nexus = FailingNexus(MemoryNexus(self.ensemble))

    def test_an_operation_fails_until_it_is_mended(self) -> None:
        self.nexus.break_("get", Unavailable("gone"))
        self.failureResultOf(self.nexus.get("a"), Unavailable)
        self.failureResultOf(self.nexus.get("a"), Unavailable)
        self.nexus.mend()
        got = self.nexus.get("a")
        self.clock.advance(0)
        self.successResultOf(got)

    def test_an_operation_fails_as_often_as_it_was_told_to(self) -> None:
        self.nexus.break_("commit", Conflict("a", 3), times=1)
        self.failureResultOf(self.nexus.commit([Put("a", b"1")]), Conflict)
        committed = self.nexus.commit([Put("a", b"2")], epoch=0)
        self.clock.advance(0)
        self.successResultOf(committed)
        self.assertEqual(self.nexus.commits, [((Put("a", b"1"),), 0), ((Put("a", b"2"),), 0)])

    def test_an_answer_may_be_lost_after_the_commit_took_effect(self) -> None:
        self.nexus.break_("commit", OutcomeUnknown("lost"), carried_out=True)
        committed = self.nexus.commit([Put("a", b"1")])
        self.clock.advance(0)
        self.failureResultOf(committed, OutcomeUnknown)
        self.assertEqual(self.ensemble.entries["a"].value, b"1")

    def test_an_operation_that_does_not_exist_cannot_fail(self) -> None:
        self.assertRaises(ValueError, self.nexus.break_, "comit", Unavailable(""))
