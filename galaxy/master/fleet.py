"""
The machines as the master sees them: which there are, who is alive, what changed. Pure.

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

from galaxy.master.agents import Agent
from galaxy.master.events import Journal
from galaxy.master.labels import Labels
from galaxy.protocol.types_pb2 import (
    AgentFacts,
    AgentState,
    kAgentStateUnset,
    kAlive,
    kDead,
    kInit,
    kOffline,
)
from galaxy.resources import from_message

BEATS_PER_SECOND = 1000
"""How many heartbeats the master wants to answer in a second, at most."""

AGENT_STATES: dict[AgentState, frozenset[AgentState]] = {
    kAgentStateUnset: frozenset({kInit, kAlive, kOffline}),
    kInit: frozenset({kAlive, kDead, kOffline}),
    kAlive: frozenset({kDead, kOffline}),
    kDead: frozenset({kAlive, kOffline}),
    kOffline: frozenset({kAlive, kDead}),
}
"""The states that may follow each."""


_HEALTH = {(False, True): ("well", "unwell"), (True, False): ("unwell", "well")}
"""How an agent's health was, and how it is, where that is news."""


class IllegalAgentState(Exception):
    """An agent cannot go from its state to that one: a mistake in the master's code."""


class Fleet:
    """All agents that were ever admitted."""

    def __init__(self, timeout_s: float, heartbeat_s: float) -> None:
        self._timeout_s = timeout_s
        self._heartbeat_s = heartbeat_s
        self._silence = max(2.0, timeout_s / heartbeat_s)  # in intervals
        self._numbered: list[Agent] = []
        self._by_endpoint: dict[str, Agent] = {}
        self._beats: OrderedDict[Agent, None] = OrderedDict()  # longest silent first
        self._changed: OrderedDict[Agent, None] = OrderedDict()  # latest change last
        self._counts: dict[AgentState, int] = dict.fromkeys(AGENT_STATES, 0)
        self.labels = Labels()
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

    def admit(self, endpoint: str, now: float, admit_time: float | None = None) -> Agent:
        """A new agent, in no state yet; `turn` gives it one."""
        admitted = now if admit_time is None else admit_time
        agent = Agent(len(self._numbered) + 1, endpoint, now, admitted)
        agent.labels = self.labels.carried(endpoint)
        self._numbered.append(agent)
        self._by_endpoint[endpoint] = agent
        self._counts[kAgentStateUnset] += 1
        return agent

    def turn(  # noqa: PLR0917 - the door of agents, in the shape of the door of pods
        self,
        journal: Journal,
        agent: Agent,
        state: AgentState,
        reason: str,
        now: float,
        actor: str = "master",
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
        journal.agent(agent, before, reason, now, actor)
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

    def missing(self, now: float, part: float = 1.0) -> list[Agent]:
        """Those who have been silent for longer than they may, or for that part of it."""
        timeout_s, silence = part * self._timeout_s, part * self._silence
        silent = []
        for agent in self._beats:
            if now - agent.heard < timeout_s:
                if agent.state == kInit:
                    continue  # it stands here since the reign began
                break
            if now - agent.heard >= max(timeout_s, silence * agent.interval_s):
                silent.append(agent)
        return silent

    def excuse(self, now: float) -> None:
        """It was the master that did not listen: everybody's silence begins now."""
        for agent in self._beats:
            agent.heard = max(agent.heard, now)

    def served(self) -> int:
        """The highest reign that any agent says it has obeyed."""
        return max((agent.facts.epoch for agent in self), default=0)

    def learn(self, journal: Journal, agent: Agent, facts: AgentFacts, now: float) -> None:
        """What an agent says of its machine."""
        if facts == agent.facts:
            return
        health = bool(agent.facts.unhealthy), bool(facts.unhealthy)
        agent.facts = facts
        if health[0] != health[1]:
            said = (*_HEALTH[health], facts.unhealthy or "it is well again", "agent")
            journal.marked(agent, *said, now)
            journal.room |= not facts.unhealthy
        agent.total = from_message(facts.total)
        foreign = frozenset(facts.foreign_ports)
        journal.room |= not foreign >= agent.foreign_ports
        agent.foreign_ports = foreign
        agent.labels = self.labels.carried(agent.endpoint) | frozenset(facts.labels)
        journal.moved[agent] = None

    # -- what operators say ----------------------------------------------------------

    def label(
        self, journal: Journal, label: str, endpoints: Iterable[str], actor: str, now: float
    ) -> None:
        """These agents carry the label by an operator's word, and no others do."""
        for endpoint in sorted(self.labels.put(label, endpoints)):
            agent = self.find(endpoint)
            if agent is None:
                continue  # it has the label when it comes
            before = agent.labels
            agent.labels = self.labels.carried(endpoint) | frozenset(agent.facts.labels)
            if agent.labels != before:
                said, room = ("carries", True) if label in agent.labels else ("lost", False)
                reason = f"it {said} the label {label}"
                journal.marked(agent, _listed(before), _listed(agent.labels), reason, actor, now)
                journal.room |= room

    def mark(
        self, journal: Journal, agent: Agent, *, draining: bool, actor: str, now: float
    ) -> None:
        """
        An operator wants the machine empty, or back.

        The mark outlives the machine's death and return: an agent that is heard of
        is kOffline as long as it is there.
        """
        if agent.offline == draining:
            return
        agent.offline = draining
        reason = f"{actor} took it offline" if draining else f"{actor} brought it online"
        state = kOffline if draining else kAlive
        if agent.state in {kAlive, kOffline}:
            self.turn(journal, agent, state, reason, now, actor)
        else:
            now_is = "to be offline" if draining else "to be online"
            journal.marked(agent, AgentState.Name(agent.state), now_is, reason, actor, now)
        journal.room |= not draining
        for pod in agent.pods:
            journal.jobs[pod.job] = None

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


def _listed(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or "no label"
