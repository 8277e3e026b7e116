"""Where packages come from: against real servers on this machine."""

from __future__ import annotations

import socketserver
import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.static import Data
from twisted.web.util import Redirect

from galaxy.agent.artifacts import FetchError
from galaxy.agent.sources import FileSource, FtpSource, HttpSource, all_sources

reactor: Any = installed_reactor
CONTENT = bytes(range(256)) * 2000


class FileTests(SynchronousTestCase):
    """file:// URLs."""

    def fetch(self, url: str) -> bytes:
        """What a URL leads to."""
        parts: list[bytes] = []
        self.successResultOf(FileSource(maybeDeferred).fetch(url, parts.append))
        return b"".join(parts)

    def refused(self, url: str) -> FetchError:
        """Why a URL leads nowhere."""
        fetched = FileSource(maybeDeferred).fetch(url, lambda _: None)
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

    def test_public_only(self) -> None:
        """An agent with root's rights fetches what everybody may read, and nothing else."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(b"secret")
        source = FileSource(maybeDeferred, public_only=True)
        path.chmod(0o600)
        error = self.failureResultOf(source.fetch(f"file://{path}", lambda _: None), FetchError)
        self.assertIn("chmod a+r", error.value.reason)
        path.chmod(0o644)
        self.successResultOf(source.fetch(f"file://{path}", lambda _: None))


class Broken(Resource):
    """Promises more than it sends."""

    def render_GET(self, request: Any) -> int:
        """Send a part and hang up."""
        request.setHeader(b"content-length", b"1000")
        request.write(b"part")
        reactor.callLater(0, request.transport.loseConnection)
        return NOT_DONE_YET


class HttpTests(TestCase):
    """http:// URLs, against Twisted's own server."""

    def setUp(self) -> None:
        root = Resource()
        root.putChild(b"package", Data(CONTENT, "application/gzip"))
        root.putChild(b"moved", Redirect(b"/package"))
        root.putChild(b"broken", Broken())
        listening: Any = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.base = f"http://127.0.0.1:{listening.getHost().port}"
        self.source = HttpSource.over(reactor)

    async def test_stream(self) -> None:
        """The body, also behind a redirection."""
        for name in ("package", "moved"):
            parts: list[bytes] = []
            await self.source.fetch(f"{self.base}/{name}", parts.append)
            self.assertEqual(b"".join(parts), CONTENT)

    async def refused(self, url: str) -> FetchError:
        """Why a URL leads nowhere."""
        fetched: Deferred[Any] = self.source.fetch(url, lambda _: None)
        error = await self.assertFailure(fetched, FetchError)
        assert isinstance(error, FetchError)
        return error

    async def test_not_found(self) -> None:
        """A refusal names URL and status, and is final."""
        error = await self.refused(f"{self.base}/nothing")
        self.assertIn("404 Not Found", error.reason)
        self.assertTrue(error.final)

    async def test_broken(self) -> None:
        """A body that breaks off is a failure that may pass, not a short package."""
        self.assertFalse((await self.refused(f"{self.base}/broken")).final)

    async def test_nobody(self) -> None:
        """Nobody listens: that may pass."""
        error = await self.refused("http://127.0.0.1:1/x")
        self.assertIn("127.0.0.1:1", error.reason)
        self.assertFalse(error.final)

    async def test_disk(self) -> None:
        """When what came cannot be written, the fetch ends with that."""

        def full(data: bytes) -> None:
            raise OSError(28, "No space left on device")

        fetched: Deferred[Any] = self.source.fetch(f"{self.base}/package", full)
        await self.assertFailure(fetched, OSError)

    def test_kinds(self) -> None:
        """Every kind of URL has a source."""
        sources = all_sources(reactor, deferToThread)
        self.assertEqual(sorted(sources), ["file", "ftp", "http", "https"])


class FtpHandler(socketserver.StreamRequestHandler):
    """As much of an FTP server as a retrieval needs."""

    def handle(self) -> None:
        """Serve one client."""
        data = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.say("220 ready")
        for line in self.rfile:
            match line.split():
                case [b"USER", _]:
                    self.say("331 password")
                case [b"PASS", *_]:
                    self.say("230 welcome")
                case [b"TYPE", _]:
                    self.say("200 binary")
                case [b"EPSV"]:
                    self.say(f"229 Entering Extended Passive Mode (|||{data.server_address[1]}|)")
                case [b"PASV"]:
                    port = int(data.server_address[1])
                    self.say(f"227 Entering Passive Mode (127,0,0,1,{port >> 8},{port & 255})")
                case [b"RETR", b"/package"]:
                    self.say("150 here it comes")
                    connection, _address = data.get_request()
                    connection.sendall(CONTENT)
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
        self.source = FtpSource(deferToThread)

    async def test_retrieve(self) -> None:
        """A file."""
        parts: list[bytes] = []
        await self.source.fetch(f"{self.base}/package", parts.append)
        self.assertEqual(b"".join(parts), CONTENT)

    async def test_refused(self) -> None:
        """What the server refuses is refused for good."""
        fetched: Deferred[None] = self.source.fetch(f"{self.base}/nothing", lambda _: None)
        error: Any = await self.assertFailure(fetched, FetchError)
        self.assertTrue(error.final)
        self.assertIn("550", error.reason)
