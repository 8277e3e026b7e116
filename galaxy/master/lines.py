"""
Which agents are connected, and the bounded pool of calls to them.

Agents open their connections; the first heartbeat on one says whose it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.master.agents import Agent
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.services import AgentStub


class Lines:
    """The connection of each agent that has one. `changed(agent)`: it came or went."""

    def __init__(self, changed: Callable[[Agent], None]) -> None:
        self._changed = changed
        self._peers: dict[Agent, IPeer] = {}

    def heard(self, agent: Agent, peer: IPeer) -> None:
        """The agent speaks over this connection; the latest is the one that counts."""
        if self._peers.get(agent) is peer:
            return
        self._peers[agent] = peer
        agent.connected = True
        self._changed(agent)
        peer.when_closed().addCallback(self._closed, agent, peer)

    def stub(self, agent: Agent) -> AgentStub | None:
        """How to call the agent; None: it is not connected."""
        peer = self._peers.get(agent)
        return AgentStub(peer) if peer is not None else None

    def _closed(self, reason: str, agent: Agent, peer: IPeer) -> None:
        if self._peers.get(agent) is peer:
            del self._peers[agent]
            agent.connected = False
            self._changed(agent)


Work = Callable[[Agent], Coroutine[Any, Any, None]]


class Pool:
    """
    Does one kind of work for many agents: a bounded number at a time, one per agent.

    `work` takes care of the errors it expects; any other is logged.
    """

    _log = Logger()

    def __init__(self, name: str, most: int, work: Work) -> None:
        self._name = name
        self._most = most
        self._work = work
        self._busy: set[Agent] = set()
        self._waiting: deque[Agent] = deque()
        self._queued: set[Agent] = set()
        self._stopped = False
        self._beginning = False
        self._passed = 0  # those at the end of the line that are busy

    def want(self, agent: Agent) -> None:
        """
        Have the work done for this agent, soon; once more if it is being done now.

        Wanting twice before it has begun is wanting once.
        """
        if agent in self._queued or self._stopped:
            return
        self._queued.add(agent)
        self._waiting.append(agent)
        self._begin()

    def stop(self) -> None:
        """Begin no more."""
        self._stopped = True
        self._waiting.clear()
        self._queued.clear()

    def _begin(self) -> None:
        if self._beginning:
            return  # work that ends at once is not to begin the next from within
        self._beginning, self._passed = True, 0
        while len(self._busy) < self._most and self._passed < len(self._waiting):
            agent = self._waiting.popleft()
            if agent in self._busy:
                self._waiting.append(agent)
                self._passed += 1
                continue
            self._queued.discard(agent)
            self._busy.add(agent)
            done = Deferred.fromCoroutine(self._work(agent))
            done.addErrback(self._failed, agent)
            done.addCallback(self._done, agent)
        self._beginning = False

    def _failed(self, failure: Failure, agent: Agent) -> None:
        self._log.failure(
            "{name} failed for agent {endpoint}",
            failure,
            name=self._name,
            endpoint=agent.endpoint,
        )

    def _done(self, _: object, agent: Agent) -> None:
        self._busy.discard(agent)
        self._passed = 0  # it may be one that waits
        self._begin()
