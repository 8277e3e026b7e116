"""
A `Clock` that keeps what is to come in a heap: a run has many thousands of timers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock


class _Due(DelayedCall):
    """A call; of those that are due together, the one that was asked for first comes first."""

    number = 0

    def reset(self, secondsFromNow: float) -> None:  # noqa: N803 - as there
        """Put it off, or bring it forward."""
        super().reset(secondsFromNow)
        self.resetter(self)

    def delay(self, secondsLater: float) -> None:  # noqa: N803 - as there
        """Put it off, or bring it forward."""
        super().delay(secondsLater)
        self.resetter(self)


class Timeline(Clock):
    """As `Clock`, at the cost of a heap where that sorts."""

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, _Due]] = []
        self._numbers = count()

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002 - as IReactorTime has it
        *args: object,
        **kw: object,
    ) -> IDelayedCall:
        """Call, when time has advanced so far."""
        at = self.rightNow + delay
        call = _Due(at, callable, args, kw, _nothing, self._push, self.seconds)
        call.number = next(self._numbers)
        self._push(call)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Those that were neither made nor cancelled."""
        return list({id(call): call for _, _, call in self._heap if call.active()}.values())

    def advance(self, amount: float) -> None:
        """Let time pass, and make the calls that are due."""
        self.rightNow += amount
        while self.next_due() <= self.rightNow:
            call = heappop(self._heap)[2]
            call.called = 1
            call.func(*call.args, **call.kw)

    def next_due(self) -> float:
        """When the next call is to be made; infinity: there is none."""
        heap = self._heap
        while heap:
            at, _, call = heap[0]
            due = call.getTime()
            if due == at and call.active():
                return at
            heappop(heap)  # cancelled, or there once more with another time
        return float("inf")

    def _push(self, call: Any) -> None:
        heappush(self._heap, (call.getTime(), call.number, call))


def _nothing(_: object) -> None:
    """What was cancelled is passed over when its time comes."""
