"""
One machine as the master sees it: its report, its pods, what is free on it. Pure.

Which machines there are, and who of them is alive: `fleet.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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
    kOffline,
)
from galaxy.resources import NOTHING, Free, Resources, left

if TYPE_CHECKING:
    from galaxy.master.claims import Claim
    from galaxy.master.jobs import Version
    from galaxy.master.pods import Pod

Attempt = tuple[str, int, int]
"""(job_id, index, incarnation)"""


_STATE_WORDS: dict[AgentState, str] = {kDead: "dead", kOffline: "offline"}


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
    admit_time: float = 0.0
    state: AgentState = kAgentStateUnset
    reason: str = ""
    facts: AgentFacts = field(factory=AgentFacts)
    total: Resources = NOTHING
    labels: frozenset[str] = frozenset()
    foreign_ports: frozenset[int] = frozenset()  # had by what is no pod
    interval_s: float = 0.0  # as it was told last
    connected: bool = False
    missed: bool = False  # silent for longer than it may, and not given up because of safe mode
    offline: bool = False  # an operator wants it empty: it takes no pods, those it has move
    ailing: bool = False  # it is unwell, and its pods move (`ailments`)
    revision: int = 0  # of the fleet, when schedulers should last have heard of it
    # Its report.
    instance: str = ""  # of the last report that was merged; empty: none in this reign
    merged: int = 0  # the revision of that report
    announced: tuple[str, int] = ("", 0)  # instance and revision of its last heartbeat
    queried: float = 0.0  # when it was last asked
    deeds: frozenset[int] = frozenset()  # those that it told of, and may tell of again
    used_millicores: int = 0
    used_memory: int = 0
    usage: QueryResponse = field(factory=QueryResponse)  # only its field `usage`: packed
    # What it has, and what it is to be told.
    pods: set[Pod] = field(factory=set)
    untold: set[Pod] = field(factory=set)  # placed here, not yet taken by the agent
    # Those of them that take over in place, and the incarnations that may be there still.
    takeovers: dict[Pod, tuple[int, ...]] = field(factory=dict)
    claims: dict[Claim, None] = field(factory=dict)  # room is being made here
    kills: set[Attempt] = field(factory=set)
    strangers: set[Attempt] = field(factory=set)
    described: set[Version] = field(factory=set)  # descriptions that this instance has
    assigned_millicores: int = 0
    assigned_memory: int = 0
    assigned_dynamic: int = 0
    assigned_disk: int = 0
    assigned_ssd: int = 0
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

    def regrant(self, pod: Pod, version: Version) -> None:
        """Count what another version of a pod asks for, instead of what it has."""
        self._count(pod.version.requirement, -1)
        self._count(version.requirement, 1)

    def _count(self, amount: Resources, sign: int) -> None:
        self.assigned_millicores += sign * amount.millicores
        self.assigned_memory += sign * amount.memory_bytes
        self.assigned_dynamic += sign * amount.dynamic_ports
        self.assigned_disk += sign * amount.disk_bytes
        self.assigned_ssd += sign * amount.ssd_bytes
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
            self.foreign_ports.union(self.ports),
            self.assigned_dynamic,
            self.assigned_disk,
            self.assigned_ssd,
        )

    @property
    def committed(self) -> Resources:
        """What its pods were granted, and what is held back for others."""
        return self._without(())

    @property
    def free(self) -> Free:
        """What it can still grant."""
        return left(self.total, self.committed if self.claims else self.assigned)

    def free_without(self, pods: Iterable[Pod]) -> Free:
        """What it could grant if these pods of it were gone."""
        return left(self.total, self._without(pods))

    def _without(self, pods: Iterable[Pod]) -> Resources:
        millicores, memory = self.assigned_millicores, self.assigned_memory
        dynamic, ports = self.assigned_dynamic, Counter(self.ports)
        disk, ssd = self.assigned_disk, self.assigned_ssd
        for pod in pods:
            amount = pod.version.requirement
            millicores -= amount.millicores
            memory -= amount.memory_bytes
            dynamic -= amount.dynamic_ports
            disk -= amount.disk_bytes
            ssd -= amount.ssd_bytes
            if amount.ports:
                ports.subtract(amount.ports)
        for claim in self.claims:
            amount, count = claim.version.requirement, len(claim.indexes)
            millicores += amount.millicores * count
            memory += amount.memory_bytes * count
            dynamic += amount.dynamic_ports * count
            disk += amount.disk_bytes * count
            ssd += amount.ssd_bytes * count
            ports.update(amount.ports)
        taken = frozenset(port for port, holders in ports.items() if holders > 0)
        return Resources(millicores, memory, taken | self.foreign_ports, dynamic, disk, ssd)

    @property
    def draining(self) -> bool:
        """Whether its pods are to run elsewhere."""
        return self.offline or self.ailing

    @property
    def isolated(self) -> bool:
        """Whether its tasks are held in control groups."""
        return self.facts.isolation not in {"", "none"}

    @property
    def may_isolate(self) -> bool:
        """Whether they may be: an agent that has just begun does not know yet."""
        return self.facts.isolation != "none"

    def unfit(self, now: float) -> str:
        """Why it takes no pods at the moment; empty: it takes them."""
        return self._closed(now)[1]

    def _closed(self, now: float) -> tuple[str, str]:
        """The same in a word that schedulers know, and in a sentence."""
        state = kOffline if self.offline else self.state
        if state != kAlive:
            return _STATE_WORDS.get(state, "silent"), f"the agent is {AgentState.Name(state)}"
        if self.facts.unhealthy:
            return "unwell", f"the machine is unwell: {self.facts.unhealthy}"
        hindrances = (
            (not self.connected, "away", "the agent is not connected"),
            (not self.instance, "silent", "the agent has not reported yet"),
            (
                self.strangers,
                "clearing",
                "the agent is still stopping pods that should not be there",
            ),
        )
        return next(((word, reason) for hinders, word, reason in hindrances if hinders), ("", ""))

    def snapshot(self, now: float) -> AgentSnapshot:
        """The agent as schedulers see it; what is claimed counts as granted."""
        committed = self.committed if self.claims else self.assigned
        closed, _ = self._closed(now)
        return AgentSnapshot(
            agent=self.number,
            endpoint=self.endpoint,
            total_millicores=self.total.millicores,
            total_memory=self.total.memory_bytes,
            assigned_millicores=committed.millicores,
            assigned_memory=committed.memory_bytes,
            used_millicores=self.used_millicores,
            used_memory=self.used_memory,
            ports=sorted(committed.ports),
            labels=sorted(self.labels),
            schedulable=not closed,
            closed=closed,
            isolated=self.isolated,
            pods=len(self.pods),
            free_disk=max(0, self.total.disk_bytes - committed.disk_bytes),
            free_ssd=max(0, self.total.ssd_bytes - committed.ssd_bytes),
        )
