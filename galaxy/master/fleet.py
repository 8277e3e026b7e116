"""
The machines as the master sees them: the record, who is alive, what is free. Pure.

Nothing here looks at every agent on a timer: heartbeats move an agent to the end
of one ordered table, and who has been silent too long stands at its beginning.

Note: the pace of heartbeats
    The master answers each heartbeat with when it wants the next. The interval
    grows with the fleet, so that all beats together stay below
    `BEATS_PER_SECOND`; an agent is given the same number of intervals to be
    silent whatever their length. What an agent was told is kept with it,
    because that is what it goes by.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import define, field

from galaxy.protocol.agent_pb2 import QueryResponse
from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.protocol.types_pb2 import (
    AgentFacts,
    AgentState,
    kAgentStateUnset,
    kAlive,
    kDead,
    kInit,
    kOffline,
)
from galaxy.resources import NOTHING, Free, Resources, from_message, left

if TYPE_CHECKING:
    from galaxy.master.events import Journal
    from galaxy.master.jobs import Version
    from galaxy.master.pods import Pod

BEATS_PER_SECOND = 1000
"""How many heartbeats the master wants to answer in a second, at most."""

Attempt = tuple[str, int, int]
"""(job_id, index, incarnation)"""

AGENT_STATES: dict[AgentState, frozenset[AgentState]] = {
    kAgentStateUnset: frozenset({kInit, kAlive}),
    kInit: frozenset({kAlive, kDead, kOffline}),
    kAlive: frozenset({kDead, kOffline}),
    kDead: frozenset({kAlive, kOffline}),
    kOffline: frozenset({kAlive, kDead}),
}
"""The states that may follow each."""


class IllegalAgentState(Exception):
    """An agent cannot go from its state to that one: a mistake in the master's code."""


@define(eq=False)
class Agent:
    """
    One machine.

    `number` names it to schedulers, in this reign. `pods` are those that take its
    resources, whatever their stage. `strangers` are attempts it has and should
    not have; as long as there are any, what is free on it is not known.
    """

    number: int
    endpoint: str
    heard: float  # when it last said something, or when its silence began to count
    state: AgentState = kAgentStateUnset
    reason: str = ""
    facts: AgentFacts = field(factory=AgentFacts)
    total: Resources = NOTHING
    labels: frozenset[str] = frozenset()
    interval_s: float = 0.0  # as it was told last
    connected: bool = False
    pause_until: float = 0.0  # it refused what should have fitted; takes nothing until then
    revision: int = 0  # of the fleet, when schedulers should last have heard of it
    # Its report.
    instance: str = ""  # of the last report that was merged; empty: none in this reign
    merged: int = 0  # the revision of that report
    announced: tuple[str, int] = ("", 0)  # instance and revision of its last heartbeat
    queried: float = 0.0  # when it was last asked
    used_millicores: int = 0
    used_memory: int = 0
    usage: QueryResponse = field(factory=QueryResponse)  # only its field `usage`: packed
    # What it has, and what it is to be told.
    pods: set[Pod] = field(factory=set)
    untold: set[Pod] = field(factory=set)  # placed here, not yet taken by the agent
    kills: set[Attempt] = field(factory=set)
    strangers: set[Attempt] = field(factory=set)
    described: set[Version] = field(factory=set)  # descriptions that this instance has
    assigned_millicores: int = 0
    assigned_memory: int = 0
    assigned_dynamic: int = 0
    ports: dict[int, int] = field(factory=dict)  # taken ports, and by how many pods

    def take(self, pod: Pod) -> None:
        """Count a pod's resources."""
        self.pods.add(pod)
        self._count(pod.version.requirement, 1)

    def drop(self, pod: Pod) -> None:
        """Give a pod's resources back."""
        self.pods.discard(pod)
        self.untold.discard(pod)
        self._count(pod.version.requirement, -1)

    def _count(self, amount: Resources, sign: int) -> None:
        self.assigned_millicores += sign * amount.millicores
        self.assigned_memory += sign * amount.memory_bytes
        self.assigned_dynamic += sign * amount.dynamic_ports
        for port in amount.ports:
            # Two pods may hold one for a moment: the one that leaves was not reported gone yet.
            holders = self.ports.get(port, 0) + sign
            if holders:
                self.ports[port] = holders
            else:
                self.ports.pop(port, None)

    @property
    def assigned(self) -> Resources:
        """What its pods were granted."""
        return Resources(
            self.assigned_millicores,
            self.assigned_memory,
            frozenset(self.ports),
            self.assigned_dynamic,
        )

    @property
    def free(self) -> Free:
        """What it can still grant."""
        return left(self.total, self.assigned)

    @property
    def isolated(self) -> bool:
        """Whether its tasks are held in control groups."""
        return self.facts.isolation not in {"", "none"}

    def unfit(self, now: float) -> str:
        """Why it takes no pods at the moment; empty: it takes them."""
        if self.state != kAlive:
            return f"the agent is {AgentState.Name(self.state)}"
        if not self.connected:
            return "the agent is not connected"
        if not self.instance:
            return "the agent has not reported yet"
        if self.strangers:
            return "the agent is still stopping pods that should not be there"
        if now < self.pause_until:
            return "the agent refused a pod a moment ago"
        return ""

    def snapshot(self, now: float) -> AgentSnapshot:
        """The agent as schedulers see it."""
        return AgentSnapshot(
            agent=self.number,
            endpoint=self.endpoint,
            total_millicores=self.total.millicores,
            total_memory=self.total.memory_bytes,
            assigned_millicores=self.assigned_millicores,
            assigned_memory=self.assigned_memory,
            used_millicores=self.used_millicores,
            used_memory=self.used_memory,
            ports=sorted(self.ports),
            labels=sorted(self.labels),
            schedulable=not self.unfit(now),
            isolated=self.isolated,
            pods=len(self.pods),
        )


class Fleet:
    """All agents that were ever admitted."""

    def __init__(self, timeout_s: float, heartbeat_s: float) -> None:
        self._timeout_s = timeout_s
        self._heartbeat_s = heartbeat_s
        self._silence = timeout_s / heartbeat_s  # in intervals
        self._numbered: list[Agent] = []
        self._by_endpoint: dict[str, Agent] = {}
        self._beats: OrderedDict[Agent, None] = OrderedDict()  # longest silent first
        self._changed: OrderedDict[Agent, None] = OrderedDict()  # latest change last
        self._counts: dict[AgentState, int] = dict.fromkeys(AGENT_STATES, 0)
        self.revision = 0

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._numbered)

    def __len__(self) -> int:
        return len(self._numbered)

    def find(self, endpoint: str) -> Agent | None:
        """The agent that listens there."""
        return self._by_endpoint.get(endpoint)

    def numbered(self, number: int) -> Agent | None:
        """The agent of that number in this reign."""
        return self._numbered[number - 1] if 0 < number <= len(self._numbered) else None

    def count(self, state: AgentState) -> int:
        """How many agents are in a state."""
        return self._counts[state]

    # -- coming and going -----------------------------------------------------------

    def admit(self, endpoint: str, now: float) -> Agent:
        """A new agent, in no state yet; `turn` gives it one."""
        agent = Agent(len(self._numbered) + 1, endpoint, now)
        self._numbered.append(agent)
        self._by_endpoint[endpoint] = agent
        self._counts[kAgentStateUnset] += 1
        return agent

    def turn(
        self, journal: Journal, agent: Agent, state: AgentState, reason: str, now: float
    ) -> None:
        """Take an agent to another state; IllegalAgentState if it cannot follow."""
        before = agent.state
        if state not in AGENT_STATES[before]:
            raise IllegalAgentState(
                f"agent {agent.endpoint} cannot go from {AgentState.Name(before)}"
                f" to {AgentState.Name(state)}"
            )
        self._counts[before] -= 1
        self._counts[state] += 1
        agent.state = state
        agent.reason = reason
        journal.agent(agent, before, reason, now)
        if state == kDead:
            self._beats.pop(agent, None)

    def beat(self, agent: Agent, now: float) -> float:
        """An agent was heard of. When it should be heard of again: seconds from now."""
        agent.heard = now
        agent.interval_s = self.interval_s()
        self._beats[agent] = None
        self._beats.move_to_end(agent)
        return agent.interval_s

    def expect(self, agent: Agent, by: float) -> None:
        """An agent not yet heard of in this reign is missing from `by` on."""
        agent.interval_s = self._heartbeat_s
        agent.heard = by - self._timeout_s
        self._beats[agent] = None

    def interval_s(self) -> float:
        """How often an agent should be heard of (Note: the pace of heartbeats)."""
        heard = len(self._numbered) - self._counts[kDead]
        return max(self._heartbeat_s, heard / BEATS_PER_SECOND)

    def missing(self, now: float) -> list[Agent]:
        """Those who have been silent for longer than they may."""
        silent = []
        for agent in self._beats:
            if now - agent.heard < self._timeout_s:
                if agent.state == kInit:
                    continue  # it stands here since the reign began
                break
            if now - agent.heard >= max(self._timeout_s, self._silence * agent.interval_s):
                silent.append(agent)
        return silent

    def excuse(self, now: float) -> None:
        """It was the master that did not listen: everybody's silence begins now."""
        for agent in self._beats:
            agent.heard = max(agent.heard, now)

    def learn(self, journal: Journal, agent: Agent, facts: AgentFacts) -> None:
        """What an agent says of its machine."""
        if facts == agent.facts:
            return
        agent.facts = facts
        agent.total = from_message(facts.total)
        agent.labels = frozenset(facts.labels)
        journal.moved[agent] = None

    # -- what schedulers see ---------------------------------------------------------

    def stamp(self, agents: Iterable[Agent]) -> None:
        """These changed in what schedulers see of them."""
        for agent in agents:
            self.revision += 1
            agent.revision = self.revision
            self._changed[agent] = None
            self._changed.move_to_end(agent)

    def changed_since(self, revision: int) -> list[Agent]:
        """Those that changed after a revision, latest first."""
        changed = []
        for agent in reversed(self._changed):
            if agent.revision <= revision:
                break
            changed.append(agent)
        return changed


def available(state: AgentState) -> bool:
    """Whether a machine in that state counts as one that is there."""
    return state in {kAlive, kOffline}
