"""What only sockets can show: strangers at the door, and peers that do not read."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from galaxy.protocol.agent_pb2 import QueryRequest
from galaxy.protocol.calls import Refused
from galaxy.protocol.framing import Framer, framed
from galaxy.protocol.greeting import PROTOCOL_VERSION
from galaxy.protocol.limits import Limits
from galaxy.protocol.services import AgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.wire_pb2 import Envelope, FrameKind, Hello
from tests.protocol.echo import EchoAgent, hello, served

LIMITS = Limits(frame_bytes=100_000, backlog_bytes=10_000)


class Stranger(Protocol):
    """Sends what it is told, keeps what comes."""

    def __init__(self) -> None:
        self.received = b""
        self.closed: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Tell what came."""
        self.closed.callback(self.received)

    @property
    def socket(self) -> Any:
        """The transport."""
        return self.transport


def last_words(received: bytes) -> str:
    """The reason in the goodbye that ends what was received."""
    envelope = Envelope.FromString(Framer(1 << 20).receive(received)[-1])
    assert envelope.kind == FrameKind.kGoodbye, envelope
    return envelope.reason


class StrangerTests(TestCase):
    """Each stranger gets a line and a closed connection; nobody else notices."""

    async def start(self, limits: Limits = LIMITS) -> None:
        """An agent that listens, and a good caller."""
        self.agent = EchoAgent()
        self.network = TcpNetwork(reactor, limits=limits)
        self.listening = await self.network.listen(
            "127.0.0.1:0", hello("callee"), served(self.agent)
        )
        self.addCleanup(self.listening.stop)
        caller = TcpNetwork(reactor)
        self.peer = await caller.dial(self.listening.address, hello("caller"))

    async def stranger(self, data: bytes) -> Stranger:
        """Somebody who connects and says this."""
        port = self.listening.address.rpartition(":")[2]
        endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{port}")
        stranger: Stranger = await connectProtocol(endpoint, Stranger())
        stranger.socket.write(data)
        return stranger

    async def assert_unharmed(self, why: Refused, count: int = 1) -> None:
        """The good caller is served, the refusals were counted, nothing was logged."""
        response = await AgentStub(self.peer).query(QueryRequest(since_revision=5))
        assert response.revision == 5
        assert self.network.counters.refusals == {why: count}, self.network.counters.refusals
        assert self.flushLoggedErrors() == []

    async def test_http(self) -> None:
        """A browser is told what this port is."""
        await self.start()
        stranger = await self.stranger(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert "Galaxy port" in last_words(await stranger.closed)
        await self.assert_unharmed(Refused.FRAME_TOO_LONG)

    async def test_two_gigabytes(self) -> None:
        """A length of 2 GiB is refused when it is read, whatever follows."""
        await self.start()
        stranger = await self.stranger((1 << 31).to_bytes(4, "big") + bytes(1000))
        assert str(1 << 31) in last_words(await stranger.closed)
        await self.assert_unharmed(Refused.FRAME_TOO_LONG)

    async def test_random_bytes(self) -> None:
        """Fifty kinds of noise: each is refused once."""
        await self.start()
        rng = Random(7)
        for _ in range(50):
            stranger = await self.stranger(b"\0\0" + rng.randbytes(70_000))
            await stranger.closed
        await AgentStub(self.peer).query(QueryRequest())
        assert sum(self.network.counters.refusals.values()) == 50
        assert self.flushLoggedErrors() == []

    async def test_wrong_version(self) -> None:
        """A build that speaks another version is told both numbers."""
        await self.start()
        wrong = Envelope(kind=FrameKind.kHello, hello=Hello(protocol_version=9))
        stranger = await self.stranger(framed(wrong.SerializeToString()))
        words = last_words(await stranger.closed)
        assert "9" in words and str(PROTOCOL_VERSION) in words, words
        await self.assert_unharmed(Refused.WRONG_VERSION)

    async def test_silence_and_half_a_hello(self) -> None:
        """Who has not said a whole hello in time is closed."""
        await self.start(Limits(hello_s=1.0))
        for stranger in [await self.stranger(data) for data in (b"", b"\0\0\0\x20half")]:
            assert "no hello" in last_words(await stranger.closed)
        await self.assert_unharmed(Refused.NO_HELLO, 2)

    async def test_too_many_strangers(self) -> None:
        """Beyond the bound they are closed at once; those past hello do not count."""
        await self.start(Limits(unproven=5))
        strangers = [await self.stranger(b"") for _ in range(8)]
        for stranger in strangers[5:]:
            assert await stranger.closed == b""
        await self.assert_unharmed(Refused.UNPROVEN, 3)

    async def test_a_peer_that_does_not_read(self) -> None:
        """It is no longer read from, and so can make nothing grow; others go on."""
        await self.start()
        own = Envelope(kind=FrameKind.kHello, hello=Hello(protocol_version=PROTOCOL_VERSION))
        request = QueryRequest(instance="x" * 50_000).SerializeToString()
        calls = b"".join(
            framed(
                Envelope(
                    kind=FrameKind.kRequest, call_id=number, method="Agent.Query", payload=request
                ).SerializeToString()
            )
            for number in range(1, 1000)
        )
        stranger = await self.stranger(framed(own.SerializeToString()))
        stranger.socket.pauseProducing()
        stranger.socket.write(calls)
        connection = None
        while connection is None or not connection._deaf:
            await AgentStub(self.peer).query(QueryRequest())
            strangers = [one for one in self.connections() if one.hello.name != "caller"]
            connection = next(iter(strangers), None)
        for _ in range(100):
            await AgentStub(self.peer).query(QueryRequest())
            assert connection._outbox.unsent < 200_000
        answered = [call for call in self.agent.calls if call.peer is connection]
        assert len(answered) < 999, "it was read from to the end"
        stranger.socket.abortConnection()
        await stranger.closed
        assert self.flushLoggedErrors() == []

    def connections(self) -> list[Any]:
        """The connections that the port has taken."""
        listening: Any = self.listening
        return list(listening._taking._proven)


class SocketFileTests(TestCase):
    """Addresses of the form unix:PATH."""

    async def test_only_its_owner_may_connect(self) -> None:
        """The file has mode 0600, and is gone when the port stops."""
        path = Path(self.mktemp())
        network = TcpNetwork(reactor)
        listening = await network.listen(f"unix:{path}", hello("gce"), [])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        await listening.stop()
        assert not path.exists()

    async def test_another_user(self) -> None:
        """Whoever gets to the file all the same is told for whom it is, and counted."""
        if os.geteuid() != 0:
            self.skipTest("without root nobody can be another user")
        directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory)
        directory.chmod(0o755)
        path = directory / "socket"
        network = TcpNetwork(reactor)
        listening = await network.listen(f"unix:{path}", hello("gce"), [])
        self.addCleanup(listening.stop)
        path.chmod(0o666)
        with socket.socket(socket.AF_UNIX) as stranger:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
            try:
                stranger.connect(str(path))
            finally:
                os.seteuid(0)
            said = await deferToThread(lambda: b"".join(iter(lambda: stranger.recv(4096), b"")))
        self.assertIn("for root, and for whoever runs", last_words(said))
        self.assertEqual(1, network.counters.refusals[Refused.STRANGER])

    async def test_what_a_killed_process_left(self) -> None:
        """A socket file on which nobody listens is taken over."""
        path = Path(self.mktemp())
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        listening = await TcpNetwork(reactor).listen(f"unix:{path}", hello("gce"), [])
        await listening.stop()

    async def test_another_file_is_left_alone(self) -> None:
        """A file that is no socket is not removed."""
        path = Path(self.mktemp())
        path.write_text("precious")
        listening = TcpNetwork(reactor).listen(f"unix:{path}", hello("gce"), [])
        await self.assertFailure(listening, OSError)
        assert path.read_text() == "precious"

    async def test_nobody_there(self) -> None:
        """The failure names the address."""
        path = os.path.join(self.mktemp(), "absent")
        dialling = TcpNetwork(reactor).dial(f"unix:{path}", hello("agent"))
        error = await self.assertFailure(dialling, GalaxyError)
        assert path in str(error)


class DialTests(TestCase):
    """Dialling over TCP."""

    async def test_by_name(self) -> None:
        """A host may be a name."""
        network = TcpNetwork(reactor)
        listening = await network.listen("127.0.0.1:0", hello("a"), [])
        port = listening.address.rpartition(":")[2]
        peer = await network.dial(f"localhost:{port}", hello("b"))
        assert peer.hello.name == "a"
        await listening.stop()

    async def test_refused(self) -> None:
        """Nobody listens: the failure names the address."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{bound.getsockname()[1]}"
            dialling = TcpNetwork(reactor).dial(address, hello("b"))
            error = await self.assertFailure(dialling, GalaxyError)
        assert address in str(error)
        assert "refused" in str(error)

    async def test_who_answers_with_something_else(self) -> None:
        """A server of another kind is no peer."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"127.0.0.1:{other.getsockname()[1]}"
            dialling = TcpNetwork(reactor, limits=Limits(hello_s=0.1)).dial(address, hello("b"))
            error = await self.assertFailure(dialling, GalaxyError)
        assert "no hello" in str(error)
