"""Addresses offered in turn."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from galaxy.nexus.interfaces import IDiscovery, Leader
from galaxy.nexus.static import StaticDiscovery


class StaticDiscoveryTests(SynchronousTestCase):
    """Three addresses of masters, one of which leads."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.discovery = StaticDiscovery(["a:1", "b:1", "a:1", "c:1"], self.clock)
        self.offered: list[Leader | None] = []
        self.watch = self.discovery.watch_leader(self.offered.append)

    def now_offered(self) -> str:
        """The last address told."""
        self.clock.advance(0)
        leader = self.offered[-1]
        assert leader is not None
        return leader.endpoint

    def test_it_is_a_discovery(self) -> None:
        verifyObject(IDiscovery, self.discovery)

    def test_nothing_is_told_from_within_the_call(self) -> None:
        self.assertEqual(self.offered, [])
        self.assertEqual(self.now_offered(), "a:1")
        self.discovery.unreachable("a:1")
        self.assertEqual(len(self.offered), 1)

    def test_the_next_is_offered_when_one_does_not_answer(self) -> None:
        offered = []
        for _ in range(4):
            offered.append(self.now_offered())
            self.discovery.unreachable(offered[-1])
        self.assertEqual(offered, ["a:1", "b:1", "c:1", "a:1"])

    def test_late_news_of_an_address_that_is_not_on_offer_change_nothing(self) -> None:
        self.now_offered()
        self.discovery.unreachable("a:1")
        self.discovery.unreachable("a:1")
        self.discovery.unreachable("elsewhere:1")
        self.assertEqual(self.now_offered(), "b:1")

    def test_the_only_address_stays_on_offer(self) -> None:
        offered: list[Leader | None] = []
        discovery = StaticDiscovery(["a:1"], self.clock)
        discovery.watch_leader(offered.append)
        discovery.unreachable("a:1")
        self.clock.advance(0)
        self.assertEqual(offered, [Leader("a:1", 0)])

    def test_a_stopped_watch_is_told_nothing(self) -> None:
        self.watch.stop()
        self.clock.advance(0)
        self.successResultOf(self.discovery.close())
        self.assertEqual(self.offered, [])

    def test_it_needs_an_address(self) -> None:
        self.assertRaises(ValueError, StaticDiscovery, [], self.clock)
