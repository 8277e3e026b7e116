"""
Whose turn it is: priority first, then fairness between users, then between jobs. Pure.

Among equal priority the user with the least dominant share goes next, then of
that user's jobs the one with the least (Ghodsi et al., Dominant Resource Fairness,
NSDI 2011). A dominant share is the larger of the shares of the fleet's cpu and
memory. Turns are chunks, so that big groups stay big: nobody gets further
ahead than one chunk. What a user has already counts, also of jobs that wait for
nothing, as far as the master tells of it. Who is alone gets all at once. A
group that found no place leaves the queue at once, so that none waits behind
those that do not fit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np
from attrs import define, field

from galaxy.scheduler.fleet import Fleet, Ints
from galaxy.scheduler.groups import Group, Holding

CHUNK_SHARE = 0.01  # of the fleet: what one turn may take


@define(eq=False)
class Entry:
    """A group in the queue, and how far it has come."""

    group: Group
    remaining: int
    cost: float  # the dominant share of one of its pods
    share: float  # of its job, with what is placed so far
    there: Ints | None = None  # by row, pods of the job; where somebody needs it


_Key = tuple[float, float, str, str, Entry]


@define(eq=False)
class User:
    """Who waits, what share they hold, and their groups in order."""

    name: str
    share: float = 0.0
    told: bool = False  # whether the share is all they have, or what their waiting jobs have
    jobs: list[_Key] = field(factory=list)


@define(eq=False)
class Turn:
    """Up to `count` pods of an entry may be placed now."""

    entry: Entry
    count: int
    user: User


class Queue:
    """The order of the groups; every `next` is followed by `settle`."""

    def __init__(
        self, fleet: Fleet, groups: Iterable[Group], holdings: Iterable[Holding] = ()
    ) -> None:
        self._cpu = max(1, int(fleet.total_cpu.sum(dtype=np.int64)))
        self._memory = max(1, int(fleet.total_memory.sum(dtype=np.int64)))
        self._users = {one.user: User(one.user, self._share(one), told=True) for one in holdings}
        self._heap: list[tuple[float, str, User]] = []
        levels: dict[int, list[Entry]] = {}
        for group in groups:
            if group.count <= 0:
                continue
            entry = self._entry(group)
            levels.setdefault(group.priority, []).append(entry)
        self._levels = [levels[priority] for priority in sorted(levels)]

    def next(self, most: int) -> Turn | None:
        """The next turn, of at most so many pods; None when nobody is left."""
        while not self._heap:
            if not self._levels:
                return None
            self._open(self._levels.pop())
        user = heapq.heappop(self._heap)[2]
        entry = heapq.heappop(user.jobs)[-1]
        count = entry.remaining
        alone = not self._heap and not user.jobs
        if count > 1 and entry.cost > 0 and not alone:
            count = min(count, max(1, int(CHUNK_SHARE / entry.cost)))
        return Turn(entry, min(count, most), user)

    def settle(self, turn: Turn, placed: int) -> None:
        """Say how many were placed; fewer than the turn's count: the entry is done for now."""
        entry, user = turn.entry, turn.user
        entry.remaining -= placed
        entry.share += placed * entry.cost
        user.share += placed * entry.cost
        if placed == turn.count and entry.remaining:
            heapq.heappush(user.jobs, _key(entry))
        if user.jobs:
            heapq.heappush(self._heap, (user.share, user.name, user))

    def _share(self, holding: Holding) -> float:
        return max(holding.millicores / self._cpu, holding.memory_mib / self._memory)

    def _entry(self, group: Group) -> Entry:
        shape = group.shape
        cost = max(shape.millicores / self._cpu, shape.memory_mib / self._memory)
        user = self._users.get(group.user)
        if user is None:
            user = self._users[group.user] = User(group.user)
        share = group.running * cost
        if not user.told:
            user.share += share
        return Entry(group, group.count, cost, share)

    def _open(self, level: list[Entry]) -> None:
        """Let the groups of one priority line up."""
        users: dict[str, User] = {}
        for entry in level:
            user = users[entry.group.user] = self._users[entry.group.user]
            user.jobs.append(_key(entry))
        for user in users.values():
            heapq.heapify(user.jobs)
        self._heap = [(user.share, user.name, user) for user in users.values()]
        heapq.heapify(self._heap)


def _key(entry: Entry) -> _Key:
    group = entry.group
    return entry.share, group.pending_since, group.job_id, group.version, entry
