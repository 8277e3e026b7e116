"""
Files in memory: a tmpfs of a size, mounted on a directory of a pod.

An agent without the right to mount leaves the directory as it is: then the files are on
disk, and are weighed like a volume (`galaxy.agent.storage.quotas`).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from galaxy.libc import MS_NODEV, MS_NOSUID, MS_REMOUNT, mount, unmount


def put(directory: Path, size_bytes: int, owner: tuple[int, int]) -> None:
    """
    See that the directory holds so much, in memory; it is made if need be.

    Raises `OSError`; ENOSPC or EINVAL if what is there is more than that.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    there = is_put(directory)
    if there and _size(directory) == _whole_pages(size_bytes):
        return
    options = f"size={size_bytes},uid={owner[0]},gid={owner[1]},mode=700"
    try:
        flags = MS_NOSUID | MS_NODEV | (MS_REMOUNT if there else 0)
        mount("galaxy", str(directory), "tmpfs", flags, options)
    except PermissionError:
        if os.geteuid() == 0:
            os.chown(directory, *owner)


def is_put(directory: Path) -> bool:
    """Whether something is mounted there."""
    try:
        return directory.stat().st_dev != directory.parent.stat().st_dev
    except FileNotFoundError:
        return False


def take_away(directory: Path) -> None:
    """Unmount what is there, if anything is; what is still open in it goes with its last user."""
    while is_put(directory):
        try:
            unmount(str(directory))
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOENT}:
                raise
            return  # it was unmounted meanwhile


def _size(directory: Path) -> int:
    status = os.statvfs(directory)
    return status.f_blocks * status.f_frsize


def _whole_pages(size_bytes: int) -> int:
    page = os.sysconf("SC_PAGE_SIZE")
    return -(-size_bytes // page) * page
