"""
What remains of dead pods, and for how long. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import frozen

from galaxy.agent.records import PodKey

HANDFUL = 8  # that go at once for want of room, before it is looked at again


@frozen
class Retention:
    """
    For how long what remains of a pod is kept, how many of them, on how full a disk, and how
    many bytes in all.
    """

    keep_s: float
    most: int
    least_free_share: float
    most_bytes: int


def collectable(
    died: Mapping[PodKey, float],
    now: float,
    free_share: float,
    kept: Retention,
    sizes: Mapping[PodKey, int],
) -> list[PodKey]:
    """
    What is to be deleted now, the oldest first; of what is too much for its size, from
    the job that has most.

    `died`: when each pod was forgotten. `free_share`: how much of the disk is free, of
    its space or of its inodes, whichever is less. `sizes`: of those that were weighed.
    """
    oldest_first = sorted(died, key=lambda key: (died[key], key))
    too_many = max(0, len(oldest_first) - kept.most)
    late = sum(when + kept.keep_s <= now for when in died.values())
    crowded = HANDFUL if free_share < kept.least_free_share else 0
    count = max(too_many, late, crowded)
    return oldest_first[:count] + _too_heavy(oldest_first[count:], sizes, kept.most_bytes)


def _too_heavy(
    oldest_first: Iterable[PodKey], sizes: Mapping[PodKey, int], most_bytes: int
) -> list[PodKey]:
    """So that one job which leaves much takes nothing from those that leave little."""
    jobs: dict[str, list[PodKey]] = {}
    held: Counter[str] = Counter()
    for key in oldest_first:
        if size := sizes.get(key, 0):
            jobs.setdefault(key.job_id, []).append(key)
            held[key.job_id] += size
    going: list[PodKey] = []
    beyond = held.total() - most_bytes
    while beyond > 0:
        job = max(held, key=lambda job: (held[job], job))
        key = jobs[job].pop(0)
        going.append(key)
        held[job] -= sizes[key]
        beyond -= sizes[key]
    return going
