"""
What remains of dead pods, and for how long. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from galaxy.agent.records import PodKey

HANDFUL = 8  # that go at once for want of room, before it is looked at again


@frozen
class Retention:
    """For how long what remains of a pod is kept, how many of them, and on how full a disk."""

    keep_s: float
    most: int
    least_free_share: float


def collectable(
    died: Mapping[PodKey, float], now: float, free_share: float, kept: Retention
) -> list[PodKey]:
    """
    What is to be deleted now, the oldest first.

    `died`: when each pod was forgotten. `free_share`: how much of the disk is free, of
    its space or of its inodes, whichever is less.
    """
    oldest_first = sorted(died, key=lambda key: (died[key], key))
    too_many = max(0, len(oldest_first) - kept.most)
    late = sum(when + kept.keep_s <= now for when in died.values())
    crowded = HANDFUL if free_share < kept.least_free_share else 0
    return oldest_first[: max(too_many, late, crowded)]
