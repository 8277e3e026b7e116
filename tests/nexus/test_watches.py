"""Watches are told later, once stopped never, and of the leader only what is news."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.interfaces import Leader
from galaxy.nexus.watches import LeaderWatches, Watches


class WatchesTests(SynchronousTestCase):
    """Of keys."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.watches = Watches(self.clock)
        self.told: list[str] = []

    def test_a_watch_is_told_on_a_later_turn(self) -> None:
        self.watches.add("jobs", self.told.append)
        self.watches.tell(["jobs", "jobs/a", "jobsx", "a/jobs"])
        self.assertEqual(self.told, [])
        self.clock.advance(0)
        self.assertEqual(self.told, ["jobs", "jobs/a"])

    def test_stopping_holds_back_what_was_about_to_be_told(self) -> None:
        watch = self.watches.add("jobs", self.told.append)
        self.watches.tell(["jobs"])
        watch.stop()
        self.clock.advance(0)
        self.assertEqual(self.told, [])

    def test_when_it_is_unknown_what_changed_everybody_is_told_of_their_prefix(self) -> None:
        self.watches.add("a/b", self.told.append)
        self.watches.add("", self.told.append)
        self.watches.tell_unknown()
        self.clock.advance(0)
        self.assertEqual(self.told, ["a/b", ""])

    def test_stopping_all(self) -> None:
        self.watches.add("a", self.told.append)
        self.watches.tell(["a"])
        self.watches.stop()
        self.clock.advance(0)
        self.assertEqual(self.told, [])


class LeaderWatchesTests(SynchronousTestCase):
    """Of the leader."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.watches = LeaderWatches(self.clock)
        self.told: list[Leader | None] = []

    def test_while_the_leader_is_not_known_nothing_is_told(self) -> None:
        self.watches.add(self.told.append)
        self.clock.advance(0)
        self.assertEqual(self.told, [])
        self.watches.tell(None)
        self.clock.advance(0)
        self.assertEqual(self.told, [None])

    def test_only_news_are_told_and_only_the_latest(self) -> None:
        self.watches.tell(Leader("a:1", 1))
        self.watches.add(self.told.append)
        self.watches.tell(Leader("a:1", 1))
        self.watches.tell(None)
        self.watches.tell(Leader("b:1", 2))
        self.clock.advance(0)
        self.watches.tell(Leader("b:1", 2))
        self.clock.advance(0)
        self.assertEqual(self.told, [Leader("b:1", 2)])
