"""
The plan: what goes where, what does not, and why. Pure.

Called by the service, by dry runs and by the tests. Laws: a plan never
over-commits an agent and never places more of a group than its count (safety);
what could be placed is, or is named with its obstacles (liveness); the same
fleet, groups and seed give the same plan.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable

import numpy as np
from attrs import frozen

from galaxy.scheduler.feasibility import Removed, Survey, sentence, survey
from galaxy.scheduler.fleet import Fleet, Ints
from galaxy.scheduler.groups import Group, Holding, Shape
from galaxy.scheduler.placement import Placer
from galaxy.scheduler.queue import Entry, Queue
from galaxy.scheduler.score import Policy

_ROWS_OF_WORK = 1000  # as many rows scored for a group cost as much as one single pod


@frozen
class Placed:
    """`counts[i]` pods of the group on row `rows[i]` of the fleet."""

    group: Group
    rows: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def pods(self) -> int:
        """How many in all."""
        return sum(self.counts)


@frozen
class Unplaced:
    """`count` pods of the group that nothing can hold now, and why in numbers and words."""

    group: Group
    count: int
    removed: tuple[Removed, ...]
    reason: str


@frozen
class Plan:
    """What to propose. `complete`: every group was looked at."""

    placed: tuple[Placed, ...]
    unplaced: tuple[Unplaced, ...]
    complete: bool

    @property
    def pods(self) -> int:
        """How many pods it places."""
        return sum(placed.pods for placed in self.placed)


class Planning:
    """
    One pass over the pending groups, in slices short enough for a reactor.

    The fleet is changed as it goes: it always contains what was planned.
    """

    def __init__(
        self, placer: Placer, groups: Iterable[Group], holdings: Iterable[Holding] = ()
    ) -> None:
        self._placer = placer
        self._fleet = placer.fleet
        self._queue = Queue(placer.fleet, groups, holdings)
        self._surveys: dict[Shape, tuple[int, Survey, str]] = {}

    def slice(self, most_pods: int, most_work: int) -> Plan:
        """
        Plan on, until so many pods are placed, so much work is done, or nothing is left.

        The unit of work is the placement of a single pod, some 20 microseconds
        on any fleet.
        """
        placed: list[Placed] = []
        unplaced: list[Unplaced] = []
        group_work = 2 + len(self._fleet) // _ROWS_OF_WORK  # it looks at every row
        pods = work = 0
        while pods < most_pods and work < most_work:
            turn = self._queue.next(most_pods - pods)
            if turn is None:
                return Plan(tuple(placed), tuple(unplaced), complete=True)
            work += 1 if turn.entry.group.count == 1 else group_work
            part = self._place(turn.entry, turn.count)
            count = 0 if part is None else part.pods
            if part is not None:
                placed.append(part)
                pods += count
            self._queue.settle(turn, count)
            if count < turn.count:
                unplaced.append(self._unplaced(turn.entry))
        return Plan(tuple(placed), tuple(unplaced), complete=False)

    def _place(self, entry: Entry, count: int) -> Placed | None:
        group = entry.group
        if group.count == 1 and not group.max_per_host:
            row = self._placer.place_one(group.shape)
            return None if row is None else Placed(group, (row,), (1,))
        if entry.there is None and (group.max_per_host or count < group.count):
            entry.there = self._there(group)
        rows, counts = self._placer.place(group.shape, count, entry.there, group.max_per_host)
        if not len(rows):
            return None
        if entry.there is not None:
            entry.there[rows] += counts
        return Placed(group, tuple(rows.tolist()), tuple(counts.tolist()))

    def _there(self, group: Group) -> Ints:
        there = np.zeros(len(self._fleet), np.int32)
        for agent, count in group.occupied:
            row = self._fleet.rows.get(agent)
            if row is not None:
                there[row] = count
        return there

    def _unplaced(self, entry: Entry) -> Unplaced:
        group = entry.group
        if group.max_per_host:
            seen = survey(self._fleet, group.shape, entry.there, group.max_per_host)
            return Unplaced(group, entry.remaining, seen.removed, sentence(seen))
        known = self._surveys.get(group.shape)
        if known is None or known[0] != self._fleet.gains:
            seen = survey(self._fleet, group.shape)
            known = self._surveys[group.shape] = (self._fleet.gains, seen, sentence(seen))
        return Unplaced(group, entry.remaining, known[1].removed, known[2])


def plan(fleet: Fleet, groups: Iterable[Group], policy: Policy, rng: random.Random) -> Plan:
    """The whole plan at once. The fleet then contains it."""
    groups = tuple(groups)
    most = sum(group.count for group in groups) + 1
    return Planning(Placer(fleet, policy, rng), groups).slice(most, sys.maxsize)
