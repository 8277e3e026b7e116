"""
Where pods of a group go: scores kept per shape, renewed where rows changed. Pure.

A `Placer` belongs to one fleet and one policy and outlives single plans; it
only ever caches what could be computed anew.

Note: what one placement costs
    A group's placement looks at every agent once, vectorised. A single pod's
    renews the scores of the rows that changed since its shape was placed last,
    and takes the least of the kept scores. A shape that nothing can hold costs
    one comparison until the fleet gains something.
"""

from __future__ import annotations

import random

import numpy as np
from attrs import define, field

from galaxy.scheduler.feasibility import lasting_mask
from galaxy.scheduler.fleet import Fleet, Floats, Ints, Rows
from galaxy.scheduler.groups import Shape
from galaxy.scheduler.score import Policy

_INFINITE = float("inf")
_MOST_KEPT = 256  # shapes; each keeps 8 bytes a row
_TIE = 1e-4
_FEW = 4  # agents to a pod: then the best of them for one pod are enough to look at
_NOWHERE: tuple[Rows, Ints] = (np.zeros(0, np.intp), np.zeros(0, np.int32))


@define(eq=False)
class _Kept:
    """The scores of one shape: infinite where a pod does not fit now."""

    bias: Floats  # what placing does not change; infinite where a lasting constraint rules out
    scores: Floats
    kinds: int
    position: int
    full_at: int = -1  # the fleet's gains when nothing could hold it


@define(eq=False)
class Placer:
    """
    Places pods of a shape on the best agents by a policy.

    `jitter` is how far a score may be blurred at random: a little breaks
    ties, more keeps several schedulers out of each other's way.
    """

    fleet: Fleet
    policy: Policy
    rng: random.Random
    jitter: float = _TIE
    _kept: dict[Shape, _Kept] = field(factory=dict, init=False)
    _noise: Floats = field(factory=lambda: np.zeros(0, np.float32), init=False)

    def blur(self, jitter: float) -> None:
        """Blur scores anew, this far; never less than breaks ties."""
        self.jitter = max(jitter, _TIE)
        self._noise = np.zeros(0, np.float32)
        self._kept.clear()

    def place(
        self, shape: Shape, count: int, there: Ints | None = None, max_per_host: int = 0
    ) -> tuple[Rows, Ints]:
        """
        Take room for up to `count` pods: the rows and how many on each, in row order.

        `there`: by row, how many pods of the job are there already; needed
        where `max_per_host` is given. The fleet is changed.
        """
        kept = self._current(shape)
        if kept is None or count < 1:
            return _NOWHERE
        if there is None and count * _FEW <= len(self.fleet):
            # Each agent that can hold one takes at least one: no others are needed.
            best = np.argpartition(kept.scores, count - 1)[:count]
            rows = np.sort(best[kept.scores[best] < _INFINITE])
        else:
            rows = np.flatnonzero(kept.scores < _INFINITE)
        if not len(rows):
            kept.full_at = self.fleet.gains
            return _NOWHERE
        room = self._room(shape, rows, count)
        if there is not None:
            there = there[rows]
            if max_per_host:
                room = np.minimum(room, np.maximum(max_per_host - there, 0))
        scores = self.policy.score(
            self.fleet,
            rows,
            self.fleet.free_cpu[rows] - room * shape.millicores,
            self.fleet.free_memory[rows] - room * shape.memory_mib,
        )
        scores += kept.bias[rows]
        counts = self.policy.deal(scores, room, there, count)
        chosen = counts > 0
        rows, counts = rows[chosen], counts[chosen]
        self.fleet.take(rows, counts, shape)
        return rows, counts

    def place_one(self, shape: Shape) -> int | None:
        """Take room for one pod: its row, or None."""
        kept = self._current(shape)
        if kept is None:
            return None
        row = int(kept.scores.argmin())
        if kept.scores.item(row) == _INFINITE:
            kept.full_at = self.fleet.gains
            return None
        self.fleet.take_one(row, shape)
        return row

    def _room(self, shape: Shape, rows: Rows, count: int) -> Ints:
        """How many of `count` pods each row could hold, alone."""
        room = np.full(len(rows), 1 if shape.ports else count, np.int32)
        if shape.millicores:
            np.minimum(room, self.fleet.free_cpu[rows] // np.int32(shape.millicores), out=room)
        if shape.memory_mib:
            np.minimum(room, self.fleet.free_memory[rows] // np.int32(shape.memory_mib), out=room)
        if shape.disk_mib:
            np.minimum(room, self.fleet.free_disk[rows] // np.int32(shape.disk_mib), out=room)
        if shape.ssd_mib:
            np.minimum(room, self.fleet.free_ssd[rows] // np.int32(shape.ssd_mib), out=room)
        return room

    def _current(self, shape: Shape) -> _Kept | None:
        """The shape's scores as they are now; None when it is known that nothing can hold it."""
        kept = self._kept.get(shape)
        fleet = self.fleet
        if kept is None or kept.kinds != fleet.kinds:
            if not len(fleet):
                return None
            kept = self._begin(shape)
            self._renew(kept, shape, slice(None))
        elif kept.full_at == fleet.gains:
            return None
        elif kept.position != fleet.position:
            changed = fleet.changed_since(kept.position)
            if changed is None:
                self._renew(kept, shape, slice(None))
            else:
                self._renew(kept, shape, np.array(changed, np.intp))
        return kept

    def _begin(self, shape: Shape) -> _Kept:
        fleet = self.fleet
        if len(self._noise) != len(fleet):
            seeded = np.random.default_rng(self.rng.getrandbits(64))
            self._noise = seeded.random(len(fleet), np.float32) * np.float32(self.jitter)
        bias = self._noise
        if self.policy.unasked_label:
            unasked = sum(
                (
                    column.astype(np.float32)
                    for label, column in fleet.labels.items()
                    if label not in shape.labels
                ),
                start=np.zeros(len(fleet), np.float32),
            )
            bias = bias + unasked * np.float32(self.policy.unasked_label)
        if len(self._kept) >= _MOST_KEPT and shape not in self._kept:
            del self._kept[next(iter(self._kept))]
        kept = _Kept(
            bias=np.where(lasting_mask(fleet, shape), bias, _INFINITE),
            scores=np.empty(len(fleet), np.float32),
            kinds=fleet.kinds,
            position=-1,
        )
        self._kept[shape] = kept
        return kept

    def _renew(self, kept: _Kept, shape: Shape, rows: Rows | slice) -> None:
        fleet = self.fleet
        left_cpu = fleet.free_cpu[rows] - shape.millicores
        left_memory = fleet.free_memory[rows] - shape.memory_mib
        scores = self.policy.score(fleet, rows, left_cpu, left_memory)
        scores += kept.bias[rows]
        np.copyto(scores, _INFINITE, where=np.minimum(left_cpu, left_memory) < 0)
        if shape.needs_disks:
            full = fleet.free_disk[rows] < shape.disk_mib
            full |= fleet.free_ssd[rows] < shape.ssd_mib
            np.copyto(scores, _INFINITE, where=full)
        for port in shape.ports:
            if port in fleet.ports:
                np.copyto(scores, _INFINITE, where=fleet.ports[port][rows])
        kept.scores[rows] = scores
        kept.position = fleet.position
