"""
Counters of control groups, read often.

A descriptor that is kept costs a tenth of a file that is opened each time
(docs/benchmarks.md), so as many are kept as `most` says; the rest are opened each time.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Collection, Iterator

from galaxy.gce.cgroups import is_gone

_LONGEST = 16_384
_SHARE = 2  # of the files that we may open, one in so many is a gauge


def _room() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65536 if soft == resource.RLIM_INFINITY else soft // _SHARE


class Gauges:
    """Files that are read again and again, by the container that they belong to."""

    def __init__(self, most: int | None = None) -> None:
        self._most = _room() if most is None else most
        self._kept = 0
        self._open: dict[str, dict[str, int]] = {}

    def read(self, container: str, path: str) -> bytes:
        """What a file says; nothing when it, or its group, is not there."""
        kept = self._open.get(container, {}).get(path)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if kept is None else kept
            try:
                return os.pread(fd, _LONGEST, 0)
            finally:
                if kept is None:
                    self._keep(container, path, fd)
        except OSError as error:
            if is_gone(error):
                return b""
            raise

    def forget(self, container: str) -> None:
        """Close what is open of a container."""
        for fd in self._open.pop(container, {}).values():
            os.close(fd)
            self._kept -= 1

    def close(self) -> None:
        """Close everything."""
        for container in list(self._open):
            self.forget(container)

    def _keep(self, container: str, path: str, fd: int) -> None:
        if self._kept < self._most:
            self._open.setdefault(container, {})[path] = fd
            self._kept += 1
        else:
            os.close(fd)


def number(text: bytes) -> int:
    """The one number in a file; 0 in none."""
    return int(text or 0)


def named(text: bytes, name: bytes) -> int:
    """A number in a file of "name number" lines; 0 when it is not there."""
    _, found, rest = (b"\n" + text).partition(b"\n" + name + b" ")
    return int(rest.partition(b"\n")[0]) if found else 0


def lines_of(text: bytes, disks: Collection[str]) -> Iterator[list[str]]:
    """Of a file with a line a device and thing, the words of those that tell of these disks."""
    for line in text.decode().splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in disks:
            yield words[1:]
