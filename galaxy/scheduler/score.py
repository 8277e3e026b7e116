"""
Policies: which of the agents that could hold a pod should. Pure.

A policy scores agents, lower is better, and says how a group of several pods is
dealt out over them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from attrs import frozen

from galaxy.scheduler.fleet import Fleet, Floats, Ints, Rows

_LOAD_OF_PODS = np.exp(np.arange(2048, dtype=np.float32) / 32)


class Policy(Protocol):
    """A way to choose among agents."""

    @property
    def name(self) -> str:
        """What settings call it."""

    @property
    def unasked_label(self) -> float:
        """What each label of an agent that the pod did not ask for adds to its score."""

    def score(self, fleet: Fleet, rows: Rows | slice, left_cpu: Ints, left_memory: Ints) -> Floats:
        """
        Lower is better; one score a row.

        Looks at the given rows only, so that whoever keeps scores can renew a
        few. `left_*`: what each would have left with the pods in question; where
        that is below zero, the score does not matter.
        """

    def deal(self, scores: Floats, room: Ints, there: Ints | None, count: int) -> Ints:
        """
        How many of `count` pods each takes: at most its `room`, in all as many as can be.

        `there`: how many of the group each has already, where that is known.
        """


@frozen
class Spread:
    """
    The least loaded first, and one pod of a group on each agent before a second.

    The load is Galaxy 2's: e^(10 cpu) + e^(memory) + e^(pods / 32), in shares
    of the machine. Galaxy 2 takes measured use, which lags behind placements
    and let one round pile everything on one idle machine; here a share is
    what is measured or what is promised, whichever is more.
    """

    name: str = "spread"
    unasked_label: float = 0.0

    def score(self, fleet: Fleet, rows: Rows | slice, left_cpu: Ints, left_memory: Ints) -> Floats:
        """The load before the pod comes."""
        cpu = np.maximum(fleet.total_cpu[rows] - fleet.free_cpu[rows], fleet.used_cpu[rows])
        memory = np.maximum(
            fleet.total_memory[rows] - fleet.free_memory[rows], fleet.used_memory[rows]
        )
        result: Floats = np.exp(cpu.astype(np.float32) * fleet.cpu_unit[rows] * np.float32(10))
        result += np.exp(memory.astype(np.float32) * fleet.memory_unit[rows])
        result += _LOAD_OF_PODS.take(fleet.pods[rows], mode="clip")
        return result

    def deal(self, scores: Floats, room: Ints, there: Ints | None, count: int) -> Ints:
        """
        Water-filling.

        The level is found by bisection; what does not fill a whole level goes
        to the best scores.
        """
        base = np.zeros_like(room) if there is None else there
        low, high = int(base.min()), int((base + room).max())
        while low < high:  # the highest level that takes no more than count
            middle = (low + high + 1) // 2
            if int(np.clip(middle - base, 0, room).sum(dtype=np.int64)) <= count:
                low = middle
            else:
                high = middle - 1
        counts: Ints = np.clip(low - base, 0, room)
        rest = count - int(counts.sum(dtype=np.int64))
        if rest > 0:
            open_rows = np.flatnonzero((base + counts == low) & (counts < room))
            best = open_rows[scores[open_rows].argsort(kind="stable")[:rest]]
            counts[best] += 1
        return counts


def _fill(scores: Floats, room: Ints, count: int) -> Ints:
    """Whole agents in order of score, the last one in part."""
    order = scores.argsort(kind="stable")
    room_in_order = room[order]
    before = np.cumsum(room_in_order, dtype=np.int64) - room_in_order
    counts = np.empty_like(room)
    counts[order] = np.clip(count - before, 0, room_in_order)
    return counts


@frozen
class BestFit:
    """The agent that keeps the least free, shares of cpu and memory added. The textbook's."""

    name: str = "best-fit"
    unasked_label: float = 0.0

    def score(self, fleet: Fleet, rows: Rows | slice, left_cpu: Ints, left_memory: Ints) -> Floats:
        """What would stay free."""
        result: Floats = left_cpu.astype(np.float32) * fleet.cpu_unit[rows]
        result += left_memory.astype(np.float32) * fleet.memory_unit[rows]
        return result

    def deal(self, scores: Floats, room: Ints, there: Ints | None, count: int) -> Ints:
        """Fill whole agents."""
        return _fill(scores, room, count)


@frozen
class Pack:
    """
    As few machines as can be, and no resource stranded.

    In this order: an agent with fewer labels that the pod did not ask for, so that
    who asks for them finds room; one that has pods before one that has none; and then
    * among agents with pods, best fit in units of the mean machine, so that a small
      remainder of a large machine counts for what it is, plus a fine for a lopsided
      remainder, of which one half could not be used (the alignment of Grandl et al.,
      Multi-resource packing for cluster schedulers, SIGCOMM 2014, as a distance);
    * among empty ones, the largest whose cpu and memory are in proportion to
      the fleet's. A machine with uncommonly much of one is left for those who
      need that much (what is scarce is not given to who can do without: Weng et al.,
      Beware of fragmentation, USENIX ATC 2023, and Verma et al., Large-scale cluster
      management at Google with Borg, EuroSys 2015, on stranded resources).
    Measured by benchmarks/decisions.py, where half or twice of each weight changes
    little. To open an empty machine sooner than to use a label in vain costs
    a tenth more machines in use, and saves two of a hundred in the smallest fleet.
    """

    name: str = "pack"
    unasked_label: float = 100.0
    opening: float = 20.0
    lopsided: float = 0.5
    scarce: float = 3.0

    def score(self, fleet: Fleet, rows: Rows | slice, left_cpu: Ints, left_memory: Ints) -> Floats:
        """What would stay free, or for an empty agent what it is to use it up."""
        cpu, memory = left_cpu.astype(np.float32), left_memory.astype(np.float32)
        result: Floats = cpu * np.float32(1 / fleet.mean_cpu)
        result += memory * np.float32(1 / fleet.mean_memory)
        cpu *= fleet.cpu_unit[rows]
        memory *= fleet.memory_unit[rows]
        cpu -= memory
        result += np.abs(cpu) * np.float32(self.lopsided)
        pods = fleet.pods[rows]
        if not pods.all():
            size_cpu = fleet.total_cpu[rows] * np.float32(1 / fleet.mean_cpu)
            size_memory = fleet.total_memory[rows] * np.float32(1 / fleet.mean_memory)
            whole = np.float32(self.scarce) * np.abs(size_cpu - size_memory)
            whole -= np.minimum(size_cpu, size_memory)
            whole += np.float32(self.opening)
            np.copyto(result, whole, where=pods == 0)
        return result

    def deal(self, scores: Floats, room: Ints, there: Ints | None, count: int) -> Ints:
        """Fill whole agents."""
        return _fill(scores, room, count)


POLICIES: dict[str, Policy] = {policy.name: policy for policy in (Pack(), Spread(), BestFit())}
