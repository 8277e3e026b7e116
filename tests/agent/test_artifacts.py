"""The machine's cache of packages."""

from __future__ import annotations

import hashlib
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.agent.artifacts import Artifacts, FetchError, ISource, Write
from galaxy.agent.packages import Package, package_of
from galaxy.protocol.types_pb2 import TaskDescriptor, kSourceTypeBinary, kSourceTypeFTP

SHA = hashlib.sha256(b"content").hexdigest()


@implementer(ISource)
@define
class SlowSource:
    """A source that waits to be told how a fetch ends."""

    begun: list[tuple[str, Write, Deferred[None]]] = field(factory=list)
    cancelled: list[str] = field(factory=list)

    def fetch(self, url: str, write: Write) -> Deferred[None]:
        """Begin."""
        done: Deferred[None] = Deferred(lambda _: self.cancelled.append(url))
        self.begun.append((url, write, done))
        return done

    def finish(self, content: bytes = b"content") -> None:
        """End the last that was begun."""
        _url, write, done = self.begun[-1]
        write(content)
        done.callback(None)


class CacheTests(SynchronousTestCase):
    """Fetching through the cache."""

    def setUp(self) -> None:
        self.source = SlowSource()
        self.directory = Path(self.mktemp())
        self.artifacts = Artifacts(self.directory, {"slow": self.source}, maybeDeferred)
        self.artifacts.prepare()
        self.package = Package(SHA, url="slow://x", sha256=SHA)

    def left(self) -> list[str]:
        """What is in the directory."""
        return sorted(path.name for path in self.directory.iterdir())

    def test_once(self) -> None:
        """However many wait, the package is fetched once; all get it together."""
        waiting = [self.artifacts.fetch(self.package) for _ in range(5)]
        self.assertEqual(len(self.source.begun), 1)
        self.source.finish()
        for waiter in waiting:
            self.assertEqual(self.successResultOf(waiter).read_bytes(), b"content")

    def test_again(self) -> None:
        """What is in the cache is not fetched again."""
        first = self.artifacts.fetch(self.package)
        self.source.finish()
        self.successResultOf(first)
        self.successResultOf(self.artifacts.fetch(self.package))
        self.assertEqual(len(self.source.begun), 1)

    def test_wrong_sum(self) -> None:
        """Another sha256 is refused for good, with both, and nothing of it is kept."""
        waiter = self.artifacts.fetch(self.package)
        self.source.finish(b"something else")
        error = self.failureResultOf(waiter, FetchError).value
        self.assertTrue(error.final)
        self.assertIn(SHA, error.reason)
        self.assertEqual(self.left(), [])

    def test_failure(self) -> None:
        """A fetch that fails tells all who wait, and the next begins anew."""
        waiting = [self.artifacts.fetch(self.package) for _ in range(2)]
        self.source.begun[0][2].errback(FetchError("no route to host"))
        for waiter in waiting:
            error = self.failureResultOf(waiter, FetchError).value
            self.assertEqual((error.reason, error.final), ("no route to host", False))
        again = self.artifacts.fetch(self.package)
        self.source.finish()
        self.successResultOf(again)

    def test_given_up(self) -> None:
        """The fetch goes on while one still waits, and is cancelled with the last."""
        first, second = (self.artifacts.fetch(self.package) for _ in range(2))
        first.addErrback(lambda _: None)
        second.addErrback(lambda _: None)
        first.cancel()
        self.assertEqual(self.source.cancelled, [])
        second.cancel()
        self.assertEqual(self.source.cancelled, ["slow://x"])
        self.assertEqual(self.left(), [])

    def test_unknown_kind(self) -> None:
        """A URL of no known kind is refused with those that are."""
        for url in ("gopher://x", "no url"):
            waiter = self.artifacts.fetch(Package("a", url=url))
            error = self.failureResultOf(waiter, FetchError).value
            self.assertTrue(error.final)
            self.assertIn("slow", error.reason)

    def test_inline(self) -> None:
        """An inline package is checked and kept like any other."""
        waiter = self.artifacts.fetch(Package(SHA, content=b"content", sha256=SHA))
        self.assertEqual(self.successResultOf(waiter).read_bytes(), b"content")

    def test_full_disk(self) -> None:
        """What cannot be kept is a failure that may pass."""
        waiter = self.artifacts.fetch(self.package)
        self.source.begun[0][2].errback(OSError(28, "No space left on device"))
        error = self.failureResultOf(waiter, FetchError).value
        self.assertIn("No space left", error.reason)
        self.assertFalse(error.final)

    def test_interrupted(self) -> None:
        """What an interrupted fetch has left is removed at the start."""
        (self.directory / "abc.part").write_bytes(b"half")
        self.artifacts.prepare()
        self.assertEqual(self.left(), [])


class NameTests(SynchronousTestCase):
    """What packages are called in the cache."""

    def test_by_content(self) -> None:
        """Inline bytes by their hash, whatever the version; a URL by its sha256 if it has one."""
        inline = TaskDescriptor(binary=b"content", source_type=kSourceTypeBinary)
        self.assertEqual({package_of(inline, version).name for version in ("v1", "v2")}, {SHA})
        for url in (b"http://a/x", b"http://b/y"):
            told = TaskDescriptor(binary=url, source_type=kSourceTypeFTP, sha256=SHA.upper())
            self.assertEqual(package_of(told, "v1").name, SHA)

    def test_by_url(self) -> None:
        """Without a sha256, by URL and version: another version may mean other bytes."""
        names = {
            package_of(TaskDescriptor(binary=url, source_type=kSourceTypeFTP), version).name
            for version in ("v1", "v2")
            for url in (b"http://a/x", b"http://a/y")
        }
        self.assertEqual(len(names), 4)
