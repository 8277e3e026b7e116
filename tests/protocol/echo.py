"""An agent for the tests of the wire: each of its methods behaves in one way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    KillPodsResponse,
    LogChunk,
    QueryRequest,
    QueryResponse,
    ReadLogRequest,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
)
from galaxy.protocol.calls import Call
from galaxy.protocol.methods import Served
from galaxy.protocol.services import AGENT, IAgent
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Hello


@implementer(IAgent)
class EchoAgent:
    """
    Query answers what was asked; RunPods waits until released; KillPods
    refuses; ShowPods has a bug; ReadLog sends `tail_lines` chunks.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.begun: Deferred[None] = Deferred()
        self.released: Deferred[None] = Deferred()
        self.cancelled: Deferred[None] = Deferred()
        self.sent = 0
        self.closes_when_told = False

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """Answer at once."""
        self.calls.append(call)
        return QueryResponse(instance=request.instance, revision=request.since_revision)

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Answer when released."""
        self.begun.callback(None)
        try:
            await self.released
        except CancelledError:
            self.cancelled.callback(None)
            raise
        return RunPodsResponse()

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """Refuse, with the request's reason; or close the connection."""
        if self.closes_when_told:
            call.peer.close(request.reason)
        raise GalaxyError(Status.kStaleEpoch, request.reason)

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """Fail as programs fail."""
        raise ZeroDivisionError("a bug of the agent")

    async def read_log(
        self, request: ReadLogRequest, call: Call, send: Callable[[LogChunk], Awaitable[None]]
    ) -> None:
        """Send numbered chunks; with `follow`, without end."""
        try:
            while request.follow or self.sent < request.tail_lines:
                await send(LogChunk(task_id=request.task, data=str(self.sent).encode()))
                self.sent += 1
        except CancelledError:
            self.cancelled.callback(None)
            raise
        if request.stderr:
            raise GalaxyError(Status.kPodNotFound, "the pod went away")


def served(agent: EchoAgent) -> list[Served]:
    """What a listening or dialling end is given."""
    return [Served(AGENT, agent)]


def hello(name: str) -> Hello:
    """Who says so."""
    return Hello(role="test", name=name, build="test")
