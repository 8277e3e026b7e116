"""
The disks that io is bounded and counted on: what is mounted, and /sys/dev/block. Pure.

The kernel bounds whole disks, not partitions, so a file system stands for the disk
that it is on. A logical volume or a loop device is a disk of its own here: bounds
are set where the file system is. Bytes are counted once, on the machine's own disks below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from attrs import frozen

from galaxy.gce.mounts import mounts_in

_VIRTUAL = "/devices/virtual/"


@frozen
class Disks:
    """Numbers of devices ("8:0"): those to bound, and those whose bytes count."""

    bounded: tuple[str, ...] = ()
    counted: frozenset[str] = frozenset()
    reason: str = ""  # why not everything that is written to is bounded; may be empty


def disks(
    mountinfo: str,
    links: Mapping[str, str],
    directory: str,
    number_of: Callable[[str], str],
) -> Disks:
    """
    The disks of this machine; `directory` is where the pods live.

    `links` are the targets of the links in /sys/dev/block, by number. `number_of` is
    the number of the device that a path such as /dev/sda1 is; empty: of none.
    """
    numbers = {target: number for number, target in links.items()}

    def disk_of(number: str) -> str:
        """The disk that a device is on, or is; empty: no disk."""
        if number not in links:
            return ""
        return numbers.get(os.path.dirname(links[number]), number)

    bounded: dict[str, None] = {}
    home, kind = "", ""
    longest = -1
    for mount in mounts_in(mountinfo):
        disk = disk_of(mount.device)
        if not disk and mount.source.startswith("/"):
            disk = disk_of(number_of(mount.source))  # btrfs shows a number of its own
        if disk:
            bounded[disk] = None
        if _is_within(directory, mount.path) and len(mount.path) >= longest:
            home, kind, longest = disk, mount.kind, len(mount.path)
    real = {disk for disk in map(disk_of, links) if _VIRTUAL not in links[disk]}
    reason = "" if home else f"io in {directory} is not bounded: {kind} has no disk of its own"
    return Disks(tuple(bounded), frozenset(real or bounded), reason)


def _is_within(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")
