"""Which open call has had its time. Pure; one heap for a whole connection."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can have a deadline: it knows whether it still matters."""

    open: bool


T = TypeVar("T", bound=Closable)

_SLACK = 1024


class Deadlines(Generic[T]):
    """
    What ended before its deadline stays in the heap, marked; it goes when its
    time comes, or in a sweep once such leftovers are most of the heap.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._numbers = count()
        self._sweep_at = _SLACK

    def add(self, when: float, call: T) -> None:
        """Remember that `call` has until `when`."""
        heap = self._heap
        if len(heap) >= self._sweep_at:
            heap[:] = [entry for entry in heap if entry[2].open]
            heapify(heap)
            self._sweep_at = 2 * len(heap) + _SLACK
        heappush(heap, (when, next(self._numbers), call))

    def expired(self, now: float) -> list[T]:
        """Those still open whose time has come, in order; they are forgotten."""
        heap, late = self._heap, []
        while heap and heap[0][0] <= now:
            call = heappop(heap)[2]
            if call.open:
                late.append(call)
        return late

    def next(self) -> float | None:
        """When to look again; None: nothing has a deadline."""
        heap = self._heap
        while heap and not heap[0][2].open:
            heappop(heap)
        return heap[0][0] if heap else None

    def __len__(self) -> int:
        return len(self._heap)
