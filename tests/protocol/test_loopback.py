"""The network in one process, on one clock: its faults, and that it is the same each time."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.agent_pb2 import QueryRequest, ReadLogRequest
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.services import AgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from tests.protocol.echo import EchoAgent, hello, served

ADDRESS = "master:8100"


class LoopbackTests(SynchronousTestCase):
    """A master that listens, and agents that dial."""

    def setUp(self) -> None:
        """Listen."""
        self.clock = Clock()
        self.network = LoopbackNetwork(self.clock)
        self.master = EchoAgent()
        self.listening = self.successResultOf(
            self.network.listen(ADDRESS, hello("master"), served(self.master))
        )

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass, and everything that is due then happen."""
        self.clock.advance(seconds)
        for _ in range(20):
            self.clock.advance(0)

    def dial(self, name: str = "agent-1") -> IPeer:
        """Connect."""
        dialling = self.network.dial(ADDRESS, hello(name))
        self.advance()
        return self.successResultOf(dialling)

    def query(self, peer: IPeer, deadline_s: float = 5.0) -> Deferred[Any]:
        """Ask something."""
        call = AgentStub(peer).query(QueryRequest(), deadline_s=deadline_s)
        self.advance()
        return call

    def status_of(self, call: Deferred[Any]) -> Status:
        """What the call failed with."""
        failure = self.failureResultOf(call, GalaxyError)
        status: Status = failure.value.status
        return status

    def test_nothing_happens_before_the_clock_says_so(self) -> None:
        """Dialling and calling only ask; the clock delivers."""
        dialling = self.network.dial(ADDRESS, hello("agent-1"))
        self.assertNoResult(dialling)
        self.advance()
        self.successResultOf(self.query(self.successResultOf(dialling)))

    def test_nobody_listens(self) -> None:
        """The dialling fails, naming the address."""
        dialling = self.network.dial("other:1", hello("agent-1"))
        self.advance()
        self.assertIn("other:1: nobody listens", str(self.failureResultOf(dialling).value))

    def test_a_cut_neither_delivers_nor_closes(self) -> None:
        """A call over it meets its deadline; the connection stands; healed, it works again."""
        peer = self.dial()
        closed = peer.when_closed()
        self.network.cut("agent-1", ADDRESS)
        call = self.query(peer)
        self.assertNoResult(call)
        self.advance(5)
        self.assertEqual(self.status_of(call), Status.kDeadline)
        self.assertNoResult(closed)
        self.assertEqual(self.master.calls, [])
        self.network.heal("agent-1", ADDRESS)
        self.advance()
        self.successResultOf(self.query(peer))
        self.assertEqual(len(self.master.calls), 2)  # the first arrived late

    def test_a_cut_is_between_two(self) -> None:
        """Others go on; names of either end, in either order, by address or hello."""
        first, second = self.dial("agent-1"), self.dial("agent-2")
        self.network.cut("master", "agent-1")
        self.assertNoResult(self.query(first))
        self.successResultOf(self.query(second))
        self.network.cut("agent-2")
        self.assertNoResult(self.query(second))
        self.network.heal()
        self.advance()
        self.successResultOf(self.query(second))

    def test_a_cut_one_way(self) -> None:
        """The request arrives, the answer does not."""
        peer = self.dial()
        self.network.cut_one_way("master", "agent-1")
        self.assertNoResult(self.query(peer))
        self.assertEqual(len(self.master.calls), 1)

    def test_dialling_over_a_cut(self) -> None:
        """It waits, and fails in the end; healed in time, it succeeds."""
        self.network.cut("agent-1", "master")
        first = self.network.dial(ADDRESS, hello("agent-1"))
        self.advance(9)
        second = self.network.dial(ADDRESS, hello("agent-1"))
        self.advance(1)
        self.assertIn("no answer within 10 s", str(self.failureResultOf(first).value))
        self.network.heal()
        self.advance()
        self.successResultOf(second)

    def test_closing_during_a_cut(self) -> None:
        """The one who closes is done; the other learns it when the cut heals."""
        peer = self.dial()
        self.successResultOf(self.query(peer))
        other = self.master.calls[0].peer.when_closed()
        self.network.cut("agent-1", "master")
        peer.close("bye")
        self.advance()
        self.assertEqual(self.successResultOf(peer.when_closed()), "bye")
        self.assertNoResult(other)
        self.network.heal()
        self.advance()
        self.assertEqual(self.successResultOf(other), "bye")

    def test_drop(self) -> None:
        """Both ends see the connection lost; a new one can be made."""
        peer = self.dial()
        self.successResultOf(self.query(peer))
        other = self.master.calls[0].peer.when_closed()
        call = AgentStub(peer).query(QueryRequest())
        self.network.drop("agent-1", "master")
        self.advance()
        self.assertEqual(self.status_of(call), Status.kRpcError)
        self.assertIn("lost", self.successResultOf(other))
        self.successResultOf(self.query(self.dial()))

    def test_crash(self) -> None:
        """The others lose their connections; the dead one hears nothing, and listens no more."""
        peer = self.dial()
        self.successResultOf(self.query(peer))
        inside = self.master.calls[0].peer.when_closed()
        self.network.crash("master")
        self.advance()
        self.assertIn("lost", self.successResultOf(peer.when_closed()))
        self.assertNoResult(inside)
        again = self.network.dial(ADDRESS, hello("agent-1"))
        self.advance()
        self.assertIn("nobody listens", str(self.failureResultOf(again).value))

    def test_a_reader_that_does_not_read(self) -> None:
        """Back-pressure holds over a cut: the sender stops, what waits is bounded."""
        peer = self.dial()
        stream = AgentStub(peer).read_log(ReadLogRequest(follow=True))
        self.advance()
        self.network.cut("master")
        self.advance(100)
        self.assertLessEqual(self.master.sent, 32)
        Deferred.fromCoroutine(_close(stream))
        self.network.heal()
        self.advance()
        self.successResultOf(self.master.cancelled)

    def history(self, seed: int) -> list[tuple[float, int]]:
        """When each of fifty calls was answered, over a network with random delays."""
        clock, rng = Clock(), Random(seed)
        network = LoopbackNetwork(clock, delay=lambda source, target: rng.random())
        master, found = EchoAgent(), list[tuple[float, int]]()
        network.listen(ADDRESS, hello("master"), served(master))
        peers: list[IPeer] = []
        for number in range(5):
            network.dial(ADDRESS, hello(f"agent-{number}")).addCallback(peers.append)
        clock.pump([0.1] * 100)
        for number in range(50):
            call = AgentStub(peers[number % 5]).query(QueryRequest(since_revision=number))
            call.addCallback(lambda answer: found.append((clock.seconds(), answer.revision)))
        clock.pump([0.1] * 100)
        self.assertEqual(len(found), 50)
        return found

    def test_same_seed_same_history(self) -> None:
        """Safety: a run depends on the seed alone."""
        self.assertEqual(self.history(1), self.history(1))
        self.assertNotEqual(self.history(1), self.history(2))


async def _close(stream: Any) -> None:
    await stream.aclose()
