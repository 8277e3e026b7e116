"""
Paths, gone along from a root and never out of it.

Others own what lies there, and may change it while we look. So a path is walked
component by component, each opened in the directory that was opened before and never
through a link; where links lead is walked by us in the same way. What was opened is
what is read, whatever its name leads to by now.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable
from pathlib import Path

from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kInputError, kPermission

MOST_LINKS = 40
MOST_DEPTH = 100
LONGEST_PATH = 4096

_OPEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Walk:
    """
    On the way below a directory. Each step is a descriptor that only names (O_PATH).

    `admit` is asked before anything is looked for below a step, or done with it; what it
    raises ends the walk.
    """

    def __init__(self, root: Path, admit: Callable[[int], object] = lambda _step: None) -> None:
        """Raises `OSError`."""
        self._root = os.fsencode(root).rstrip(b"/")
        self._steps = [os.open(root, _OPEN | os.O_DIRECTORY)]
        self._links = 0
        self._admit = admit

    @property
    def here(self) -> int:
        """Where the walk has got to."""
        return self._steps[-1]

    def go(self, path: bytes) -> None:
        """Go along a path. Raises `OSError`, and `GalaxyError` where it leads out."""
        if len(path) > LONGEST_PATH or b"\0" in path:
            raise GalaxyError(kInputError, "this is no path")
        parts = deque(self._inside(path).split(b"/"))
        while parts:
            part = parts.popleft()
            if part == b"..":
                self._up()
            elif part not in {b"", b"."}:
                target = self._down(part)
                if target is not None:
                    parts.extendleft(reversed(self._inside(target).split(b"/")))

    def close(self) -> None:
        """Let go of everything."""
        while self._steps:
            os.close(self._steps.pop())

    def _inside(self, path: bytes) -> bytes:
        """A path to go along from here; an absolute one is gone along from the beginning."""
        if not path.startswith(b"/"):
            return path
        if path != self._root and not path.startswith(self._root + b"/"):
            raise GalaxyError(kPermission, "it leads out of the pod's directory")
        while len(self._steps) > 1:
            os.close(self._steps.pop())
        return path[len(self._root) :]

    def _up(self) -> None:
        if len(self._steps) > 1:
            os.close(self._steps.pop())
        elif self._root:
            raise GalaxyError(kPermission, "it leads out of the pod's directory")

    def _down(self, part: bytes) -> bytes | None:
        """One step; where it leads, if it is a link."""
        if len(self._steps) > MOST_DEPTH:
            raise GalaxyError(kInputError, f"it is more than {MOST_DEPTH} directories deep")
        try:
            # As a directory: also one that is only mounted when somebody goes there.
            step = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=self.here)
        except NotADirectoryError:
            step = os.open(part, _OPEN, dir_fd=self.here)
        if not stat.S_ISLNK(os.fstat(step).st_mode):
            self._steps.append(step)
            self._admit(step)
            return None
        try:
            self._links += 1
            if self._links > MOST_LINKS:
                raise GalaxyError(kInputError, "there are too many links on the way")
            return os.readlink(b"", dir_fd=step)
        finally:
            os.close(step)


def readable(place: int) -> int:
    """The same thing, opened to be read. Opening anything else may wait, or do something."""
    mode = os.fstat(place).st_mode
    if stat.S_ISDIR(mode):
        return os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
    if stat.S_ISREG(mode):
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    raise GalaxyError(kInputError, "it is neither a file nor a directory")
