"""Packages over FTP: against real servers on this machine, decent and not."""

from __future__ import annotations

import contextlib  # not its names: trial takes a `suppress` of a module for its own
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from galaxy.agent.delivery.fetch import FetchError, Have, Tag
from galaxy.agent.delivery.ftp import FtpSource
from galaxy.agent.delivery.throttle import Throttle
from tests.agent.delivery.test_http import CONTENT, Collected

reactor: Any = installed_reactor


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
                    self.send(connection, CONTENT[start:])
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

    def send(self, connection: socket.socket, content: bytes) -> None:
        """Send what is asked for."""
        connection.sendall(content)

    def say(self, line: str) -> None:
        """Answer."""
        self.wfile.write(line.encode() + b"\r\n")


def served(case: TestCase, handler: type[socketserver.BaseRequestHandler]) -> str:
    """The URL of a server that serves as long as the test goes on."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    case.addCleanup(thread.join)
    case.addCleanup(server.server_close)
    case.addCleanup(server.shutdown)
    return f"ftp://127.0.0.1:{server.server_address[1]}"


class FtpTests(TestCase):
    """ftp:// URLs, against a small server."""

    def setUp(self) -> None:
        self.base = served(self, FtpHandler)
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


class FloodHandler(socketserver.StreamRequestHandler):
    """Does not come to the end of its greeting."""

    def handle(self) -> None:
        """Greet as long as somebody listens."""
        with contextlib.suppress(ConnectionError):
            while True:
                self.wfile.write(b"220-hello\r\n" * 1000)


class DripHandler(socketserver.BaseRequestHandler):
    """Greets with a letter now and then."""

    def handle(self) -> None:
        """Greet as long as somebody listens."""
        with contextlib.suppress(ConnectionError):
            while not threading.Event().wait(0.01):
                self.request.sendall(b"2")


class SilentHandler(FtpHandler):
    """Does not even greet."""

    def handle(self) -> None:
        """Be silent."""
        self.be_silent()

    def be_silent(self) -> None:
        """Wait until the client goes."""
        self.rfile.read()


class StuckHandler(SilentHandler):
    """Sends the beginning of a file, and is silent."""

    handle = FtpHandler.handle

    def send(self, connection: socket.socket, content: bytes) -> None:
        """Begin."""
        connection.sendall(content[:1])
        self.be_silent()


class HostileServerTests(TestCase):
    """No server keeps a thread, nor fills the memory."""

    async def refusal(self, handler: type[socketserver.BaseRequestHandler]) -> str:
        """Why nothing was had from a server."""
        source = FtpSource(deferToThread, Throttle(), reactor, patience_s=0.2)
        fetched = source.fetch(f"{served(self, handler)}/package", Have(), Collected())
        error: Any = await self.assertFailure(fetched, FetchError)
        return str(error)

    async def test_endless_answer(self) -> None:
        """An answer is taken up to a bound."""
        self.assertIn("an answer has more than 64 KiB", await self.refusal(FloodHandler))

    async def test_slow_answer(self) -> None:
        """It is to come whole in time, not only to go on."""
        self.assertIn("timed out", await self.refusal(DripHandler))

    async def given_up(self, handler: type[SilentHandler]) -> None:
        """Give a fetch up when the server is silent; the thread ends."""
        silent: Deferred[None] = Deferred()
        ended: Deferred[None] = Deferred()

        class Handler(handler):  # type: ignore[misc, valid-type]
            def be_silent(self) -> None:
                """Tell the test."""
                reactor.callFromThread(silent.callback, None)
                super().be_silent()

        def in_thread(work: Callable[[], Any]) -> Deferred[Any]:
            done: Deferred[Any] = deferToThread(work)
            done.addErrback(lambda failure: failure.trap(FetchError))
            return done.addCallback(lambda _: ended.callback(None))

        source = FtpSource(in_thread, Throttle(), reactor, patience_s=10_000.0)
        fetched = source.fetch(f"{served(self, Handler)}/package", Have(), Collected())
        await silent
        fetched.cancel()
        await self.assertFailure(fetched, CancelledError)
        await ended

    async def test_given_up_while_it_is_silent(self) -> None:
        """A thread that waits for an answer ends when nobody waits for the package."""
        await self.given_up(SilentHandler)

    async def test_given_up_while_nothing_comes(self) -> None:
        """So does one that waits for the rest of a file."""
        await self.given_up(StuckHandler)
