"""The HTTP client, against servers on this machine that mean harm."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IPullProducer, ISSLTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web._newclient import Request
from twisted.web.http_headers import Headers
from zope.interface import directlyProvides, implementer

from galaxy.agent.delivery.client import _Connection
from galaxy.agent.delivery.fetch import FetchError, Have, ISink, Tag
from galaxy.agent.delivery.http import HttpSource
from galaxy.agent.delivery.throttle import Throttle
from tests.agent.delivery.test_http import Collected

reactor: Any = installed_reactor
OK = b"HTTP/1.1 200 OK\r\n"


@implementer(IPullProducer)
class Flood(Protocol):
    """Answers with a beginning, and then with more, for as long as somebody listens."""

    transport: Any
    factory: Any
    begun = False

    def dataReceived(self, _data: bytes) -> None:
        """Begin."""
        if not self.begun:
            self.begun = True
            self.transport.write(self.factory.beginning)
            self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Send more."""
        self.transport.write(self.factory.more)

    def stopProducing(self) -> None:
        """Nobody listens any more."""

    def connectionLost(self, _reason: Failure = connectionDone) -> None:
        """Note it."""
        self.ended.callback(None)

    def connectionMade(self) -> None:
        """Note it."""
        self.ended: Deferred[None] = Deferred()
        self.factory.ends.append(self.ended)


@define(slots=False, eq=False, repr=False)
class Floods(Factory):
    """A server, and how its connections end."""

    beginning: bytes
    more: bytes
    ends: list[Deferred[None]] = field(factory=list)
    noisy = False

    def buildProtocol(self, _address: object) -> Flood:
        """One more connection."""
        flood = Flood()
        flood.factory = self
        return flood


@implementer(ISink)
class Unwilling(Collected):
    """Wants none of it."""

    def begin(self, offset: int, total: int | None, tag: Tag) -> None:
        """Refuse."""
        raise FetchError("this is too large")


class HostileServerTests(TestCase):
    """Each fetch fails, and no connection is left."""

    async def refusal(self, beginning: bytes, more: bytes, sink: ISink | None = None) -> str:
        """Why nothing was had from a server, all of whose connections have ended."""
        server = Floods(beginning, more)
        listening: Any = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        source = HttpSource.over(reactor, Throttle())
        url = f"http://127.0.0.1:{listening.getHost().port}/x"
        fetched = source.fetch(url, Have(), sink or Collected())
        error: Any = await self.assertFailure(fetched, FetchError)
        await gatherResults(server.ends)
        self.connections = len(server.ends)
        return str(error)

    async def test_endless_head(self) -> None:
        """Headers, and lines that continue one, are taken up to a bound."""
        for more in (b"x: y\r\n", b" y\r\n"):
            self.assertIn("more than 64 KiB", await self.refusal(OK + b"x: y\r\n", more * 1000))

    async def test_endless_line(self) -> None:
        """So is one line."""
        self.assertIn("cannot be fetched", await self.refusal(OK, b"x" * 4096))

    async def test_endless_patience(self) -> None:
        """So are answers that precede the answer, and none of them is logged."""
        with capturedLogs() as events:
            reason = await self.refusal(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        self.assertIn("more than 64 KiB", reason)
        told = [formatEvent(event) for event in events]
        self.assertEqual([line for line in told if "100" in line], [])

    async def test_endless_trailers(self) -> None:
        """So is what follows the last chunk."""
        beginning = OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
        self.assertIn("broke", await self.refusal(beginning, b"x: y\r\n" * 1000))

    async def test_endless_bodies_of_redirections(self) -> None:
        """A redirection's body is not waited for, however many there are in a row."""
        beginning = b"HTTP/1.1 302 Found\r\nlocation: /y\r\n\r\n"
        self.assertIn("Infinite redirection", await self.refusal(beginning, bytes(4096)))
        self.assertEqual(self.connections, 21)

    async def test_body_that_is_refused(self) -> None:
        """Nor is a body that the sink has no room for, or that comes with a refusal."""
        self.assertIn("too large", await self.refusal(OK + b"\r\n", bytes(4096), Unwilling()))
        self.assertIn("404", await self.refusal(b"HTTP/1.1 404 No\r\n\r\n", bytes(4096)))


class TlsTransport(StringTransport):
    """Stands for a connection over TLS."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, ISSLTransport)

    def setTcpNoDelay(self, _enabled: object) -> None:
        """Nothing is sent."""


class TlsTests(SynchronousTestCase):
    """A connection over TLS."""

    def test_no_farewell(self) -> None:
        """It is broken off after an answer, for a server that does not take leave would keep it."""
        transport = TlsTransport()
        connection = _Connection()
        connection.makeConnection(transport)
        asked = connection.request(Request(b"GET", b"/x", Headers({"host": ["x"]}), None))
        connection.dataReceived(OK + b"content-length: 0\r\n\r\n")
        self.assertEqual(self.successResultOf(asked).code, 200)
        self.assertTrue(transport.disconnected)
