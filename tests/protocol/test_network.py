"""
One contract for all networks: what a daemon may rely on, whatever carries its bytes.
"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    QueryRequest,
    ReadLogRequest,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
)
from galaxy.protocol.calls import Refused
from galaxy.protocol.interfaces import IListening, INetwork, IPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.services import GCE_DESCRIBE, AgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.types_pb2 import Status
from tests.protocol.echo import EchoAgent, hello, served

LIMITS = Limits(frame_bytes=100_000, open_calls=20, window=8)


class NetworkContract:
    """Mixed into a TestCase that says which network."""

    address = "127.0.0.1:0"

    def make_network(self) -> TcpNetwork | LoopbackNetwork:
        """A new network with LIMITS."""
        raise NotImplementedError

    async def connect(self) -> AgentStub:
        """An agent, listening, and a caller connected to it."""
        assert isinstance(self, TestCase)
        self.network = self.make_network()
        self.agent, self.caller_agent = EchoAgent(), EchoAgent()
        self.listening = await self.network.listen(
            self.address, hello("callee"), served(self.agent)
        )
        self.addCleanup(self.listening.stop)
        self.peer = await self.network.dial(
            self.listening.address, hello("caller"), served(self.caller_agent)
        )
        return AgentStub(self.peer)

    async def failure(self, call: Deferred[Any]) -> GalaxyError:
        """What the call failed with."""
        assert isinstance(self, TestCase)
        error = await self.assertFailure(call, GalaxyError)
        assert isinstance(error, GalaxyError)
        return error

    async def test_provides_its_interfaces(self) -> None:
        """Network, port and peer are what they say."""
        await self.connect()
        verifyObject(INetwork, self.network)
        verifyObject(IListening, self.listening)
        verifyObject(IPeer, self.peer)

    async def test_call(self) -> None:
        """The answer comes; the handler knows the caller, the method and the epoch."""
        stub = await self.connect()
        response = await stub.query(QueryRequest(instance="x", since_revision=7), epoch=3)
        assert (response.instance, response.revision) == ("x", 7)
        (call,) = self.agent.calls
        assert (call.peer.hello.name, call.method.wire_name, call.epoch) == (
            "caller",
            "Agent.Query",
            3,
        )
        assert self.peer.hello.name == "callee"

    async def test_both_ends_call(self) -> None:
        """The end that listened calls the one that dialled, over the same connection."""
        stub = await self.connect()
        await stub.query(QueryRequest())
        back = AgentStub(self.agent.calls[0].peer)
        response = await back.query(QueryRequest(since_revision=9))
        assert response.revision == 9
        assert self.caller_agent.calls[0].peer is self.peer

    async def test_many_calls_at_once(self) -> None:
        """Each answer finds its own call."""
        stub = await self.connect()
        calls = [stub.query(QueryRequest(since_revision=number)) for number in range(20)]
        answers = await gatherResults(calls)
        assert [answer.revision for answer in answers] == list(range(20))

    async def test_handler_that_waits(self) -> None:
        """The answer comes when the handler has it."""
        stub = await self.connect()
        call = stub.run_pods(RunPodsRequest())
        await self.agent.begun
        self.agent.released.callback(None)
        assert await call == RunPodsResponse()

    async def test_refusal(self) -> None:
        """Status and reason cross the wire."""
        stub = await self.connect()
        error = await self.failure(stub.kill_pods(KillPodsRequest(reason="epoch 3 reigns")))
        assert (error.status, error.reason) == (Status.kStaleEpoch, "epoch 3 reigns")

    async def test_bug_in_a_handler(self) -> None:
        """The caller is told, it is logged once and counted, and the connection lives."""
        assert isinstance(self, TestCase)
        stub = await self.connect()
        error = await self.failure(stub.show_pods(ShowPodsRequest()))
        assert (error.status, error.reason) == (
            Status.kUnknown,
            "ZeroDivisionError: a bug of the agent",
        )
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert self.network.counters.failures == 1
        await stub.query(QueryRequest())

    async def test_unknown_method(self) -> None:
        """The other end said what it serves: it is not asked for anything else."""
        await self.connect()
        call = self.peer.call(GCE_DESCRIBE, GCE_DESCRIBE.request(), deadline_s=10)
        error = await self.failure(call)
        assert error.status == Status.kUnknownMethod
        assert "Gce.Describe" in error.reason
        assert self.network.counters.refusals[Refused.UNKNOWN_METHOD] == 0

    async def test_deadline(self) -> None:
        """The caller fails with kDeadline, and the handler is cancelled."""
        stub = await self.connect()
        error = await self.failure(stub.run_pods(RunPodsRequest(), deadline_s=0.05))
        assert error.status == Status.kDeadline
        if self.agent.begun.called:  # on a busy machine the call may have come too late to begin
            await self.agent.cancelled

    async def test_cancelling_the_deferred_cancels_the_handler(self) -> None:
        """And the caller sees its own cancellation."""
        assert isinstance(self, TestCase)
        stub = await self.connect()
        call = stub.run_pods(RunPodsRequest())
        await self.agent.begun
        call.cancel()
        await self.assertFailure(call, CancelledError)
        await self.agent.cancelled

    async def test_closing_fails_open_calls_and_cancels_handlers(self) -> None:
        """Each end learns the reason."""
        stub = await self.connect()
        call = stub.run_pods(RunPodsRequest())
        await self.agent.begun
        self.peer.close("moving house")
        error = await self.failure(call)
        assert (error.status, error.reason) == (Status.kRpcError, "moving house")
        await self.agent.cancelled
        assert await self.peer.when_closed() == "moving house"
        self.peer.close("again")
        assert await self.peer.when_closed() == "moving house"

    async def test_closing_before_a_call_is_begun(self) -> None:
        """Calls that arrive together with the one that closes are not begun."""
        stub = await self.connect()
        closing = stub.kill_pods(KillPodsRequest(reason="close"))
        later = stub.run_pods(RunPodsRequest())
        self.agent.closes_when_told = True
        for call in (closing, later):
            assert (await self.failure(call)).status == Status.kRpcError
        assert not self.agent.begun.called

    async def test_the_other_end_learns_why(self) -> None:
        """A goodbye carries its reason."""
        stub = await self.connect()
        await stub.query(QueryRequest())
        other = self.agent.calls[0].peer
        self.peer.close("moving house")
        assert await other.when_closed() == "moving house"

    async def test_call_on_a_closed_connection(self) -> None:
        """Fails at once, with the reason."""
        stub = await self.connect()
        self.peer.close("moving house")
        error = await self.failure(stub.query(QueryRequest()))
        assert (error.status, error.reason) == (Status.kRpcError, "moving house")

    async def test_stream_on_a_closed_connection(self) -> None:
        """Fails at its first item."""
        stub = await self.connect()
        self.peer.close("moving house")
        try:
            await anext(stub.read_log(ReadLogRequest(tail_lines=1)))
        except GalaxyError as error:
            assert error.reason == "moving house"
        else:
            raise AssertionError("an item came")

    async def test_too_many_open_calls(self) -> None:
        """One call over the limit is kBusy; the others are unharmed."""
        stub = await self.connect()
        self.agent.begun = _Often()
        calls = [stub.run_pods(RunPodsRequest()) for _ in range(LIMITS.open_calls)]
        error = await self.failure(stub.query(QueryRequest()))
        assert error.status == Status.kBusy
        self.agent.released.callback(None)
        await gatherResults(calls)

    async def test_request_too_large(self) -> None:
        """It is refused before it is sent."""
        stub = await self.connect()
        error = await self.failure(stub.query(QueryRequest(instance="x" * 100_000)))
        assert error.status == Status.kInputError

    async def test_large_messages(self) -> None:
        """A message of nearly a frame goes through, both ways."""
        stub = await self.connect()
        response = await stub.query(QueryRequest(instance="x" * 90_000))
        assert len(response.instance) == 90_000

    async def test_stream(self) -> None:
        """All items, in order, far more than the window, then the end."""
        stub = await self.connect()
        found = [int(item.data) async for item in stub.read_log(ReadLogRequest(tail_lines=100))]
        assert found == list(range(100))

    async def test_stream_that_ends_in_an_error(self) -> None:
        """The items that were sent are read first."""
        stub = await self.connect()
        found = 0
        try:
            async for _ in stub.read_log(ReadLogRequest(tail_lines=3, stderr=True)):
                found += 1
        except GalaxyError as error:
            assert error.status == Status.kPodNotFound
        else:
            raise AssertionError("it ended well")
        assert found == 3

    async def test_stream_waits_for_its_reader(self) -> None:
        """The sender is at most a window ahead."""
        stub = await self.connect()
        stream = stub.read_log(ReadLogRequest(follow=True))
        for number in range(30):
            item = await anext(stream)
            assert int(item.data) == number
            assert self.agent.sent <= number + 1 + LIMITS.window
        await stream.aclose()
        await self.agent.cancelled

    async def test_leaving_a_stream_cancels_it(self) -> None:
        """`aclosing` is enough; nothing comes after."""
        stub = await self.connect()
        async with aclosing(stub.read_log(ReadLogRequest(follow=True))) as stream:
            async for item in stream:
                assert item.data == b"0"
                break
        await self.agent.cancelled
        assert [item async for item in stream] == []

    async def test_stream_of_a_connection_that_ends(self) -> None:
        """What was received is read, then kRpcError."""
        stub = await self.connect()
        stream = stub.read_log(ReadLogRequest(follow=True))
        await anext(stream)
        self.peer.close("moving house")
        try:
            async for _ in stream:
                pass
        except GalaxyError as error:
            assert error.status == Status.kRpcError
        else:
            raise AssertionError("it ended well")

    async def test_stopping_a_port(self) -> None:
        """The connections taken are closed, and no more are."""
        await self.connect()
        await self.listening.stop()
        assert await self.peer.when_closed() == "the server stops"
        error = await self.failure(self.network.dial(self.listening.address, hello("late")))
        assert error.status == Status.kRpcError
        assert self.listening.address in error.reason

    async def test_address_in_use(self) -> None:
        """An address is taken once."""
        assert isinstance(self, TestCase)
        await self.connect()
        again = self.network.listen(self.listening.address, hello("second"), [])
        error = await self.assertFailure(again, OSError)
        assert self.listening.address in str(error)

    async def test_not_an_address(self) -> None:
        """Both listening and dialling say what is wrong with it."""
        assert isinstance(self, TestCase)
        network = self.make_network()
        await self.assertFailure(network.listen("nonsense", hello("a"), []), OSError)
        error = await self.failure(network.dial("nonsense", hello("a")))
        assert "HOST:PORT" in error.reason

    async def test_cancelling_a_dial(self) -> None:
        """The deferred fails as cancelled; nothing is left open."""
        assert isinstance(self, TestCase)
        await self.connect()
        dialling = self.network.dial(self.listening.address, hello("fickle"))
        dialling.cancel()
        await self.assertFailure(dialling, CancelledError)

    async def test_counters(self) -> None:
        """Calls are counted at both ends, by method and status."""
        stub = await self.connect()
        await stub.query(QueryRequest())
        counters = self.network.counters
        assert counters.called["Agent.Query", Status.kOk] == 1
        assert counters.served["Agent.Query", Status.kOk] == 1
        assert sum(counters.latency.counts) == 1
        assert counters.bytes_in == counters.bytes_out > 0


class _Often(Deferred[None]):
    """Stands in where a handler announces itself more than once."""

    def callback(self, result: object) -> None:
        """Ignore it."""


class TcpNetworkTests(NetworkContract, TestCase):
    """TCP on 127.0.0.1."""

    def make_network(self) -> TcpNetwork:
        """On the real reactor."""
        return TcpNetwork(reactor, limits=LIMITS)


class UnixNetworkTests(NetworkContract, TestCase):
    """A socket in the file system."""

    def make_network(self) -> TcpNetwork:
        """On the real reactor, in a directory of its own."""
        self.address = f"unix:{Path(self.mktemp())}"
        return TcpNetwork(reactor, limits=LIMITS)


class LoopbackNetworkTests(NetworkContract, TestCase):
    """No sockets; the reactor's clock."""

    def make_network(self) -> LoopbackNetwork:
        """On the reactor's clock."""
        return LoopbackNetwork(IReactorTime(reactor), limits=LIMITS)
