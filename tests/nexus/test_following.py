"""The leader is followed: at once where that is harmless, spread where it is not."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.following import LONGEST_PAUSE_S, Following, arrival_s, pause_s
from galaxy.nexus.interfaces import Leader
from galaxy.nexus.static import StaticDiscovery
from tests.agent.test_master_link import ToldDiscovery

A, B = Leader("a:1", 1), Leader("b:1", 2)


class PauseTests(SynchronousTestCase):
    """Pure: how long to wait."""

    def test_pauses_grow_and_are_bounded(self) -> None:
        pauses = [pause_s(failures, 1.0, 0.5) for failures in range(2000)]
        self.assertEqual(pauses, sorted(pauses))
        self.assertLessEqual(pauses[-1], LONGEST_PAUSE_S)
        self.assertLess(pauses[0], 0.1)

    def test_pauses_differ_by_chance(self) -> None:
        self.assertLess(pause_s(3, 1.0, 0.0), pause_s(3, 1.0, 0.9))

    def test_ten_thousand_come_five_times_as_fast_as_they_beat(self) -> None:
        """Whatever the fleet: its interval is a second for each thousand agents."""
        rng = Random(1)
        for fleet in (3, 1000, 10_000, 25_000):
            interval_s = max(1.0, fleet / 1000)
            moments = [arrival_s(interval_s, rng.random()) for _ in range(fleet)]
            busiest = max(Counter(int(moment * 10) for moment in moments).values())
            self.assertLessEqual(busiest, 600)
            self.assertLessEqual(max(moments), max(0.2, fleet / 5000))


class FollowingTests(SynchronousTestCase):
    """One who keeps a connection."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.moved: list[Leader] = []

    def following(self, discovery: ToldDiscovery | StaticDiscovery) -> Following:
        following = Following(discovery, self.clock, Random(1), self.moved.append)
        following.start()
        self.addCleanup(following.stop)
        self.clock.advance(0)
        return following

    def told(self, *leaders: Leader) -> tuple[ToldDiscovery, Following]:
        discovery = ToldDiscovery(self.clock)
        for leader in leaders:
            discovery.leaders.tell(leader)
        return discovery, self.following(discovery)

    def next(self, following: Following) -> Deferred[Leader]:
        return Deferred.fromCoroutine(following.next())

    def wait(self, coming: Deferred[Leader]) -> float:
        """How long until it is told whom to dial."""
        begun = self.clock.seconds()
        while not coming.called and self.clock.seconds() < begun + 60:
            self.clock.advance(0.01)
        return self.clock.seconds() - begun

    def test_the_first_time_there_is_nothing_to_wait_for(self) -> None:
        _discovery, following = self.told(A)
        self.assertEqual(self.successResultOf(self.next(following)), A)

    def test_nobody_to_dial_is_waited_out(self) -> None:
        discovery, following = self.told()
        coming = self.next(following)
        self.clock.advance(100)
        self.assertNoResult(coming)
        discovery.leaders.tell(A)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(coming), A)

    def test_another_leader_is_gone_to_within_a_fifth_of_the_interval(self) -> None:
        discovery, following = self.told(A)
        self.successResultOf(self.next(following))
        following.works(10.0)
        discovery.leaders.tell(B)
        self.clock.advance(0)
        self.assertEqual(self.moved[-1], B)
        coming = self.next(following)
        self.assertLess(self.wait(coming), 2.1)
        self.assertEqual(self.successResultOf(coming), B)

    def test_another_leader_is_told_of_in_the_middle_of_a_pause(self) -> None:
        discovery, following = self.told(A)
        self.successResultOf(self.next(following))
        following.works(1.0)
        for _ in range(10):
            following.failed()
        coming = self.next(following)
        self.clock.advance(0.1)
        discovery.leaders.tell(B)
        self.assertLess(self.wait(coming), 0.3)
        self.assertEqual(self.successResultOf(coming), B)

    def test_a_broken_connection_is_tried_again_quickly_and_then_slower(self) -> None:
        _discovery, following = self.told(A)
        self.successResultOf(self.next(following))
        following.works(1.0)
        waits = []
        for _ in range(8):
            following.failed()
            waits.append(self.wait(self.next(following)))
        self.assertLess(waits[0], 0.12)
        self.assertGreater(waits[-1], 0.9)
        self.assertLess(max(waits), LONGEST_PAUSE_S + 0.1)

    def test_the_same_leader_in_another_reign_is_no_move(self) -> None:
        discovery, following = self.told(A)
        self.successResultOf(self.next(following))
        self.moved.clear()
        discovery.leaders.tell(Leader(A.endpoint, 7))
        self.clock.advance(0)
        self.assertEqual(self.moved, [])

    def test_without_epochs_addresses_are_tried_in_turn_with_pauses(self) -> None:
        """None of three masters is there: they are not asked without a pause."""
        following = self.following(StaticDiscovery(["a:1", "b:1", "c:1"], self.clock))
        dialled = []
        while self.clock.seconds() < 20:
            coming = self.next(following)
            self.wait(coming)
            dialled.append(self.successResultOf(coming).endpoint)
            following.failed()
        self.assertEqual(dialled[:4], ["a:1", "b:1", "c:1", "a:1"])
        self.assertLess(len(dialled), 25)

    def test_one_who_stops_waiting_leaves_no_timer(self) -> None:
        _discovery, following = self.told(A)
        self.successResultOf(self.next(following))
        following.failed()
        coming = self.next(following)
        coming.addErrback(lambda _: None).cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
