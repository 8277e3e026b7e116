"""Daemons of two releases over one connection."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import greeting
from galaxy.protocol.agent_pb2 import QueryRequest, QueryResponse, ShowPodsRequest
from galaxy.protocol.call_table import CallTable
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.framing import Framer, framed
from galaxy.protocol.limits import Limits
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.methods import Served, Service
from galaxy.protocol.services import AGENT, AgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kUnknownMethod
from galaxy.protocol.wire_pb2 import Envelope, FrameKind, Hello
from tests.protocol.echo import EchoAgent, hello
from tests.releases import last_service, next_service, of_next_release

ADDRESS = "10.0.0.1:8221"
NEXT = next_service(AGENT, "FreezePods")
LAST = last_service(AGENT, "ShowPods")
NextQuery, NextEnvelope = of_next_release(QueryRequest), of_next_release(Envelope)


class AgentOfTomorrow(EchoAgent):
    """Answers in the messages of the next release, and can freeze pods."""

    async def query(self, request: Any, call: Any) -> Any:
        """With the words of a caller of the same release, if it has any."""
        answer = of_next_release(QueryResponse)
        return answer(instance=request.instance, tomorrow=f"heard {request.tomorrow}")

    async def freezepods(self, request: Any, call: Any) -> Any:
        """What no earlier release can do."""
        return await self.query(request, call)


class ReleaseTests(SynchronousTestCase):
    """Callers and callees, next to one another."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = LoopbackNetwork(self.clock)

    def wait(self, answer: Deferred[Any]) -> Any:
        """Its result, or the error it failed with."""
        found: list[Any] = []
        answer.addBoth(found.append)
        self.clock.pump([0.01] * 10)
        (result,) = found
        return getattr(result, "value", result)

    def dial(self, service: Service, agent: EchoAgent) -> Any:
        """A connection to an agent of some release."""
        who = Hello(role="agent", name=ADDRESS, build="2.9")
        self.network.listen(ADDRESS, who, [Served(service, agent)])
        return self.wait(self.network.dial(ADDRESS, hello("ann@desk")))

    def test_newer_callee(self) -> None:
        """Says more than we read."""
        peer = self.dial(NEXT, AgentOfTomorrow())
        answer = self.wait(AgentStub(peer).query(QueryRequest(instance="i1")))
        self.assertIsInstance(answer, QueryResponse)
        self.assertEqual(answer.instance, "i1")
        self.assertIn("Agent.FreezePods", peer.hello.methods)

    def test_newer_caller(self) -> None:
        """Asks more than we read; what we cannot do it knows without asking."""
        peer = self.dial(AGENT, EchoAgent())
        query, *_, freeze = NEXT.methods
        request = NextQuery(instance="i1", tomorrow="and more")
        answer = self.wait(peer.call(query, request, deadline_s=5))
        self.assertEqual((answer.instance, answer.tomorrow), ("i1", ""))
        error = self.wait(peer.call(freeze, request, deadline_s=5))
        self.assert_unable(error, "Agent.FreezePods")
        self.assertEqual(self.network.counters.refusals, {})

    def test_both_newer(self) -> None:
        """A field that each of them has crosses, and the new method is there."""
        peer = self.dial(NEXT, AgentOfTomorrow())
        for method in (NEXT.methods[0], NEXT.methods[-1]):
            answer = self.wait(peer.call(method, NextQuery(tomorrow="you"), deadline_s=5))
            self.assertEqual(answer.tomorrow, "heard you")

    def test_older_callee(self) -> None:
        """What it cannot do yet is said in one sentence; the rest goes on."""
        stub = AgentStub(self.dial(LAST, EchoAgent()))
        error = self.wait(stub.show_pods(ShowPodsRequest()))
        self.assert_unable(error, "Agent.ShowPods")
        answer = self.wait(stub.query(QueryRequest(since_revision=3)))
        self.assertEqual(answer.revision, 3)

    def assert_unable(self, error: Any, method: str) -> None:
        """The one sentence."""
        assert isinstance(error, GalaxyError)
        self.assertEqual(error.status, kUnknownMethod)
        wanted = f"agent {ADDRESS}, of build 2.9, cannot do {method} yet: upgrade it"
        self.assertEqual(error.reason, wanted)

    def test_protocols_that_overlap(self) -> None:
        """A hello of the next protocol that still speaks this one is taken, with all it says."""
        self.assertEqual(self.last_words(greeting.PROTOCOL_VERSION), "")

    def test_protocols_that_do_not(self) -> None:
        """The older end is the one that is told to be upgraded, also by itself."""
        said = self.last_words(greeting.PROTOCOL_VERSION + 1)
        self.assertIn("is too old for it, upgrade this", said)

    def last_words(self, least: int) -> str:
        """What we answer to somebody from tomorrow who speaks no less than this."""
        table = CallTable(hello("x"), {}, limits=Limits(), counters=WireCounters(), now=0.0)
        table.outbox.take()
        theirs = NextEnvelope(kind=FrameKind.kHello, tomorrow="hm")
        theirs.hello.protocol_version = greeting.PROTOCOL_VERSION + 5
        theirs.hello.least_version = least
        theirs.hello.tomorrow = "hm"
        table.receive(framed(theirs.SerializeToString()), 0.0)
        goodbyes = [
            Envelope.FromString(each) for each in Framer(1 << 20).receive(table.outbox.take())
        ]
        return "".join(each.reason for each in goodbyes)
