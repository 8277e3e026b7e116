"""
The fewest pods that give so much cpu and memory together. Pure.

Exact, by branch and bound: kinds of pods in order of what they give, each taken
as often as it helps and then less often, and left as soon as no set that begins
so can be smaller than the best one known.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class Kind:
    """`count` pods that give the same."""

    cpu: int
    memory: int
    count: int


def at_least(cpu: int, memory: int, kinds: Sequence[Kind]) -> int:
    """No set of fewer pods can give so much; quickly had, and not exact."""
    return max(
        _times(cpu, max((kind.cpu for kind in kinds), default=0)),
        _times(memory, max((kind.memory for kind in kinds), default=0)),
    )


def fewest(cpu: int, memory: int, kinds: Sequence[Kind], most: int) -> int | None:
    """How many pods it takes; None: more than `most`, or all do not suffice."""
    search = _Search(max(0, cpu), max(0, memory), kinds, most)
    search.go(0, max(0, cpu), max(0, memory), 0)
    return search.best if search.best <= most else None


class _Search:
    """The state of one search. Note: two resources are compared in shares of what is needed."""

    def __init__(self, cpu: int, memory: int, kinds: Sequence[Kind], most: int) -> None:
        self._scale = max(1, cpu), max(1, memory)
        # More than is needed helps nobody; what is equal then, is one kind.
        merged: dict[tuple[int, int], int] = {}
        for kind in kinds:
            gives = min(kind.cpu, cpu), min(kind.memory, memory)
            if any(gives) and kind.count:
                merged[gives] = merged.get(gives, 0) + kind.count
        self._kinds = sorted(merged.items(), key=lambda item: -self._worth(*item[0]))
        # By position: the most that one pod of the kinds from there on gives.
        self._most = [(0, 0, 0)]
        for (each_cpu, each_memory), _ in reversed(self._kinds):
            before = self._most[-1]
            worth = self._worth(each_cpu, each_memory)
            after = max(each_cpu, before[0]), max(each_memory, before[1]), max(worth, before[2])
            self._most.append(after)
        self._most.reverse()
        self.best = most + 1

    def go(self, position: int, cpu: int, memory: int, used: int) -> None:
        """So much is still needed, and so many pods are taken of the kinds before."""
        if not (cpu or memory):
            self.best = min(self.best, used)
            return
        if used + self._bound(position, cpu, memory) >= self.best:
            return
        (each_cpu, each_memory), count = self._kinds[position]
        enough = max(
            _times(cpu, each_cpu) if each_cpu else 0,
            _times(memory, each_memory) if each_memory else 0,
        )
        for taken in range(min(count, enough), -1, -1):
            left_cpu = max(0, cpu - taken * each_cpu)
            left_memory = max(0, memory - taken * each_memory)
            self.go(position + 1, left_cpu, left_memory, used + taken)

    def _bound(self, position: int, cpu: int, memory: int) -> int:
        most_cpu, most_memory, most_worth = self._most[position]
        return max(
            _times(cpu, most_cpu),
            _times(memory, most_memory),
            _times(self._worth(cpu, memory), most_worth),
        )

    def _worth(self, cpu: int, memory: int) -> int:
        whole_cpu, whole_memory = self._scale
        return cpu * whole_memory + memory * whole_cpu


_NEVER = 1 << 62


def _times(needed: int, each: int) -> int:
    """How often `each` has to be taken."""
    if needed <= 0:
        return 0
    return -(-needed // each) if each else _NEVER
