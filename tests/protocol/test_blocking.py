"""The client that waits, against a real server in the same process."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    QueryRequest,
    QueryResponse,
    ReadLogRequest,
    RunPodsRequest,
)
from galaxy.protocol.blocking import BlockingPeer
from galaxy.protocol.interfaces import IBlockingPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.services import AGENT_KILL_PODS, AGENT_QUERY, BlockingAgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.types_pb2 import Status
from tests.protocol.echo import EchoAgent, hello, served

T = TypeVar("T")


class BlockingTests(TestCase):
    """Each test runs its client in a thread, the server on the reactor."""

    address = "127.0.0.1:0"

    async def run_client(self, client: Callable[[BlockingAgentStub], T]) -> T:
        """Serve, and run the client to its end."""
        self.agent = EchoAgent()
        network = TcpNetwork(reactor)
        self.listening = await network.listen(self.address, hello("callee"), served(self.agent))
        self.addCleanup(self.listening.stop)

        def connected() -> T:
            with BlockingPeer(self.listening.address, hello("cli"), timeout_s=10) as peer:
                return client(BlockingAgentStub(peer))

        return await deferToThread(connected)

    async def test_call(self) -> None:
        """The answer is the call's value."""

        def client(stub: BlockingAgentStub) -> list[int]:
            return [stub.query(QueryRequest(since_revision=n)).revision for n in range(100)]

        assert await self.run_client(client) == list(range(100))
        assert self.agent.calls[0].peer.hello.name == "cli"

    async def test_nothing_comes(self) -> None:
        """It looks up all the same: Python may have a signal to heed that did not end the wait."""
        network = TcpNetwork(reactor)
        listening = await network.listen(self.address, hello("callee"), [])
        self.addCleanup(listening.stop)

        def connected() -> int:
            with BlockingPeer(listening.address, hello("cli"), timeout_s=10) as peer:
                looks = iter(range(3))
                peer.wait(lambda: next(looks, None) is None)
                return next(looks, 0)

        assert await deferToThread(connected) == 0

    async def test_large(self) -> None:
        """Messages far larger than a socket's buffer go through."""

        def client(stub: BlockingAgentStub) -> int:
            return len(stub.query(QueryRequest(instance="x" * 20_000_000)).instance)

        assert await self.run_client(client) == 20_000_000

    async def test_refusal(self) -> None:
        """Status and reason are raised."""

        def client(stub: BlockingAgentStub) -> GalaxyError | None:
            try:
                stub.kill_pods(KillPodsRequest(reason="no"))
            except GalaxyError as error:
                return error
            return None

        error = await self.run_client(client)
        assert error is not None
        assert (error.status, error.reason) == (Status.kStaleEpoch, "no")

    async def test_deadline(self) -> None:
        """The wait has an end, the handler is cancelled, and the connection is still good."""

        def client(stub: BlockingAgentStub) -> Status | None:
            try:
                stub.run_pods(RunPodsRequest(), deadline_s=0.05)
            except GalaxyError as error:
                stub.query(QueryRequest())
                return error.status
            return None

        assert await self.run_client(client) == Status.kDeadline
        await self.agent.cancelled

    async def test_stream(self) -> None:
        """Items in order, to the end."""

        def client(stub: BlockingAgentStub) -> list[int]:
            return [int(item.data) for item in stub.read_log(ReadLogRequest(tail_lines=200))]

        assert await self.run_client(client) == list(range(200))

    async def test_leaving_a_stream(self) -> None:
        """Closing it cancels the call; the connection is still good."""

        def client(stub: BlockingAgentStub) -> int:
            stream = stub.read_log(ReadLogRequest(follow=True))
            next(stream)
            stream.close()
            assert list(stream) == []
            return stub.query(QueryRequest(since_revision=4)).revision

        assert await self.run_client(client) == 4
        await self.agent.cancelled

    async def test_calls_during_a_stream(self) -> None:
        """Calls are begun between its items, and answered while the next is waited for."""

        def client(stub: BlockingAgentStub) -> list[int | Status]:
            peer = stub._peer
            outcomes: list[int | Status] = []

            def answered(outcome: Message | GalaxyError) -> None:
                if isinstance(outcome, GalaxyError):
                    outcomes.append(outcome.status)
                else:
                    assert isinstance(outcome, QueryResponse)
                    outcomes.append(outcome.revision)

            stream = stub.read_log(ReadLogRequest(follow=True))
            peer.begin(AGENT_QUERY, QueryRequest(since_revision=7), answered)
            peer.begin(AGENT_KILL_PODS, KillPodsRequest(reason="no"), answered)
            while len(outcomes) < 2:
                next(stream)
            stream.close()
            return outcomes

        assert await self.run_client(client) == [7, Status.kStaleEpoch]
        await self.agent.cancelled

    async def test_other_descriptors(self) -> None:
        """What can be read is told during a wait, until nobody attends to it; errors come out."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)

        def client(stub: BlockingAgentStub) -> list[bytes]:
            peer = stub._peer
            read = []

            def ready() -> None:
                read.append(os.read(reader, 1))
                if read[-1] == b"3":
                    raise KeyboardInterrupt

            peer.attend(reader, ready)
            os.write(writer, b"1234")
            with contextlib.suppress(KeyboardInterrupt):
                stub.run_pods(RunPodsRequest())
            peer.ignore(reader)
            peer.ignore(reader)
            stub.query(QueryRequest())
            return read

        assert await self.run_client(client) == [b"1", b"2", b"3"]

    async def test_server_that_goes(self) -> None:
        """A call fails with kRpcError and the reason; so does the next."""

        def client(stub: BlockingAgentStub) -> list[GalaxyError]:
            errors = []
            for _ in range(2):
                try:
                    stub.run_pods(RunPodsRequest())
                except GalaxyError as error:
                    errors.append(error)
            return errors

        running = self.run_client(client)
        self.agent_begun_then_stop()
        errors = await running
        assert [error.status for error in errors] == [Status.kRpcError] * 2
        assert "the server stops" in errors[0].reason
        assert self.listening.address in errors[0].reason

    def agent_begun_then_stop(self) -> None:
        """Stop the server once the call has arrived."""
        reactor.callLater(0, self._stop_when_begun)

    def _stop_when_begun(self) -> None:
        self.agent.begun.addCallback(lambda _: self.listening.stop())

    async def test_interface(self) -> None:
        """It is the peer that the stubs want."""
        assert await self.run_client(lambda stub: verifyObject(IBlockingPeer, stub._peer))

    async def test_socket_file(self) -> None:
        """Over a socket file too."""
        self.address = f"unix:{Path(self.mktemp())}"
        answer = await self.run_client(lambda stub: stub.query(QueryRequest(since_revision=3)))
        assert answer.revision == 3

    async def test_nobody_there(self) -> None:
        """The failure names the address, and the cause in words."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{bound.getsockname()[1]}"
            for wrong in (address, "nonsense", "unix:/nonexistent/socket"):
                with self.assertRaises(GalaxyError) as caught:
                    BlockingPeer(wrong, hello("cli"))
                assert caught.exception.status == Status.kRpcError
                assert wrong in caught.exception.reason

    async def test_who_is_no_galaxy(self) -> None:
        """A server that says nothing: it ends in time."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"127.0.0.1:{other.getsockname()[1]}"
            for kwargs in ({"timeout_s": 0.05}, {"limits": Limits(hello_s=0.05)}):
                with self.assertRaises(GalaxyError) as caught:
                    BlockingPeer(address, hello("cli"), **kwargs)
                assert "no hello" in caught.exception.reason
