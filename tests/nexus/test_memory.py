"""The memory nexus keeps the contract; its ensemble can be broken in the ways a real one breaks."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.interfaces import INexus, Leader, Put, StaleEpoch, Unavailable
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from tests.nexus import contract
from tests.nexus.contract import Candidate


class MemoryNexusContractTests(contract.SharedNexusContract):
    """The contract."""

    def setUp(self) -> None:
        self.ensemble = MemoryEnsemble(reactor)

    async def open_nexus(self) -> INexus:
        """Another participant."""
        nexus = MemoryNexus(self.ensemble)
        self.addCleanup(nexus.close)
        return nexus


class MemoryEnsembleTests(SynchronousTestCase):
    """Two masters and a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ensemble = MemoryEnsemble(self.clock, session_timeout_s=4.0)
        self.one, self.other = MemoryNexus(self.ensemble), MemoryNexus(self.ensemble)
        self.first, self.second = Candidate(), Candidate()
        self.one.stand(self.first, "one:1")
        self.other.stand(self.second, "other:1")
        self.leaders: list[Leader | None] = []
        self.other.watch_leader(self.leaders.append)
        self.clock.advance(0)

    def told(self, candidate: Candidate) -> list[tuple[str, Any]]:
        """What a candidate was told since it was last asked."""
        told, candidate.events.pending = list(candidate.events.pending), []
        return told

    def test_the_first_who_stood_reigns(self) -> None:
        self.assertEqual(self.told(self.first), [("elected", 1)])
        self.assertEqual(self.told(self.second), [])
        self.assertEqual(self.leaders, [Leader("one:1", 1)])

    def test_a_suspended_reign_that_is_resumed_in_time_goes_on(self) -> None:
        self.told(self.first)
        self.ensemble.suspend(self.one)
        self.clock.advance(3.9)
        self.ensemble.resume(self.one)
        self.clock.advance(10)
        self.assertEqual(
            self.told(self.first),
            [("suspended", "the ensemble does not answer"), ("resumed", None)],
        )
        self.assertEqual(self.told(self.second), [])

    def test_a_short_cut_that_nobody_noticed_is_not_told(self) -> None:
        self.told(self.first)
        self.ensemble.suspend(self.one, noticed=False)
        self.clock.advance(1)
        self.ensemble.resume(self.one)
        self.clock.advance(10)
        self.assertEqual(self.told(self.first), [])

    def test_a_suspended_reign_passes_on_when_the_session_expires(self) -> None:
        """The old leader learns it when it can be told, and stands again, behind."""
        self.told(self.first)
        self.ensemble.suspend(self.one)
        self.clock.advance(4)
        self.assertEqual(self.told(self.second), [("elected", 2)])
        self.assertEqual(self.leaders[-1], Leader("other:1", 2))
        self.ensemble.resume(self.one)
        self.clock.advance(0)
        self.assertEqual(self.told(self.first)[1:], [("deposed", "the session has expired")])
        self.ensemble.expire(self.other)
        self.clock.advance(0)
        self.assertEqual(self.told(self.first), [("elected", 3)])
        self.assertEqual(self.told(self.second), [("deposed", "the session has expired")])

    def test_a_leader_that_noticed_nothing_is_fenced(self) -> None:
        self.told(self.first)
        self.ensemble.suspend(self.one, noticed=False)
        self.clock.advance(4)
        self.assertEqual(self.told(self.first), [])
        self.ensemble.resume(self.one)
        late = self.one.commit([Put("a", b"")], epoch=1)
        self.clock.advance(0)
        self.failureResultOf(late, StaleEpoch)

    def test_who_is_cut_off_is_answered_unavailable(self) -> None:
        self.ensemble.suspend(self.one)
        asked = [self.one.get("a"), self.one.scan("a"), self.one.commit([Put("a", b"")])]
        self.clock.advance(0)
        for answer in asked:
            self.failureResultOf(answer, Unavailable)
        self.assertEqual(self.ensemble.entries, {})

    def test_a_watch_that_was_cut_off_is_told_that_something_may_have_changed(self) -> None:
        told: list[str] = []
        self.one.watch("jobs", told.append)
        self.ensemble.suspend(self.one)
        self.other.commit([Put("jobs/a", b"")])
        self.clock.advance(0)
        self.assertEqual(told, [])
        self.ensemble.resume(self.one)
        self.clock.advance(0)
        self.assertEqual(told, ["jobs"])

    def test_without_a_quorum_nobody_is_answered_and_no_session_ends(self) -> None:
        self.told(self.first)
        self.ensemble.lose_quorum()
        asked = self.other.get("a")
        self.clock.advance(100)
        self.failureResultOf(asked, Unavailable)
        self.ensemble.regain_quorum()
        self.clock.advance(100)
        self.assertEqual(
            self.told(self.first),
            [("suspended", "the ensemble does not answer"), ("resumed", None)],
        )

    def test_who_crashes_is_succeeded_after_its_time_out(self) -> None:
        self.told(self.first)
        self.ensemble.crash(self.one)
        self.clock.advance(3.9)
        self.assertEqual(self.told(self.second), [])
        self.clock.advance(0.1)
        self.assertEqual(self.told(self.second), [("elected", 2)])
        self.assertEqual(self.told(self.first), [])

    def test_who_resigns_while_cut_off_makes_room_when_its_session_ends(self) -> None:
        self.told(self.first)
        third = Candidate()
        candidacy = self.one.stand(third, "one:2")
        self.ensemble.suspend(self.one)
        resigned = candidacy.resign()
        self.clock.advance(3.9)
        self.assertNoResult(resigned)
        self.clock.advance(0.1)
        self.clock.advance(0)
        self.successResultOf(resigned)
        self.assertEqual(self.told(self.second), [("elected", 2)])
        self.ensemble.resume(self.one)
        self.ensemble.expire(self.other)
        self.clock.advance(0)
        self.assertEqual(self.told(third), [])

    def test_who_resigns_during_a_short_cut_makes_room_when_it_is_over(self) -> None:
        nexus, candidate = MemoryNexus(self.ensemble), Candidate()
        candidacy = nexus.stand(candidate, "third:1")
        self.ensemble.suspend(nexus)
        resigned = candidacy.resign()
        self.ensemble.resume(nexus)
        self.clock.advance(0)
        self.successResultOf(resigned)

    def test_who_crashed_without_a_quorum_is_succeeded_after_it_is_back(self) -> None:
        self.ensemble.lose_quorum()
        self.ensemble.crash(self.one)
        self.clock.advance(100)
        self.ensemble.regain_quorum()
        self.clock.advance(3.9)
        doubt = [("suspended", "the ensemble does not answer"), ("resumed", None)]
        self.assertEqual(self.told(self.second), doubt)  # who stands by, too, is told of doubt
        self.clock.advance(0.1)
        self.assertEqual(self.told(self.second)[-1], ("elected", 2))

    def test_with_latency_nothing_has_happened_at_once(self) -> None:
        ensemble = MemoryEnsemble(self.clock, latency_s=0.5)
        nexus = MemoryNexus(ensemble)
        asked = nexus.commit([Put("a", b"1")])
        self.clock.advance(0.4)
        self.assertNoResult(asked)
        self.assertEqual(ensemble.entries, {})
        self.clock.advance(0.1)
        self.successResultOf(asked)
