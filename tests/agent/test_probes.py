"""Checks of ports, over real sockets."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from galaxy.agent.probes import NetworkProbes

reactor: Any = installed_reactor


class Says(Protocol):
    """Answers whatever comes with the same, or with nothing, or hangs up."""

    answer: bytes | None = b""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.answer is None:
            self.transport.loseConnection()
        else:
            self.transport.write(self.answer)


class ProbeTests(TestCase):
    """What is there, what answers, what does not."""

    def setUp(self) -> None:
        self.probes = NetworkProbes(reactor)

    def port(self, answer: bytes | None) -> int:
        """A port that takes connections."""
        factory = Factory.forProtocol(type("Answer", (Says,), {"answer": answer}))
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        return int(listening.getHost().port)

    def nobody(self) -> int:
        """A port that takes none: it is bound, and nobody listens."""
        bound = socket.socket()
        self.addCleanup(bound.close)
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])

    async def test_tcp(self) -> None:
        """A port that takes a connection passes; one that does not is named."""
        self.assertEqual(await self.probes.tcp(self.port(None), 5.0), "")
        port = self.nobody()
        failure = await self.probes.tcp(port, 5.0)
        self.assertEqual(failure, f"port {port} takes no connection: Connection refused")

    async def test_http(self) -> None:
        """A status from 200 to 399 passes; another is told, with the page."""
        for line, passes in (
            (b"HTTP/1.1 200 OK\r\n", True),
            (b"HTTP/1.0 302 Found\r\n\r\n", True),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
            (b"HTTP/1.1 503 No\r\n\r\n", False),
            (b"SSH-2.0-x\r\n", False),
            (None, False),
        ):
            port = self.port(line)
            failure = await self.probes.http(port, "/ready", 5.0)
            self.assertEqual(failure == "", passes, failure)
            if not passes:
                self.assertIn(f"http://127.0.0.1:{port}/ready", failure)

    async def test_http_nobody(self) -> None:
        """A page of a port that nobody listens on."""
        self.assertIn("no connection", await self.probes.http(self.nobody(), "/", 5.0))

    async def test_late(self) -> None:
        """One that takes the connection and says nothing has failed in time."""
        failure = await self.probes.http(self.port(b""), "/", 0.05)
        self.assertEqual(failure, "no answer within 0.05 s")

    async def test_one_line(self) -> None:
        """A path cannot add to what is asked."""
        heard: Deferred[bytes] = Deferred()

        class Hears(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                heard.callback(data)
                self.transport.loseConnection()

        listening = reactor.listenTCP(0, Factory.forProtocol(Hears), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        await self.probes.http(listening.getHost().port, "/a b\r\nX: y", 5.0)
        self.assertTrue((await heard).startswith(b"GET /a%20b%0D%0AX:%20y HTTP/1.1\r\n"))
