"""
The fewest pods that give so much cpu and memory together. Pure.

By branch and bound: kinds of pods in order of what they give, each taken as often
as it helps and then less often, and left as soon as no set that begins so can be
smaller than the best one known. The first is found greedily.

Note: the budget
    To cover two needs exactly can take for ever: dozens of pods of a dozen kinds. A
    search that has looked at `BUDGET` beginnings of sets ends with the best one it
    has. That happens only to sets of many pods. Even then everybody in the set is
    needed: it would not do without one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

BUDGET = 400


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


def fewest(
    cpu: int, memory: int, kinds: Sequence[Kind], most: int, enough: int = 0
) -> tuple[int, ...] | None:
    """
    How many of each kind; None: it takes more than `most` in all, or all do not suffice.

    Of kinds that give the same the last are taken first. Any set of `enough` will do.
    """
    search = _Search(max(0, cpu), max(0, memory), kinds)
    return search.run(most, enough)


class _Search:
    """The state of one search. `_found` are how many of each of the merged kinds."""

    def __init__(self, cpu: int, memory: int, kinds: Sequence[Kind]) -> None:
        self._needs = cpu, memory
        self._originals = kinds
        # More than is needed helps nobody; what is equal then, is one kind.
        merged: dict[tuple[int, int], list[int]] = {}
        for number, kind in enumerate(kinds):
            gives = min(kind.cpu, cpu), min(kind.memory, memory)
            if any(gives) and kind.count:
                merged.setdefault(gives, []).append(number)
        whole_cpu, whole_memory = max(1, cpu), max(1, memory)
        self._weights = (
            (1, 0),
            (0, 1),
            (whole_memory, whole_cpu),
            (3 * whole_memory, whole_cpu),
            (whole_memory, 3 * whole_cpu),
        )
        self._kinds = sorted(
            (
                Kind(gives[0], gives[1], sum(kinds[number].count for number in numbers))
                for gives, numbers in merged.items()
            ),
            key=lambda kind: -(kind.cpu * whole_memory + kind.memory * whole_cpu),
        )
        self._members = [merged[kind.cpu, kind.memory] for kind in self._kinds]
        # For each weight and position: what one of the kinds from there on is worth, and
        # how many there are, the worthiest first.
        self._worths = [
            [
                sorted(
                    (
                        (for_cpu * kind.cpu + for_memory * kind.memory, kind.count)
                        for kind in self._kinds[position:]
                    ),
                    reverse=True,
                )
                for position in range(len(self._kinds) + 1)
            ]
            for for_cpu, for_memory in self._weights
        ]
        self._taken = [0] * len(self._kinds)
        self._found: list[int] | None = None
        self._best = 0
        self._enough = 0
        self._left = BUDGET

    def run(self, most: int, enough: int) -> tuple[int, ...] | None:
        cpu, memory = self._needs
        self._enough = max(enough, self._bound(0, cpu, memory))
        self._best = most + 1
        if self._enough > most:
            return None
        self._greedily()
        self._go(0, cpu, memory, 0)
        return None if self._found is None else self._of_originals(self._trimmed(self._found))

    def _trimmed(self, found: list[int]) -> list[int]:
        """Nobody is in the set who is not needed, though the search may have been cut."""
        pairs = list(zip(self._kinds, found, strict=True))
        spare_cpu = sum(kind.cpu * many for kind, many in pairs) - self._needs[0]
        spare_memory = sum(kind.memory * many for kind, many in pairs) - self._needs[1]
        kept = []
        for kind, many in pairs:
            left = many
            while left and kind.cpu <= spare_cpu and kind.memory <= spare_memory:
                left -= 1
                spare_cpu, spare_memory = spare_cpu - kind.cpu, spare_memory - kind.memory
            kept.append(left)
        return kept

    def _greedily(self) -> None:
        """One after the other, whoever gives most of what is still needed."""
        cpu, memory = self._needs
        taken = [0] * len(self._kinds)
        while cpu > 0 or memory > 0:
            best, most = -1, 0.0
            for position, kind in enumerate(self._kinds):
                if taken[position] < kind.count:
                    gives = min(kind.cpu, cpu) / cpu if cpu else 0.0
                    gives += min(kind.memory, memory) / memory if memory else 0.0
                    if gives > most:
                        best, most = position, gives
            if best < 0:
                return
            taken[best] += 1
            cpu = max(0, cpu - self._kinds[best].cpu)
            memory = max(0, memory - self._kinds[best].memory)
        if sum(taken) < self._best:
            self._best, self._found = sum(taken), taken

    def _go(self, position: int, cpu: int, memory: int, used: int) -> None:
        """So much is still needed, and so many pods are taken of the kinds before."""
        if self._best <= self._enough or not self._left:
            return
        self._left -= 1
        if not (cpu or memory):
            if used < self._best:
                self._best, self._found = used, self._taken.copy()
            return
        if used + self._bound(position, cpu, memory) >= self._best:
            return
        kind = self._kinds[position]
        helps = max(
            _times(cpu, kind.cpu) if kind.cpu else 0,
            _times(memory, kind.memory) if kind.memory else 0,
        )
        for taken in range(min(kind.count, helps), -1, -1):
            self._taken[position] = taken
            left_cpu, left_memory = cpu - taken * kind.cpu, memory - taken * kind.memory
            self._go(position + 1, max(0, left_cpu), max(0, left_memory), used + taken)
        self._taken[position] = 0

    def _bound(self, position: int, cpu: int, memory: int) -> int:
        """No fewer will do, whichever of the weights the needs are added by."""
        bound = 0
        for (for_cpu, for_memory), worths in zip(self._weights, self._worths, strict=True):
            need, count = for_cpu * cpu + for_memory * memory, 0
            for worth, there in worths[position]:
                if need <= 0:
                    break
                taken = min(there, _times(need, worth))
                need -= taken * worth
                count += taken
            bound = max(bound, count if need <= 0 else _NEVER)
        return bound

    def _of_originals(self, found: list[int]) -> tuple[int, ...]:
        counts = [0] * len(self._originals)
        for members, many in zip(self._members, found, strict=True):
            left = many
            for number in reversed(members):
                counts[number] = min(left, self._originals[number].count)
                left -= counts[number]
        return tuple(counts)


_NEVER = 1 << 62


def _times(needed: int, each: int) -> int:
    """How often `each` has to be taken."""
    if needed <= 0:
        return 0
    return -(-needed // each) if each else _NEVER
