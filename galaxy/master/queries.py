"""
Asks agents what has changed, when their heartbeats say that something has.

A question is a delta since the revision that was merged last; the whole picture
when the agent is another instance. As many are in flight as the pool allows,
however large the fleet.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.lines import Lines, Pool
from galaxy.master.report import is_sound
from galaxy.protocol.agent_pb2 import QueryRequest, QueryResponse
from galaxy.protocol.services import AgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

IN_FLIGHT = 64
USAGE_EVERY_S = 30.0
"""An agent on which nothing changes is still asked this often what it uses."""


class Queries:
    """
    Agent.Query, for as many agents as there are.

    `merge(agent, response)` takes an answer in; `stale(agent)` is called when an
    agent has seen a later reign.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        cluster: Cluster,
        lines: Lines,
        merge: Callable[[Agent, QueryResponse], None],
        stale: Callable[[Agent], None],
    ) -> None:
        self._clock = clock
        self._cluster = cluster
        self._lines = lines
        self._merge = merge
        self._stale = stale
        self._pool = Pool("Agent.Query", IN_FLIGHT, self._ask)

    def heard(self, agent: Agent) -> None:
        """The agent's heartbeat has come: ask, if there is something new."""
        news = agent.announced != (agent.instance, agent.merged)
        if news or self._clock.seconds() - agent.queried >= USAGE_EVERY_S:
            self._pool.want(agent)

    def stop(self) -> None:
        """Ask no more."""
        self._pool.stop()

    async def _ask(self, agent: Agent) -> None:
        stub = self._lines.stub(agent)
        if stub is None:
            return
        try:
            report = await self._report(stub, agent)
        except GalaxyError as error:
            # The next heartbeat asks again.
            self._log.info(
                "agent {endpoint} did not report: {error}", endpoint=agent.endpoint, error=error
            )
            if error.status == Status.kStaleEpoch:
                self._stale(agent)
        else:
            self._merge(agent, report)

    async def _report(self, stub: AgentStub, agent: Agent) -> QueryResponse:
        instance = agent.announced[0]
        since = agent.merged if agent.instance == instance else 0
        agent.queried = self._clock.seconds()
        question = QueryRequest(
            since_revision=since, instance=instance, cluster=self._cluster.identity
        )
        report = await stub.query(question, epoch=self._cluster.epoch)
        if not is_sound(report):
            raise GalaxyError(Status.kAgentError, "its report makes no sense")
        return report
