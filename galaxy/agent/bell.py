"""
A bell: wait until it rings, or for a time.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class Bell:
    """For one who waits, and any who ring. Rung while nobody waits, it rings at once later."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._rung = False
        self._waiting: Deferred[bool] | None = None

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(True)

    def silence(self) -> None:
        """Forget that it was rung."""
        self._rung = False

    async def wait(self, longest_s: float) -> bool:
        """Wait until it rings, at most so long; whether it rang. It is silent afterwards."""
        if not self._rung:
            waiting = self._waiting = Deferred()
            timer = self._clock.callLater(longest_s, self._over)
            try:
                await waiting
            finally:
                self._waiting = None
                if timer.active():
                    timer.cancel()
        rung, self._rung = self._rung, False
        return rung

    def _over(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(False)
