"""What a watcher is told, however slowly it reads."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.feed import Feed, News
from galaxy.gce.record import ProcessId

A, B = ProcessId("c", "a"), ProcessId("d", "b")


class FeedTests(SynchronousTestCase):
    """One feed."""

    def setUp(self) -> None:
        self.feed = Feed()

    def next(self) -> Deferred[News]:
        return Deferred.fromCoroutine(self.feed.next())

    def test_begins_with_everything(self) -> None:
        """The first news come at once, and say so."""
        self.assertEqual(News((), complete=True), self.successResultOf(self.next()))

    def test_waits_for_news(self) -> None:
        """After that there is nothing until something changes."""
        self.next()
        waiting = self.next()
        self.assertNoResult(waiting)
        self.feed.changed(A)
        self.assertEqual(News((A,)), self.successResultOf(waiting))

    def test_coalesces(self) -> None:
        """A slow reader is told once of what changed often."""
        self.next()
        for _ in range(3):
            self.feed.changed(A)
            self.feed.changed(B)
        self.assertEqual(News((A, B)), self.successResultOf(self.next()))
        self.assertNoResult(self.next())

    def test_removal_supersedes(self) -> None:
        """Of a removed container only the removal is told; of its successor, both."""
        self.next()
        self.feed.changed(A)
        self.feed.changed(B)
        self.feed.removed("c")
        self.assertEqual(News((B,), ("c",)), self.successResultOf(self.next()))
        self.feed.removed("c")
        self.feed.changed(A)
        self.assertEqual(News((A,), ("c",)), self.successResultOf(self.next()))
