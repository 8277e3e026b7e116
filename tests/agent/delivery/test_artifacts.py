"""The machine's cache of packages."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.agent.delivery.artifacts import Artifacts
from galaxy.agent.delivery.downloads import UNWANTED_S
from galaxy.agent.delivery.fetch import FetchError, Have, ISink, ISource, StalePart, Tag
from galaxy.agent.delivery.packages import Package, package_of
from galaxy.agent.delivery.shelf import VERIFY_S
from galaxy.protocol.types_pb2 import TaskDescriptor, kSourceTypeBinary, kSourceTypeFTP

CONTENT = b"content"
SHA = hashlib.sha256(CONTENT).hexdigest()
TAG = Tag('"one"')


@implementer(ISource)
@define
class SlowSource:
    """A source that waits to be told how a fetch goes on and ends."""

    begun: list[tuple[Have, ISink, Deferred[bool]]] = field(factory=list)
    cancelled: int = 0

    def fetch(self, url: str, have: Have, sink: ISink) -> Deferred[bool]:
        """Begin."""

        def cancel(_done: Deferred[bool]) -> None:
            self.cancelled += 1

        done: Deferred[bool] = Deferred(cancel)
        self.begun.append((have, sink, done))
        return done

    @property
    def have(self) -> Have:
        """What was there of the package when the last fetch began."""
        return self.begun[-1][0]

    def send(self, data: bytes, offset: int = 0, total: int | None = None) -> None:
        """Send a piece of the last that was begun."""
        sink = self.begun[-1][1]
        sink.begin(offset, total, TAG)
        sink.write(data)

    def finish(self, content: bytes = CONTENT, total: int | None = None) -> None:
        """End the last that was begun."""
        self.send(content, 0, total)
        self.begun[-1][2].callback(True)

    def fail(self, error: Exception) -> None:
        """Break off the last that was begun."""
        self.begun[-1][2].errback(error)


class CacheTests(SynchronousTestCase):
    """Fetching through the cache."""

    def setUp(self) -> None:
        self.source = SlowSource()
        self.directory = Path(self.mktemp())
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.in_use: list[Package] = []
        self.most_bytes = 1 << 30
        self.package_bytes = 1 << 61
        self.workspace = 1 << 61
        self.wanted: list[str] = []
        self.start()
        self.package = Package(SHA, url="slow://x", sha256=SHA)

    def start(self) -> None:
        """The cache as an agent has it that begins."""
        self.artifacts = Artifacts.below(
            self.directory,
            most_bytes=self.most_bytes,
            package_bytes=self.package_bytes,
            wanted=lambda: self.wanted,
            in_use=lambda: self.in_use,
            sources={"slow": self.source},
            in_thread=maybeDeferred,
            clock=self.clock,
            rng=Random(7),
        )
        self.artifacts.prepare()

    def left(self, where: str) -> list[str]:
        """What is in one of the cache's directories."""
        return sorted(path.name for path in (self.directory / where).iterdir())

    def bring(
        self, package: Package, content: bytes = CONTENT, *, total: int | None = None
    ) -> Path:
        """Have a package, which is then on its way, come."""
        waiter = self.artifacts.fetch(package, self.workspace)
        self.source.finish(content, total)
        return self.successResultOf(waiter)

    def inline(self, content: bytes) -> Package:
        """A package that came with its job."""
        return Package(hashlib.sha256(content).hexdigest(), content=content)

    def test_once(self) -> None:
        """However many wait, the package is fetched once; all get it together."""
        waiting = [self.artifacts.fetch(self.package, self.workspace) for _ in range(5)]
        self.assertEqual(len(self.source.begun), 1)
        self.source.finish()
        for waiter in waiting:
            self.assertEqual(self.successResultOf(waiter).read_bytes(), CONTENT)

    def test_again(self) -> None:
        """What is in the cache is not fetched again, neither by the next agent."""
        self.bring(self.package)
        for _ in range(2):
            self.successResultOf(self.artifacts.fetch(self.package, self.workspace))
            self.start()
        self.assertEqual(len(self.source.begun), 1)

    def test_shared(self) -> None:
        """Other jobs, other URLs, inline bytes: what is the same lies there once."""
        self.bring(Package("u1", url="slow://x"))
        self.successResultOf(self.artifacts.fetch(self.inline(CONTENT), self.workspace))
        self.successResultOf(self.artifacts.fetch(self.package, self.workspace))
        self.assertEqual(len(self.source.begun), 1)
        self.assertEqual(self.left("whole"), [SHA])

    def test_wrong_sum(self) -> None:
        """Another sha256 is refused for good, with both, and nothing of it is kept."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        self.source.finish(b"something else")
        error = self.failureResultOf(waiter, FetchError).value
        self.assertTrue(error.final)
        self.assertIn(SHA, error.reason)
        self.assertEqual((self.left("whole"), self.left("parts")), ([], []))

    def test_failure(self) -> None:
        """What cannot be otherwise tells all who wait, and the next begins anew."""
        waiting = [self.artifacts.fetch(self.package, self.workspace) for _ in range(2)]
        self.source.fail(FetchError("not found", final=True))
        for waiter in waiting:
            self.assertEqual(self.failureResultOf(waiter, FetchError).value.reason, "not found")
        self.bring(self.package)

    def test_again_and_again(self) -> None:
        """What may pass is tried again after longer and longer pauses, and then no more."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        for number in range(1, 6):
            self.assertEqual(len(self.source.begun), number)
            self.source.fail(FetchError("no route to host"))
            self.clock.advance(0.7 * 2 ** (number - 1))
            self.assertEqual(len(self.source.begun), number)
            self.clock.advance(0.6 * 2 ** (number - 1))
        self.assertFalse(self.failureResultOf(waiter, FetchError).value.final)

    def test_goes_on(self) -> None:
        """What breaks off goes on where it was, as often as there is progress."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        for received in range(7):
            self.assertEqual(self.source.have, Have(received, TAG if received else Tag()))
            self.source.send(CONTENT[received : received + 1], received, 7)
            self.source.fail(FetchError("it broke"))
            self.clock.advance(2.0)
        self.source.begun[-1][2].callback(True)
        self.assertEqual(self.successResultOf(waiter).read_bytes(), CONTENT)

    def test_goes_on_after_the_agent(self) -> None:
        """So does what an earlier agent had begun."""
        waiter = self.artifacts.fetch(Package("u1", url="slow://x"), self.workspace)
        self.source.send(CONTENT[:3], 0, 7)
        waiter.addErrback(lambda _: None)
        waiter.cancel()
        self.start()
        waiter = self.artifacts.fetch(Package("u1", url="slow://x"), self.workspace)
        self.assertEqual(self.source.have, Have(3, TAG))
        self.source.send(CONTENT[3:], 3, 7)
        self.source.begun[-1][2].callback(True)
        self.assertEqual(self.successResultOf(waiter).read_bytes(), CONTENT)

    def test_all_had_come(self) -> None:
        """What had come whole when the agent was killed is not asked for again."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        self.source.send(CONTENT, 0, 7)
        waiter.addErrback(lambda _: None)
        waiter.cancel()
        self.start()
        self.successResultOf(self.artifacts.fetch(self.package, self.workspace))
        self.assertEqual(len(self.source.begun), 1)

    def test_pieces_that_do_not_match(self) -> None:
        """A wrong sum of what came in pieces may pass: it is had once more, from the start."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        self.source.send(b"xxx", 0, 7)
        self.source.fail(FetchError("it broke"))
        self.clock.advance(2.0)
        self.source.send(CONTENT[3:], 3, 7)
        self.source.begun[-1][2].callback(True)
        self.assertFalse(self.failureResultOf(waiter, FetchError).value.final)
        self.artifacts.fetch(self.package, self.workspace)
        self.assertEqual(self.source.have, Have())

    def test_part_that_is_of_no_use(self) -> None:
        """Where the server has nothing to go on with, it begins anew."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        self.source.send(CONTENT[:3], 0, 7)
        self.source.fail(FetchError("it broke"))
        self.clock.advance(2.0)
        self.source.fail(StalePart("416"))
        self.clock.advance(2.0)
        self.assertEqual(self.source.have, Have())
        self.source.finish()
        self.successResultOf(waiter)

    def test_given_up(self) -> None:
        """The fetch goes on while one still waits, and is cancelled with the last."""
        first, second = (self.artifacts.fetch(self.package, self.workspace) for _ in range(2))
        first.addErrback(lambda _: None)
        second.addErrback(lambda _: None)
        first.cancel()
        self.assertEqual(self.source.cancelled, 0)
        second.cancel()
        self.assertEqual(self.source.cancelled, 1)
        with self.assertRaises(FetchError):  # a thread that has yet to hear of it
            self.source.send(b"late")

    def test_unknown_kind(self) -> None:
        """A URL of no known kind is refused with those that are."""
        for url in ("gopher://x", "no url"):
            waiter = self.artifacts.fetch(Package("a", url=url), self.workspace)
            error = self.failureResultOf(waiter, FetchError).value
            self.assertTrue(error.final)
            self.assertIn("slow", error.reason)

    def test_full_disk(self) -> None:
        """What cannot be kept is a failure that may pass."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        self.source.fail(OSError(28, "No space left on device"))
        error = self.failureResultOf(waiter, FetchError).value
        self.assertIn("No space left", error.reason)
        self.assertFalse(error.final)

    def test_larger_than_the_disk(self) -> None:
        """What says that it is larger than the disk is not begun; nobody's go in vain."""
        self.most_bytes = 1 << 61
        self.start()
        self.bring(self.package)
        waiter = self.artifacts.fetch(Package("u1", url="slow://large"), self.workspace)
        with self.assertRaises(FetchError) as refused:
            self.source.send(b"", 0, 1 << 60)
        self.source.fail(refused.exception)
        error = self.failureResultOf(waiter, FetchError).value
        self.assertTrue(error.final)
        self.assertIn("the disk", error.reason)
        self.assertEqual((self.left("whole"), self.left("parts")), ([SHA], []))

    def refused(self, said: str, data: bytes = b"", total: int | None = None) -> None:
        """What a fetch is refused for, finally, and without a trace."""
        waiter = self.artifacts.fetch(Package("u9", url="slow://large"), self.workspace)
        with self.assertRaises(FetchError) as refused:
            self.source.send(data, 0, total)
        self.source.fail(refused.exception)
        error = self.failureResultOf(waiter, FetchError).value
        self.assertTrue(error.final)
        self.assertIn(said, error.reason)
        self.assertEqual(self.left("parts"), [])

    def test_too_large(self) -> None:
        """By what it says or by what comes: for a package, for the cache, for who wants it."""
        for data, total in ((b"", 1001), (bytes(1001), None)):
            self.package_bytes, self.most_bytes, self.workspace = 1000, 1 << 20, 1 << 20
            self.start()
            self.refused("larger than 1000 B, which is agent.package_bytes", data, total)
            self.package_bytes, self.most_bytes = 1 << 20, 1000
            self.start()
            self.refused("which is agent.package_cache_bytes", data, total)
            self.most_bytes, self.workspace = 1 << 20, 1000
            self.start()
            self.refused("which its pod's directory may hold", data, total)

    def test_large_enough_for_one(self) -> None:
        """The largest directory of those who wait counts."""
        waiting = [self.artifacts.fetch(self.package, size) for size in (3, 7)]
        self.source.finish()
        for waiter in waiting:
            self.successResultOf(waiter)

    def test_parts_count(self) -> None:
        """What is on its way has room in the cache, before what nobody uses or waits for."""
        self.most_bytes = 20
        self.start()
        self.bring(self.package)
        left = self.artifacts.fetch(Package("u1", url="slow://left"), self.workspace)
        self.source.send(b"123456", 0, 9)
        left.addErrback(lambda _: None)
        left.cancel()
        self.assertEqual((self.left("whole"), self.left("parts")), ([SHA], ["u1", "u1.of"]))
        self.artifacts.fetch(Package("u2", url="slow://first"), self.workspace)
        self.source.send(b"", 0, 15)
        self.assertEqual((self.left("whole"), self.left("parts")), ([], ["u2", "u2.of"]))
        self.artifacts.fetch(Package("u3", url="slow://second"), self.workspace)
        with self.assertRaises(FetchError) as refused:
            self.source.send(b"", 0, 6)
        self.assertFalse(refused.exception.final)
        self.source.send(b"", 0, 5)

    def test_unwanted(self) -> None:
        """What came of a package goes a minute after nobody wants it, also under the next agent."""
        self.wanted = ["u1"]
        for _ in range(2):
            waiter = self.artifacts.fetch(Package("u1", url="slow://x"), self.workspace)
            self.source.send(b"123", 0, 9)
            self.artifacts.sweep()
            self.clock.advance(1000.0)
            waiter.addErrback(lambda _: None)
            waiter.cancel()
            self.start()
            self.clock.advance(1000.0)
            self.artifacts.sweep()
            self.assertEqual(self.left("parts"), ["u1", "u1.of"])
        self.wanted = []
        self.artifacts.sweep()
        self.clock.advance(UNWANTED_S - 1)
        self.artifacts.sweep()
        self.assertEqual(self.left("parts"), ["u1", "u1.of"])
        self.clock.advance(1.0)
        self.artifacts.sweep()
        self.assertEqual(self.left("parts"), [])

    def test_same_version(self) -> None:
        """Without a sha256 the server is asked once a version, whatever it has meanwhile."""
        self.bring(Package("u1", url="slow://x"))
        self.start()
        self.successResultOf(self.artifacts.fetch(Package("u1", url="slow://x"), self.workspace))
        self.assertEqual(len(self.source.begun), 1)

    def test_next_version(self) -> None:
        """Another version asks whether it is still the same, and then has it."""
        self.bring(Package("u1", url="slow://x"), total=7)
        self.start()
        waiter = self.artifacts.fetch(Package("u2", url="slow://x"), self.workspace)
        self.assertEqual(self.source.have, Have(whole=TAG))
        self.source.begun[-1][2].callback(False)
        self.assertEqual(self.successResultOf(waiter).read_bytes(), CONTENT)
        changed = self.bring(Package("u3", url="slow://x"), b"changed")
        self.assertEqual(changed.read_bytes(), b"changed")
        kept = self.artifacts.path(Package("u2", url="slow://x"))
        assert kept is not None
        self.assertEqual(kept.read_bytes(), CONTENT)

    def test_half_of_unknown_size(self) -> None:
        """Where a server told no size, what came may be half: when doubted, it is had again."""
        package = Package("u1", url="slow://x")
        self.bring(package, CONTENT[:3])
        waiter = self.artifacts.fetch(package, self.workspace, doubted=True)
        self.assertEqual(self.source.have, Have())
        self.source.finish()
        self.assertEqual(self.successResultOf(waiter).read_bytes(), CONTENT)

    def test_damaged(self) -> None:
        """A file of another size or time is not what it was; it is fetched again."""
        path = self.bring(self.package)
        path.write_bytes(b"contend")
        self.assertIsNone(self.artifacts.path(self.package))
        self.assertEqual(self.bring(self.package).read_bytes(), CONTENT)
        self.flushLoggedErrors()

    def test_rotten(self) -> None:
        """A bit that fell over shows when it is read: after a restart, a while, or when doubted."""
        for doubt in ("restart", "a while", "doubted"):
            path = self.bring(self.package)
            times = path.stat()
            path.write_bytes(b"contend")
            _set_time(path, times.st_mtime_ns)
            self.successResultOf(self.artifacts.fetch(self.package, self.workspace))
            if doubt == "restart":
                self.start()
            elif doubt == "a while":
                self.clock.advance(VERIFY_S + 1)
            waiter = self.artifacts.fetch(self.package, self.workspace, doubted=doubt == "doubted")
            self.source.finish()
            self.assertEqual(self.successResultOf(waiter).read_bytes(), CONTENT)
            path.unlink()

    def test_bounded(self) -> None:
        """Beyond the bound the longest unused go, and none that is in use."""
        self.most_bytes = 25
        self.start()
        first, second, third = (self.inline(bytes([letter]) * 10) for letter in b"abc")
        for package in (first, second, first):
            self.successResultOf(self.artifacts.fetch(package, self.workspace))
            self.clock.advance(10.0)
        self.in_use = [third]
        self.successResultOf(self.artifacts.fetch(third, self.workspace))
        self.assertEqual(self.left("whole"), sorted([first.name, third.name]))
        self.in_use = [first, second, third]
        self.successResultOf(self.artifacts.fetch(second, self.workspace))
        self.assertEqual(len(self.left("whole")), 3)
        self.in_use = []
        self.start()
        self.assertEqual(self.left("whole"), sorted([second.name, third.name]))

    def test_progress(self) -> None:
        """How much has come, of how much, and why it waits."""
        waiter = self.artifacts.fetch(self.package, self.workspace)
        self.assertEqual(self.artifacts.progress(self.package), "0.0 MiB fetched")
        self.source.send(bytes(3 << 19), 0, 3 << 20)
        self.assertEqual(self.artifacts.progress(self.package), "1.5 of 3.0 MiB fetched")
        self.source.fail(FetchError("it broke"))
        told = self.artifacts.progress(self.package)
        self.assertEqual(told, "1.5 of 3.0 MiB fetched, tried again soon: it broke")
        self.clock.advance(2.0)
        self.source.finish()
        self.successResultOf(waiter)
        self.assertEqual(self.artifacts.progress(self.package), "")

    def test_of_an_earlier_release(self) -> None:
        """What an earlier release kept in another way is let go of."""
        (self.directory / SHA).write_bytes(CONTENT)
        self.start()
        self.assertFalse((self.directory / SHA).exists())


def _set_time(path: Path, mtime_ns: int) -> None:
    os.utime(path, ns=(mtime_ns, mtime_ns))


class NameTests(SynchronousTestCase):
    """What packages are called in the cache."""

    def test_by_content(self) -> None:
        """Inline bytes by their hash, whatever the version; a URL by its sha256 if it has one."""
        inline = TaskDescriptor(binary=CONTENT, source_type=kSourceTypeBinary)
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
