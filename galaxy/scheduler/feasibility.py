"""
Which agents can hold a pod, and why the others cannot. Pure.

One small checker a constraint, the cheap and the lasting first. Each looks
only at what the ones before it left over, so an agent is counted once, against
the first thing that rules it out. The same checkers mask agents for placing and
explain to people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from attrs import frozen

from galaxy.resources import Lack
from galaxy.scheduler.fleet import Bools, Fleet, Ints
from galaxy.scheduler.groups import MIB, Shape

_TAKES = "schedulable"
_REFUSED = "refused"
_AMOUNTS = frozenset({"cpu", "memory", "disk", "ssd"})

_CLOSED = {
    "dead": ("is dead", "are dead"),
    "offline": ("is offline", "are offline"),
    "unwell": ("is unwell", "are unwell"),
    "silent": ("has not reported yet", "have not reported yet"),
    "away": ("is not connected", "are not connected"),
    "clearing": ("is stopping pods of before", "are stopping pods of before"),
    _REFUSED: ("refused one of these a moment ago", "refused one of these a moment ago"),
}
"""Of one and of several: why they take no pods, by the master's word for it, or none of these."""


@frozen
class Removed:
    """How many agents a constraint ruled out that none before it had."""

    constraint: str  # "label ssd", "cpu", ...; "unwell", ... of agents that take no pods
    agents: int


@frozen
class NearMiss:
    """The agent that came nearest, and what it lacks."""

    endpoint: str
    lacks: tuple[Lack, ...]


@frozen
class Survey:
    """Every agent accounted for: those that can hold one pod, and what removed the rest."""

    agents: int
    able: int
    removed: tuple[Removed, ...]
    nearest: NearMiss | None  # None: nobody lacked nothing but amounts


def lasting(fleet: Fleet, shape: Shape) -> Iterator[tuple[str, Bools]]:
    """Constraints that placing pods does not change; each with the agents that meet it."""
    yield _TAKES, fleet.schedulable
    if shape.needs_isolation:
        yield "isolation", fleet.isolated
    for label in shape.labels:
        yield f"label {label}", fleet.labels.get(label, np.zeros(len(fleet), np.bool_))
    if shape.refusers:
        takes = np.ones(len(fleet), np.bool_)
        takes[[fleet.rows[agent] for agent in shape.refusers if agent in fleet.rows]] = False
        yield _REFUSED, takes


def passing(
    fleet: Fleet, shape: Shape, occupied: Ints | None, max_per_host: int
) -> Iterator[tuple[str, Bools]]:
    """Constraints that placing pods does change; each with the agents that meet it."""
    if max_per_host and occupied is not None:
        yield "max_per_host", occupied < max_per_host
    for port in shape.ports:
        if port in fleet.ports:
            yield f"port {port}", ~fleet.ports[port]
    yield "cpu", fleet.free_cpu >= shape.millicores
    yield "memory", fleet.free_memory >= shape.memory_mib
    if shape.disk_mib:
        yield "disk", fleet.free_disk >= shape.disk_mib
    if shape.ssd_mib:
        yield "ssd", fleet.free_ssd >= shape.ssd_mib


def lasting_mask(fleet: Fleet, shape: Shape) -> Bools:
    """The agents that meet every lasting constraint."""
    mask = np.ones(len(fleet), np.bool_)
    for _, meets in lasting(fleet, shape):
        mask &= meets
    return mask


def survey(
    fleet: Fleet, shape: Shape, occupied: Ints | None = None, max_per_host: int = 0
) -> Survey:
    """
    Account for every agent.

    `occupied`: by row, how many pods of the job are there, where `max_per_host`
    holds.
    """
    mask = np.ones(len(fleet), np.bool_)
    short = np.zeros(len(fleet), np.bool_)
    removed = []
    checkers = (*lasting(fleet, shape), *passing(fleet, shape, occupied, max_per_host))
    for constraint, meets in checkers:
        out = mask & ~meets
        count = int(np.count_nonzero(out))
        if count:
            removed += _closed(fleet, out) if constraint == _TAKES else [Removed(constraint, count)]
            mask &= meets
            if constraint in _AMOUNTS:
                short |= out
    return Survey(
        len(fleet), int(np.count_nonzero(mask)), tuple(removed), _nearest(fleet, shape, short)
    )


def sentence(seen: Survey) -> str:
    """
    Why there is no place, for people.

    "4 of 6 agents lack the label ssd, 1 lacks memory; nearest: 10.0.0.2:8221 lacks
    1.5 GiB of memory"
    """
    if not seen.agents:
        return "there are no agents"
    parts: list[str] = []
    for removed in seen.removed:
        first = f"{removed.agents} of {seen.agents} agents" if not parts else str(removed.agents)
        parts.append(f"{first} {_predicate(removed.constraint, one=removed.agents == 1)}")
    if seen.able:
        parts.append(f"{seen.able} can hold one" if parts else "there is room")
    text = ", ".join(parts)
    if seen.nearest is None:
        return text
    lacks = " and ".join(str(lack) for lack in seen.nearest.lacks)
    return f"{text}; nearest: {seen.nearest.endpoint} {lacks}"


def _closed(fleet: Fleet, out: Bools) -> list[Removed]:
    """Why these agents take no pods, the most frequent first; not every master says why."""
    words = (fleet.closed[row] for row in np.flatnonzero(out).tolist())
    counted = Counter(word if word in _CLOSED else _TAKES for word in words)
    return [Removed(word, count) for word, count in counted.most_common()]


def _predicate(constraint: str, *, one: bool) -> str:
    lack = "lacks" if one else "lack"
    if constraint == _TAKES:
        return "takes no pods" if one else "take no pods"
    if constraint in _CLOSED:
        return _CLOSED[constraint][0 if one else 1]
    if constraint == "max_per_host":
        return f"{'holds' if one else 'hold'} as many pods of the job as max_per_host allows"
    if constraint.startswith("port "):
        return f"{'has' if one else 'have'} {constraint} taken"
    if constraint.startswith("label "):
        return f"{lack} the {constraint}"
    return f"{lack} {constraint}"


def _nearest(fleet: Fleet, shape: Shape, short: Bools) -> NearMiss | None:
    """
    Of the agents that only lack amounts, the one that lacks the least.

    Least: the largest of the lacks, each as a share of what is asked.
    """
    rows = np.flatnonzero(short)
    if not len(rows):
        return None
    asked = {
        "cpu": (shape.millicores, fleet.free_cpu, 1),
        "memory": (shape.memory_mib, fleet.free_memory, MIB),
        "disk": (shape.disk_mib, fleet.free_disk, MIB),
        "ssd": (shape.ssd_mib, fleet.free_ssd, MIB),
    }
    missing = {
        what: amount - free[rows].astype(np.int64) for what, (amount, free, _) in asked.items()
    }
    shares = [missing[what] / max(1, amount) for what, (amount, _, _) in asked.items()]
    best = int(np.maximum.reduce(shares).argmin())
    lacks = [
        Lack(what, int(missing[what][best]) * unit)
        for what, (_, _, unit) in asked.items()
        if missing[what][best] > 0
    ]
    return NearMiss(fleet.endpoints[int(rows[best])], tuple(lacks))
