"""
One process's view of time: what a kill ends, a stop holds back, and a bad crystal bends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

_STOPPED_S = 1e9
_PRUNE = 64


@implementer(IReactorTime)
class ProcessClock:
    """
    The clock of a cluster as one process has it.

    `offset_s` is how wrong it is, `drift` by how much it is too fast. `stop` and
    `go_on` are SIGSTOP and SIGCONT: what was due meanwhile rings late, in its order.
    """

    def __init__(self, clock: Clock, offset_s: float = 0.0, drift: float = 0.0) -> None:
        self._clock = clock
        self._offset_s = offset_s - drift * clock.seconds()
        self._rate = 1.0 + drift
        self._alive = True
        self._stopped = False
        self._calls: list[IDelayedCall] = []
        self._enough = _PRUNE

    def seconds(self) -> float:
        """The time, as this process believes it to be."""
        return self._clock.seconds() * self._rate + self._offset_s

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - as IReactorTime has it
        *args: Any,
        **kwargs: Any,
    ) -> IDelayedCall:
        """Call, unless the process is dead by then."""

        def ring() -> None:
            if self._alive:
                callable(*args, **kwargs)

        if len(self._calls) > self._enough:
            self._calls = [call for call in self._calls if call.active()]
            self._enough = 2 * len(self._calls) + _PRUNE
        real = delay / self._rate + (_STOPPED_S if self._stopped else 0.0)
        call = self._clock.callLater(real, ring)
        self._calls.append(call)
        return call

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Those of this process."""
        return [call for call in self._calls if call.active()]

    def die(self) -> None:
        """Nothing rings any more."""
        self._alive = False

    def stop(self) -> None:
        """Nothing rings until `go_on`."""
        self._put_off(_STOPPED_S)
        self._stopped = True

    def go_on(self) -> None:
        """Whatever is due rings as soon as the clock moves."""
        if self._stopped:
            self._put_off(-_STOPPED_S)
            self._stopped = False

    def _put_off(self, seconds: float) -> None:
        for call in self._calls:
            if call.active():
                call.delay(seconds)
