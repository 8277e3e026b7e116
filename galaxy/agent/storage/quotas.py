"""
How much of a disk a pod may hold, when it holds too much, and when to look again. Pure.

Each part of a pod that lies on a disk has a quota: its directory (workspaces, /tmp, logs),
and each of its volumes. Where the file system can hold it, it does; what it cannot is
measured by `galaxy.agent.storage.scales`.

Note: what a file weighs
    What its blocks take, or `LEAST_BYTES`, whichever is more: a million empty files have no
    blocks, and fill a file system all the same. What is sparse weighs what is there of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, frozen

from galaxy.resources import format_size

LEAST_BYTES = 4096
"""What a file weighs at least; where file systems hold the quota, the bytes to an inode."""

FASTEST_BYTES_S = 1 << 30
SHORTEST_LOOK_S, LONGEST_LOOK_S = 1.0, 15.0
SHARE = 0.2
"""How much of the time is spent on looking at one directory, at most."""


@frozen(order=True)
class Part:
    """A directory of a pod that has a quota; `what` it is, for people."""

    what: str
    directory: str
    quota_bytes: int


@frozen
class Weight:
    """
    What a directory holds, as far as it was looked through: not to the end if it is over
    its quota anyway, or if it is too `deep` to be. Of that, `unlinked_bytes` are in deleted
    files that are open. `device`: of its file system.
    """

    size_bytes: int
    deep: bool = False
    device: int = 0
    unlinked_bytes: int = 0


def with_unlinked(
    weighed: Iterable[tuple[Part, Weight]], sizes: Mapping[int, int]
) -> list[tuple[Part, Weight]]:
    """
    The weights with what there is in deleted files that are open, by device.

    In which directory they were nobody knows: they count in the first on the device.
    """
    left = dict(sizes)
    told = []
    for part, weight in weighed:
        hidden = left.pop(weight.device, 0)
        size = weight.size_bytes + hidden
        told.append((part, evolve(weight, size_bytes=size, unlinked_bytes=hidden)))
    return told


def excess(weighed: Iterable[tuple[Part, Weight]]) -> str:
    """What a pod holds beyond what it may; "" if nothing."""
    for part, weight in weighed:
        if weight.deep:
            return f"{part.what} has directories nested so deeply that it cannot be measured"
        if weight.size_bytes > part.quota_bytes:
            held, granted = format_size(weight.size_bytes), format_size(part.quota_bytes)
            if held == granted:
                held = f"more than {granted}"
            hidden = weight.unlinked_bytes
            told = f", {format_size(hidden)} of it in deleted files" if hidden else ""
            return f"{part.what} holds {held}, granted {granted}{told}"
    return ""


def next_look_s(weighed: Iterable[tuple[Part, Weight]], took_s: float) -> float:
    """
    In how many seconds to look again: about when it could be full, if it is filled as fast
    as disks are; but looking is to take no more than its share of the time.
    """
    rooms = [max(0, part.quota_bytes - weight.size_bytes) for part, weight in weighed]
    soon_s = min(rooms, default=0) / FASTEST_BYTES_S
    return max(took_s / SHARE, min(LONGEST_LOOK_S, max(SHORTEST_LOOK_S, soon_s)))
