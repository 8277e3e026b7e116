"""
How long a slot whose pod was given up waits before it is placed again. Pure.

Each failure doubles the wait, up to five minutes; a pod that ran for ten minutes
makes the earlier ones forgotten. Slots that failed together do not come back
together: each wait is somewhere between half of that and all of it, and where is
drawn from the slot's name, so that the same history gives the same waits.
"""

from __future__ import annotations

from zlib import crc32

from attrs import frozen

SHORTEST_S = 1.0
LONGEST_S = 300.0
FORGOTTEN_S = 600.0
"""How long a pod must have had its machine for its earlier failures not to count."""


@frozen
class Setback:
    """A slot has failed so many times in a row, and is not placed again before `until`."""

    count: int
    until: float


def longest_wait_s(count: int) -> float:
    """The most that a slot waits after so many failures in a row."""
    return float(min(LONGEST_S, SHORTEST_S * 2 ** min(count - 1, 30)))


def setback(before: Setback | None, slot: str, placed: float, now: float) -> Setback:
    """
    A slot's pod, which had its machine since `placed`, was given up.

    `before`: what was so when that pod began. `slot`: the pod's id.
    """
    lasted = now - placed
    count = 1 if before is None or lasted >= FORGOTTEN_S else before.count + 1
    drawn = crc32(f"{slot} {count}".encode()) / 0xFFFFFFFF
    return Setback(count, now + longest_wait_s(count) * (0.5 + drawn / 2))
