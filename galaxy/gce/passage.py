"""
A way to a workspace that lies below a directory the task's user may not enter.

People keep clusters below their homes, which others cannot enter; a task that runs
as another user could not even open its own files by their paths. In a mount
namespace of its own such a task gets an empty directory in place of the closed
one, with the way to its workspace and nothing else in it: the paths are the same,
and the rest of the home stays out of sight. Called between fork and exec, as root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from galaxy.gce.kernel import CLONE_NEWNS, unshare
from galaxy.libc import MS_BIND, MS_NODEV, MS_NOSUID, MS_REC, MS_SLAVE, mount

_SEARCH = 0o1


def closed_ancestor(directory: str, uid: int, gids: Sequence[int]) -> str | None:
    """The uppermost directory on the way that the user may not enter; None if all are open."""
    for ancestor in _way(directory):
        status = os.stat(ancestor)
        if status.st_uid == uid:
            bits = status.st_mode >> 6
        elif status.st_gid in gids:
            bits = status.st_mode >> 3
        else:
            bits = status.st_mode
        if not bits & _SEARCH:
            return ancestor
    return None


def open_passage(directory: str, uid: int, gids: Sequence[int]) -> None:
    """See to it that the user can reach the directory, in this process and its children."""
    closed = closed_ancestor(os.path.dirname(directory), uid, gids)
    if closed is None:
        return
    unshare(CLONE_NEWNS)
    mount("none", "/", "", MS_REC | MS_SLAVE)  # what happens here stays here
    target = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount("none", closed, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755")
        os.makedirs(directory, mode=0o755)
        mount(f"/proc/self/fd/{target}", directory, "", MS_BIND)
    finally:
        os.close(target)


def _way(directory: str) -> Iterator[str]:
    parts = directory.strip("/").split("/")
    return ("/" + "/".join(parts[:number]) for number in range(len(parts) + 1))
