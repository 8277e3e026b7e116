"""
What a directory holds, whatever those who own it do meanwhile.

Links are not followed, other file systems not entered, a file with several names counts
once. Directories are opened from the one above them, so that none can be exchanged
for a link in between; nested more deeply than `DEEPEST` they are not looked into.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from attrs import define, field

from galaxy.agent.storage.quotas import LEAST_BYTES, Weight

DEEPEST = 200
_LAST = 19  # of priorities; on Linux each thread has its own
_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's are

P = ParamSpec("P")
T = TypeVar("T")


def gently(work: Callable[P, T]) -> Callable[P, T]:
    """The same work, in a thread that from then on comes last."""

    def last(*args: P.args, **named: P.kwargs) -> T:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)
        return work(*args, **named)

    return last


def weigh(directory: str, enough_bytes: int) -> Weight:
    """
    What the files below a directory take; one that is not there holds nothing.

    No more is looked at once that is more than `enough_bytes`.
    """
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return Weight(0)
    walk = _Walk(enough_bytes, os.fstat(fd).st_dev)
    walk.through(fd)
    return Weight(walk.size_bytes, walk.deep, walk.device)


@define
class _Walk:
    """One walk through one tree."""

    enough_bytes: int
    device: int
    size_bytes: int = 0
    deep: bool = False
    _several: set[int] = field(factory=set)

    def through(self, root: int) -> None:
        """Weigh all below a directory, whose descriptor is closed."""
        stack = [(root, iter(self._inside(root)))]
        try:
            while stack and self.size_bytes <= self.enough_bytes:
                fd, inside = stack[-1]
                name = next(inside, None)
                if name is None:
                    os.close(stack.pop()[0])
                    continue
                below = self._entered(fd, name)
                if below is None:
                    continue
                if len(stack) >= DEEPEST:
                    os.close(below)
                    self.deep = True
                    return
                stack.append((below, iter(self._inside(below))))
        finally:
            for fd, _inside in stack:
                os.close(fd)

    def _inside(self, fd: int) -> Iterator[str]:
        """Weigh the files in a directory; the names of those in it that are directories."""
        with os.scandir(fd) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if status.st_dev != self.device:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    self.size_bytes += max(LEAST_BYTES, status.st_blocks * _BLOCK_BYTES)
                    yield entry.name
                    continue
                if status.st_nlink > 1:
                    if status.st_ino in self._several:
                        continue
                    self._several.add(status.st_ino)
                self.size_bytes += max(LEAST_BYTES, status.st_blocks * _BLOCK_BYTES)
                if self.size_bytes > self.enough_bytes:
                    return

    def _entered(self, fd: int, name: str) -> int | None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        try:
            below = os.open(name, flags, dir_fd=fd)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None  # gone, a link by now, or closed to an agent that is not root
        if os.fstat(below).st_dev == self.device:
            return below
        os.close(below)
        return None
