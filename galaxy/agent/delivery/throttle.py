"""
How fast packages may come to this machine, all fetches together. Pure.
"""

from __future__ import annotations

from threading import Lock

from attrs import define, field


@define
class Throttle:
    """
    `bytes_ps` bytes a second; 0: no bound.

    Who has taken a piece waits until its turn is over. Turns follow one another in the order
    in which pieces came, so each of several fetches gets the same share, and what one
    does not take is the others'. Some sources take from a thread.
    """

    bytes_ps: float = 0.0
    _free_at: float = field(default=0.0, init=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def wait_s(self, size: int, now: float) -> float:
        """For how long who has just taken so many bytes is to take no more."""
        if self.bytes_ps <= 0:
            return 0.0
        with self._lock:
            self._free_at = max(self._free_at, now) + size / self.bytes_ps
            return self._free_at - now
