"""How a connection uses its transport and its clock."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.protocol.agent_pb2 import KillPodsRequest, QueryRequest, QueryResponse, ReadLogRequest
from galaxy.protocol.call_table import CallTable
from galaxy.protocol.calls import Answered, Failed, Refused
from galaxy.protocol.connection import Connection, IConnectionOwner
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.dispatch import Handlers
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Served
from galaxy.protocol.ports import Ends
from galaxy.protocol.services import AGENT, AGENT_KILL_PODS, AGENT_QUERY, AGENT_READ_LOG, AgentStub
from galaxy.protocol.types_pb2 import Status
from tests.protocol.echo import EchoAgent, hello, served

LIMITS = Limits(open_calls=1000, backlog_bytes=1000, output_bytes=50_000)


class Transport(StringTransport):
    """Remembers each write apart; can be full."""

    aborted = False

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append(data)

    def abortConnection(self) -> None:
        """Keep that."""
        self.aborted = True

    def taken(self) -> bytes:
        """All that was written since."""
        data = b"".join(self.writes)
        self.writes.clear()
        return data


@implementer(IConnectionOwner)
class Owner:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def made(self, connection: Connection) -> None:
        """Write it down."""
        self.told.append("made")

    def greeted(self, connection: Connection) -> None:
        """Write it down."""
        self.told.append(f"greeted {connection.hello.name}")

    def gone(self, connection: Connection, reason: str) -> None:
        """Write it down."""
        self.told.append(f"gone: {reason}")


class ConnectionTests(SynchronousTestCase):
    """A connection on a transport of the test; the other end is a bare call table."""

    def start(self, limits: Limits = LIMITS, agent: EchoAgent | None = None) -> None:
        """Connect and exchange hellos."""
        self.clock, self.owner, self.agent = Clock(), Owner(), agent or EchoAgent()
        self.counters = WireCounters()
        self.connection = Ends(self.clock, limits, self.counters).connection(
            hello("here"), Handlers(served(self.agent)), self.owner
        )
        self.transport = Transport()
        self.connection.makeConnection(self.transport)
        self.other = CallTable(
            hello("there"),
            {method.wire_name: method for method in AGENT.methods},
            limits=limits,
            counters=WireCounters(),
            now=0.0,
        )
        self.other.receive(self.transport.taken(), 0.0)
        self.connection.dataReceived(self.other.outbox.take())

    def ask(self, count: int, request: QueryRequest | None = None) -> None:
        """The other end calls Query."""
        for _ in range(count):
            self.other.outgoing.call(AGENT_QUERY, request or QueryRequest(), 10.0, 0, 0.0, "token")
        self.connection.dataReceived(self.other.outbox.take())

    def test_owner(self) -> None:
        """Is told of each step once."""
        self.start()
        self.connection.close("done")
        self.connection.connectionLost()
        self.connection.connectionLost()
        self.assertEqual(self.owner.told, ["made", "greeted there", "gone: done"])

    def test_calls_of_a_turn_leave_in_one_write(self) -> None:
        """A hundred calls, one write, at the end of the turn."""
        self.start()
        stub = AgentStub(self.connection)
        calls = [stub.query(QueryRequest()) for _ in range(100)]
        self.assertEqual(self.transport.writes, [])
        self.clock.advance(0)
        self.assertEqual(len(self.transport.writes), 1)
        for asked in self.other.receive(self.transport.taken(), 0.0):
            self.other.incoming.answer(asked.call_id, QueryResponse())  # type: ignore[union-attr]
        self.connection.dataReceived(self.other.outbox.take())
        self.assertEqual(len(self.successResultOf(gatherResults(calls))), 100)

    def test_answers_to_what_came_together_leave_in_one_write(self) -> None:
        """A hundred answers, one write, without waiting."""
        self.start()
        self.ask(100)
        self.assertEqual(len(self.transport.writes), 1)
        answers = self.other.receive(self.transport.taken(), 0.0)
        self.assertEqual(answers, [Answered("token", QueryResponse())] * 100)

    def test_one_timer_for_all_deadlines(self) -> None:
        """A thousand open calls hold one timer; each still fails at its own time."""
        self.start()
        stub = AgentStub(self.connection)
        calls = [stub.query(QueryRequest(), deadline_s=1 + n / 1000) for n in range(1000)]
        self.clock.advance(0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        failed: list[Any] = []
        for call in calls:
            call.addErrback(failed.append)
        self.clock.advance(1.2495)
        self.assertEqual(len(failed), 250)
        self.clock.advance(1)
        self.assertEqual(len(failed), 1000)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_idle_connection_holds_no_timer(self) -> None:
        """Once the hello has come and no call is open."""
        self.start()
        self.clock.advance(10)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_full_transport(self) -> None:
        """Nothing is written; beyond the backlog nothing is read; empty again, both go on."""
        self.start()
        self.connection.pauseProducing()
        self.ask(1)
        self.assertEqual((self.transport.writes, self.transport.producerState), ([], "producing"))
        self.ask(1, QueryRequest(instance="x" * 2000))
        self.assertEqual((self.transport.writes, self.transport.producerState), ([], "paused"))
        self.connection.resumeProducing()
        self.assertEqual(len(self.transport.writes), 1)
        self.assertEqual(self.transport.producerState, "producing")

    def test_streams_wait_for_a_full_transport(self) -> None:
        """A sender with credit waits too, while more than the backlog is unsent."""
        self.start(evolve(LIMITS, window=1000))
        self.connection.pauseProducing()
        request = ReadLogRequest(tail_lines=500)
        self.other.outgoing.call(AGENT_READ_LOG, request, 10.0, 0, 0.0, "token")
        self.connection.dataReceived(self.other.outbox.take())
        self.assertLess(self.agent.sent, 200)
        while self.agent.sent < 500:
            before = self.agent.sent
            self.connection.resumeProducing()
            self.connection.pauseProducing()
            self.assertGreater(self.agent.sent, before)

    def test_peer_that_never_reads(self) -> None:
        """It is cut off, and counted, once too much waits for it."""
        self.start()
        self.connection.pauseProducing()
        for _ in range(2):
            self.ask(20, QueryRequest(instance="x" * 2000))
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.counters.refusals, {Refused.UNREAD: 1})
        self.connection.connectionLost()
        self.assertIn("does not read", self.owner.told[-1])

    def test_goodbye_that_cannot_leave(self) -> None:
        """Closing waits for the last bytes, but not for ever."""
        self.start()
        self.connection.close("done")
        self.assertTrue(self.transport.disconnecting)
        self.clock.advance(LIMITS.close_s)
        self.assertTrue(self.transport.aborted)

    def test_handler_that_answers_with_another_type(self) -> None:
        """Is a bug: told to the caller, logged and counted."""

        class Wrong(EchoAgent):
            async def kill_pods(self, request: KillPodsRequest, call: Any) -> Any:
                return QueryResponse()

        self.start(agent=Wrong())
        self.other.outgoing.call(AGENT_KILL_PODS, KillPodsRequest(), 10.0, 0, 0.0, "token")
        self.connection.dataReceived(self.other.outbox.take())
        (event,) = self.other.receive(self.transport.taken(), 0.0)
        assert isinstance(event, Failed)
        self.assertEqual(event.error.status, Status.kUnknown)
        self.assertIn("QueryResponse, not KillPodsResponse", event.error.reason)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_incomplete_implementation(self) -> None:
        """Is refused when it is served, not when it is called."""
        with self.assertRaises(AttributeError):
            Handlers([Served(AGENT, object())])

    def test_closed_waiters_that_were_cancelled(self) -> None:
        """Do not disturb the others."""
        self.start()
        first: Deferred[str] = self.connection.when_closed()
        second = self.connection.when_closed()
        first.addErrback(lambda _: None)
        first.cancel()
        self.connection.connectionLost()
        self.successResultOf(second)
