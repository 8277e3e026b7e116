"""Those who wait until something is new: the schedulers' long polls."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from galaxy.protocol.statuses import GalaxyError


class Waiting:
    """Any number of waiters, each with a time after which it waits no more."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiters: dict[Deferred[None], None] = {}

    async def wait(self, longest_s: float) -> None:
        """Until `wake`, at most so long. GalaxyError: what `end` was told."""
        waiter: Deferred[None] = Deferred(self._forget)
        self._waiters[waiter] = None
        timer = self._clock.callLater(longest_s, self._enough, waiter)
        try:
            await waiter
        finally:
            if timer.active():
                timer.cancel()

    def wake(self) -> None:
        """Something is new."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter.callback(None)

    def end(self, error: GalaxyError) -> None:
        """There will be nothing new."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter.errback(error)

    def _enough(self, waiter: Deferred[None]) -> None:
        self._forget(waiter)
        waiter.callback(None)

    def _forget(self, waiter: Deferred[None]) -> None:
        self._waiters.pop(waiter, None)
