"""
Whom to dial, and when: the leader as discovery tells of it, and pauses between attempts.

For whoever keeps a connection to the leader for as long as it lives: agents, schedulers.

Note: ten thousand at once
    When another leads, all of a fleet are told at the same moment. Each goes there at a
    moment of its own within `interval_s / 5`; the interval is the one that the master gives
    for heartbeats, and grows with the fleet. So a new leader meets five times as many
    connections a second as it wants heartbeats, and no more, however large the fleet.
    A connection that breaks while the leader stays is tried again quickly, and then
    at pauses that double and are blurred.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from galaxy.nexus.interfaces import IDiscovery, IWatch, Leader

LONGEST_PAUSE_S = 2.0
_LARGE_FLEET_S = 5.0  # a share of the interval is never longer


def arrival_s(interval_s: float, chance: float) -> float:
    """When to go to another leader, from now on; `chance` is from [0, 1)."""
    return min(_LARGE_FLEET_S, interval_s / 5) * chance


def pause_s(failures: int, interval_s: float, chance: float) -> float:
    """How long to wait after so many failures in a row, at least one, with one leader."""
    first = min(LONGEST_PAUSE_S, interval_s / 10)
    longest = min(max(LONGEST_PAUSE_S, arrival_s(interval_s, 1)), first * 2.0 ** min(failures, 20))
    return longest * (0.5 + chance / 2)


class Following:
    """
    The leader, followed. `moved(leader)`: another leads than the one that `next` named.

    One at a time asks `next`, and says how it went: `works`, `failed`.
    """

    def __init__(
        self,
        discovery: IDiscovery,
        clock: IReactorTime,
        rng: Random,
        moved: Callable[[Leader], None],
    ) -> None:
        self.leader: Leader | None = None
        self._discovery = discovery
        self._clock = clock
        self._rng = rng
        self._moved = moved
        self._interval_s = 0.0
        self._failures = 0
        self._went_to: Leader | None = None
        self._watch: IWatch | None = None
        self._waiting: Deferred[bool] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._watch = self._discovery.watch_leader(self._changed)

    def stop(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.stop()

    async def next(self) -> Leader:
        """Whom to dial, as soon as there is a leader and its time has come."""
        while True:
            leader = self.leader
            if leader is None:
                await self._news(None)
            elif not await self._news(self._wait_s(leader)) and leader == self.leader:
                self._went_to = leader
                return leader

    def works(self, interval_s: float = 1.0) -> None:
        """The leader answers: the next failure is the first. It wants to hear so often."""
        self._failures = 0
        self._interval_s = interval_s

    def failed(self) -> int:
        """The one that `next` named is of no use; how often in a row so far."""
        self._failures += 1
        if self._went_to is not None:
            self._discovery.unreachable(self._went_to.endpoint)
        return self._failures

    def _wait_s(self, leader: Leader) -> float:
        """
        The time until it may be dialled.

        Only an epoch makes another address another leader: without one, discovery
        offers what it was told, in turn.
        """
        chance = self._rng.random()
        if leader.epoch and leader != self._went_to:
            self._failures = 0
            return arrival_s(self._interval_s, chance) if self._went_to else 0.0
        if self._failures:
            return pause_s(self._failures - 1, max(1.0, self._interval_s), chance)
        return 0.0

    async def _news(self, longest_s: float | None) -> bool:
        """Wait until another leads, at most so long; whether that is so."""
        if longest_s == 0.0:
            return False
        waiting = self._waiting = Deferred()
        timer = None if longest_s is None else self._clock.callLater(longest_s, self._wake, False)
        try:
            return await waiting
        finally:
            self._waiting = None
            if timer is not None and timer.active():
                timer.cancel()

    def _wake(self, news: bool) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(news)

    def _changed(self, leader: Leader | None) -> None:
        if leader == self.leader:
            return
        self.leader = leader
        if leader is not None:
            if self._went_to is None or self._went_to.endpoint != leader.endpoint:
                self._moved(leader)
            self._wake(True)
