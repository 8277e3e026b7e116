"""Where packages come from: against real servers on this machine."""

from __future__ import annotations

import os
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from galaxy.agent.delivery.fetch import FetchError, Have, Tag
from galaxy.agent.delivery.sources import FileSource, FtpSource, all_sources
from galaxy.agent.delivery.threads import FetchThreads
from galaxy.agent.delivery.throttle import Throttle
from tests.agent.delivery.test_http import CONTENT, Collected

reactor: Any = installed_reactor


class FileTests(SynchronousTestCase):
    """file:// URLs."""

    def setUp(self) -> None:
        self.base = Path(tempfile.mkdtemp())  # everybody gets to what is below it
        self.addCleanup(shutil.rmtree, self.base)
        self.base.chmod(0o755)
        self.data = self.base / "data"
        self.data.mkdir()
        self.source = FileSource(maybeDeferred, self.data)
        self.public = FileSource(maybeDeferred, self.data, public_only=True)

    def fetch(self, url: str, source: FileSource | None = None) -> bytes:
        """What a URL leads to."""
        sink = Collected()
        self.successResultOf((source or self.source).fetch(url, Have(), sink))
        return sink.data

    def refused(self, url: str, source: FileSource | None = None) -> FetchError:
        """Why a URL leads nowhere."""
        fetched = (source or self.source).fetch(url, Have(), Collected())
        error = self.failureResultOf(fetched, FetchError).value
        assert isinstance(error, FetchError)
        return error

    def test_copy(self) -> None:
        """A file, also with odd characters in its name."""
        path = Path(self.mktemp()).absolute()
        path.mkdir()
        (path / "a b").write_bytes(CONTENT)
        self.assertEqual(self.fetch(f"file://{path}/a%20b"), CONTENT)
        self.assertEqual(self.fetch(f"file://localhost{path}/a%20b"), CONTENT)

    def test_refused(self) -> None:
        """What is not there, is a directory, or is on another machine, is refused for good."""
        for url in ("file:///not/here", "file:///tmp", "file://elsewhere/x"):
            error = self.refused(url)
            self.assertTrue(error.final, url)
            self.assertIn(url, error.reason)

    def test_no_file(self) -> None:
        """
        What is no file is refused, and not opened: a pipe that nobody writes to would have
        kept the thread for good.
        """
        path = Path(self.mktemp()).absolute()
        os.mkfifo(path)
        for url in (f"file://{path}", "file:///dev/zero", "file:///"):
            error = self.refused(url)
            self.assertEqual((error.reason, error.final), (f"{url} is no file", True))

    def test_links(self) -> None:
        """Links are followed, also those that lead above the root."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(CONTENT)
        link = Path(self.mktemp()).absolute()
        link.symlink_to("/.." + str(path))
        self.assertEqual(self.fetch(f"file://{link}"), CONTENT)
        link.unlink()
        link.symlink_to(link)
        self.assertTrue(self.refused(f"file://{link}").final)

    def test_public_only(self) -> None:
        """An agent with root's rights fetches what everybody may read, and nothing else."""
        path = self.base / "package"
        path.write_bytes(CONTENT)
        path.chmod(0o600)
        self.assertIn(f"{path} is not for everybody (chmod a+r)", self.reason(path))
        path.chmod(0o644)
        self.assertEqual(self.fetch(f"file://{path}", self.public), CONTENT)

    def test_private_directory(self) -> None:
        """What everybody might read is not had from where not everybody gets, by any way."""
        private = self.base / "private"
        (private / "sub").mkdir(parents=True)
        path = private / "sub" / "package"
        path.write_bytes(CONTENT)
        (self.base / "link").symlink_to(path)
        (self.base / "above").symlink_to(private / "sub")
        (self.base / "public").write_bytes(CONTENT)
        ways = (
            path,
            private / ".." / "public",
            self.base / "link",
            self.base / "above" / "package",
        )
        for way in ways:
            private.chmod(0o755)
            self.assertEqual(self.fetch(f"file://{way}", self.public), CONTENT)
            private.chmod(0o750)
            self.assertIn(f"{private} is not for everybody (chmod a+x)", self.reason(way))
        self.assertIn("chmod a+x", self.reason(private / "nothing"))

    def test_data(self) -> None:
        """What the agent keeps is not to be had, whatever its mode and its name."""
        path = self.data / "package"
        path.write_bytes(CONTENT)
        (self.base / "link").symlink_to(self.data)
        for way in (path, self.base / "link" / "package", self.data / "nothing"):
            for source in (self.source, self.public):
                self.assertIn("what the agent keeps", self.refused(f"file://{way}", source).reason)

    def reason(self, path: Path) -> str:
        """Why a file is not for everybody; it is so for good."""
        error = self.refused(f"file://{path}", self.public)
        self.assertTrue(error.final)
        return error.reason

    def test_the_same(self) -> None:
        """What has not been written since does not come again."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(CONTENT)
        source, sink = self.source, Collected()
        self.successResultOf(source.fetch(f"file://{path}", Have(), sink))
        known = Have(whole=sink.tag)
        self.assertFalse(self.successResultOf(source.fetch(f"file://{path}", known, Collected())))
        path.write_bytes(CONTENT + b"more")
        self.assertTrue(self.successResultOf(source.fetch(f"file://{path}", known, Collected())))


class KindTests(SynchronousTestCase):
    """Which URLs a package may have."""

    def test_kinds(self) -> None:
        """Every kind has a source."""
        sources = all_sources(reactor, Throttle(), Path("/nowhere"))
        self.assertEqual(sorted(sources), ["file", "ftp", "http", "https"])

    def test_threads(self) -> None:
        """What may hang has threads of its own, and neither kind those of the other."""
        sources: Any = all_sources(reactor, Throttle(), Path("/nowhere"))
        theirs = (sources["file"].in_thread, sources["ftp"].in_thread)
        self.assertIsInstance(theirs[0], FetchThreads)
        self.assertIsInstance(theirs[1], FetchThreads)
        self.assertIsNot(*theirs)


class FtpHandler(socketserver.StreamRequestHandler):
    """As much of an FTP server as a retrieval needs."""

    def handle(self) -> None:
        """Serve one client."""
        data = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.say("220 ready")
        start = 0
        for line in self.rfile:
            match line.split():
                case [b"USER", _]:
                    self.say("331 password")
                case [b"PASS", *_]:
                    self.say("230 welcome")
                case [b"TYPE", _]:
                    self.say("200 binary")
                case [b"PASV"]:
                    port = int(data.server_address[1])
                    self.say(f"227 Entering Passive Mode (127,0,0,1,{port >> 8},{port & 255})")
                case [b"SIZE", b"/package"]:
                    self.say(f"213 {len(CONTENT)}")
                case [b"MDTM", b"/package"]:
                    self.say("213 20261123040000")
                case [b"REST", offset]:
                    start = int(offset)
                    self.say("350 from there on")
                case [b"RETR", b"/package"]:
                    self.say("150 here it comes")
                    connection, _address = data.get_request()
                    connection.sendall(CONTENT[start:])
                    connection.close()
                    self.say("226 done")
                case [b"RETR", _]:
                    self.say("550 no such file")
                case [b"QUIT"]:
                    self.say("221 bye")
                    break
                case _:
                    self.say("500 what?")
        data.server_close()

    def say(self, line: str) -> None:
        """Answer."""
        self.wfile.write(line.encode() + b"\r\n")


class FtpTests(TestCase):
    """ftp:// URLs, against a small server."""

    def setUp(self) -> None:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), FtpHandler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.base = f"ftp://127.0.0.1:{server.server_address[1]}"
        self.source = FtpSource(deferToThread, Throttle(), reactor)

    async def test_retrieve(self) -> None:
        """A file."""
        sink = Collected()
        await self.source.fetch(f"{self.base}/package", Have(), sink)
        self.assertEqual((sink.total, sink.data), (len(CONTENT), CONTENT))

    async def test_goes_on(self) -> None:
        """What is there is not sent again, unless it has changed; the same does not come."""
        whole = Collected()
        await self.source.fetch(f"{self.base}/package", Have(), whole)
        rest = Collected()
        await self.source.fetch(f"{self.base}/package", Have(1000, whole.tag), rest)
        self.assertEqual((rest.offset, rest.data), (1000, CONTENT[1000:]))
        changed = Collected()
        await self.source.fetch(f"{self.base}/package", Have(1000, Tag(modified="then")), changed)
        self.assertEqual((changed.offset, changed.data), (0, CONTENT))
        self.assertFalse(
            await self.source.fetch(f"{self.base}/package", Have(whole=whole.tag), Collected())
        )

    async def test_given_up(self) -> None:
        """When nobody waits any more, the thread ends with the piece it has."""
        over: Deferred[None] = Deferred()

        def ended(result: Any) -> Any:
            over.callback(None)
            return result

        def in_thread(work: Callable[[], Any]) -> Deferred[Any]:
            return deferToThread(work).addBoth(ended)

        source = FtpSource(in_thread, Throttle(1.0), reactor)
        sink = Collected()
        fetched = source.fetch(f"{self.base}/package", Have(), sink)
        reactor.callLater(0.1, fetched.cancel)
        await self.assertFailure(fetched, CancelledError)
        await over
        self.assertEqual(sink.data, b"")

    async def test_refused(self) -> None:
        """What the server refuses is refused for good."""
        fetched = self.source.fetch(f"{self.base}/nothing", Have(), Collected())
        error: Any = await self.assertFailure(fetched, FetchError)
        self.assertTrue(error.final)
        self.assertIn("550", error.reason)
