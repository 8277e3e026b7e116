"""
The connection to the master: found, dialled, kept, and followed when it moves.

The master calls Agent over this connection. The agent tells it by heartbeats at
which revision it is: at the pace that the master answers, and within 10 ms
of a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.bell import Bell
from galaxy.nexus.following import Following
from galaxy.nexus.interfaces import IDiscovery, Leader
from galaxy.protocol.interfaces import INetwork, IPeer
from galaxy.protocol.master_pb2 import HeartBeatRequest, HeartBeatResponse
from galaxy.protocol.methods import Served
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import AgentFacts, Status, kRpcError
from galaxy.protocol.wire_pb2 import Hello

COALESCE_S = 0.01
ANSWER_S = 5.0  # a master that takes longer over a heartbeat is given up
INTERVALS_S = (0.05, 60.0)


class MasterLink(Service):
    """
    Keeps the leading master informed; `told` makes the next heartbeat, without facts.

    `broken` is called when a fault of ours has ended that.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        discovery: IDiscovery,
        network: INetwork,
        hello: Hello,
        serve: Sequence[Served],
        told: Callable[[], HeartBeatRequest],
        facts: Callable[[], AgentFacts],
        broken: Callable[[Failure], None],
        clock: IReactorTime,
        rng: Random,
    ) -> None:
        self._following = Following(discovery, clock, rng, self._moved)
        self._network = network
        self._hello = hello
        self._serve = serve
        self._told = told
        self._facts = facts
        self._broken = broken
        self._clock = clock
        self._bell = Bell(clock)
        self._running: Deferred[None] | None = None
        self._conversation: Deferred[None] | None = None
        self._said: set[Status] = set()  # why the leader was of no use, since it was

    @property
    def leader(self) -> Leader | None:
        """Whom this link talks to, or tries to."""
        return self._following.leader

    def startService(self) -> None:
        """Begin to look for the leader."""
        super().startService()
        self._following.start()
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._broken)

    def stopService(self) -> None:
        """Hang up."""
        super().stopService()
        self._following.stop()
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def news(self) -> None:
        """Something changed: tell the master soon."""
        self._bell.ring()

    def _moved(self, leader: Leader) -> None:
        self._log.info("the leading master is {leader}", leader=leader)
        if self._conversation is not None:
            self._conversation.cancel()

    async def _run(self) -> None:
        with suppress(CancelledError):  # `stopService`
            await self._follow()

    async def _follow(self) -> None:
        while True:
            leader = await self._following.next()
            self._conversation = Deferred.fromCoroutine(self._converse(leader.endpoint))
            try:
                await self._conversation
            except CancelledError:
                if not self.running:
                    return
            except GalaxyError as error:
                if self._following.failed() == 1:
                    self._said.clear()
                if error.status not in self._said:  # once of each kind, however long it lasts
                    self._said.add(error.status)
                    self._log.info("no master at {at}: {error}", at=leader.endpoint, error=error)
            self._conversation = None

    async def _converse(self, endpoint: str) -> None:
        peer: IPeer = await self._network.dial(endpoint, self._hello, self._serve)
        closed = peer.when_closed()
        closed.addCallback(self._hung_up)
        try:
            await self._beat(peer, closed)
        finally:
            peer.close("the agent hangs up")

    def _hung_up(self, reason: str) -> str:
        self._bell.ring()
        return reason

    async def _beat(self, peer: IPeer, closed: Deferred[str]) -> None:
        """Heartbeats until the connection ends."""
        master = MasterStub(peer)
        sent_facts: AgentFacts | None = None
        self._bell.silence()  # the first heartbeat tells all
        while not closed.called:
            request, facts = self._told(), self._facts()
            if facts != sent_facts:
                request.facts.CopyFrom(facts)
            answer: HeartBeatResponse = await master.heart_beat(request, deadline_s=ANSWER_S)
            self._following.works(answer.interval_s)
            sent_facts = None if answer.send_facts else facts
            if answer.send_facts and not request.HasField("facts"):
                continue
            shortest, longest = INTERVALS_S
            if await self._bell.wait(min(longest, max(shortest, answer.interval_s))):
                await deferLater(self._clock, COALESCE_S)
                self._bell.silence()
        raise GalaxyError(kRpcError, f"the connection ended: {closed.result}")
