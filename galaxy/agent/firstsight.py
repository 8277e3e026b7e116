"""
Whether what runs has been seen since this agent began.

Until then its pods are as they were remembered, and none of them counts as
healthy; whoever asks waits, for a bounded time.
"""

from __future__ import annotations

from enum import Enum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class _Sight(Enum):
    AWAITED = "nothing is known of what runs"
    BEING_HAD = "it is known, and pods are being looked at"
    HAD = "every pod was looked at"


class FirstSight:
    """The first look at all that runs, and those who wait for what comes of it."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._sight = _Sight.AWAITED
        self._waiting: list[Deferred[None]] = []

    @property
    def awaited(self) -> bool:
        """Whether nothing is known yet of what runs."""
        return self._sight is _Sight.AWAITED

    def come(self) -> None:
        """What runs is known; every pod is to be looked at."""
        if self.awaited:
            self._sight = _Sight.BEING_HAD

    def look_over(self) -> None:
        """All pods that were to be looked at were: if what runs was known, nobody waits longer."""
        if self._sight is _Sight.BEING_HAD:
            self._sight = _Sight.HAD
            for waiting in list(self._waiting):
                self._dismiss(waiting)

    async def had(self, longest_s: float) -> None:
        """Wait until what follows from the first sight is told; not longer than that."""
        if self._sight is _Sight.HAD:
            return
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        timer = self._clock.callLater(longest_s, self._dismiss, waiting)
        try:
            await waiting
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            if timer.active():
                timer.cancel()

    def _dismiss(self, waiting: Deferred[None]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            waiting.callback(None)
