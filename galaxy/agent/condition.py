"""
How the machine is now: read from the kernel, judged by `galaxy.agent.wellness`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import psutil
from attrs import field, frozen

from galaxy.agent.wellness import Reading

_EXT4 = Path("/sys/fs/ext4")


@frozen
class MachineCondition:
    """
    This machine. `directories` are those whose file systems pods fill; one that was there is
    gone when there is none by its name, or another: a disk that is not mounted any more.
    """

    directories: Sequence[Path]
    ext4: Path = _EXT4
    _seen: dict[Path, os.stat_result] = field(factory=dict, init=False)

    def read(self) -> Reading:
        """
        A reading; of the processors, since the one before.

        May block: a file system that does not answer is waited for.
        """
        there = {path: path.stat() for path in self.directories if path.is_dir()}
        gone = [str(path) for path in self.directories if self._has_gone(path, there.get(path))]
        found = {path: os.statvfs(path) for path in there}
        disks = found.values()
        closed = (str(path) for path, disk in found.items() if disk.f_flag & os.ST_RDONLY)
        memory = psutil.virtual_memory()
        return Reading(
            cpu=psutil.cpu_percent(interval=None) / 100,
            load=os.getloadavg()[0] / len(os.sched_getaffinity(0)),
            memory=1 - memory.available / memory.total,
            disk=max(map(_space_used, disks), default=None),
            inodes=max(map(_inodes_used, disks), default=None),
            disk_errors=self._errors(),
            read_only=next(closed, ""),
            gone=next(iter(gone), ""),
        )

    def _has_gone(self, path: Path, now: os.stat_result | None) -> bool:
        if now is None:
            return path in self._seen
        return not os.path.samestat(self._seen.setdefault(path, now), now)

    def _errors(self) -> int:
        counts = self.ext4.glob("*/errors_count")
        return sum(int(path.read_text(encoding="ascii")) for path in counts)


def _space_used(disk: os.statvfs_result) -> float:
    """As df counts: what is kept for root is not there."""
    used = disk.f_blocks - disk.f_bfree
    whole = used + disk.f_bavail
    return used / whole if whole else 0.0


def _inodes_used(disk: os.statvfs_result) -> float:
    """0 where the file system makes as many as are wanted."""
    return 1 - disk.f_favail / disk.f_files if disk.f_files else 0.0
