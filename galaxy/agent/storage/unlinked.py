"""
Files that were deleted, and that some process has open: no directory shows them.

Looked for among what all processes have open, mapped or mounted, which are somebody's by the
name of their control group. A thread may have open files and mounts of its own, and may go on
when the first of its process has ended. What only root may see of others' processes, an agent
that is not root does not see; nor does anybody see a file under way in a socket, or below
another mount, which is what `galaxy.agent.storage.floor` is for.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress

from attrs import define, field

from galaxy.agent.storage.quotas import LEAST_BYTES

_BLOCK_BYTES = 512
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # it ended, or is none of ours
_KCMP = {"x86_64": 312, "aarch64": 272}.get(platform.machine())
_KCMP_FILES = 2
_ESCAPED = re.compile(rb"\\([0-7]{3})")  # as mountinfo has spaces
_LIBC = ctypes.CDLL(None)


@define
class Unlinked:
    """What such files take, by the device of their file system."""

    sizes: dict[int, int] = field(factory=dict)
    mapped: set[bytes] = field(factory=set)  # as /proc tells files; looked at already
    views: set[tuple[int, int, int]] = field(factory=set)  # of mounts; looked at already
    _seen: set[tuple[int, int]] = field(factory=set)

    def add(self, status: os.stat_result) -> None:
        """Count one, once."""
        if (status.st_dev, status.st_ino) not in self._seen:
            self._seen.add((status.st_dev, status.st_ino))
            size = max(LEAST_BYTES, status.st_blocks * _BLOCK_BYTES)
            self.sizes[status.st_dev] = self.sizes.get(status.st_dev, 0) + size


def unlinked(pods: Collection[str], proc: str = "/proc") -> dict[str, Unlinked]:
    """What each of these pods has of them; a pod's containers are named after it."""
    found: dict[str, Unlinked] = {}
    for pod, pid in _processes(pods, proc):
        _add_process(proc, pid, found.setdefault(pod, Unlinked()))
    return {pod: each for pod, each in found.items() if each.sizes}


def written(pods: Collection[str], proc: str = "/proc") -> dict[str, int]:
    """
    What each of these pods had written to disks, less what was deleted before it got there:
    its processes, and those that they waited for.
    """
    found: dict[str, int] = {}
    for pod, pid in _processes(pods, proc):
        with suppress(*_GONE), open(f"{proc}/{pid}/io", encoding="ascii") as file:
            counts = dict(line.split(": ") for line in file.read().splitlines())
            size = int(counts["write_bytes"]) - int(counts["cancelled_write_bytes"])
            found[pod] = found.get(pod, 0) + size
    return found


def _processes(pods: Collection[str], proc: str) -> Iterator[tuple[str, str]]:
    """The processes of these pods."""
    for pid in os.listdir(proc):
        if pid.isdigit():
            pod: str | None = None
            with suppress(*_GONE):
                pod = _whose(f"{proc}/{pid}", pods)
                if pod is None:  # of a first thread that ended, groups of version 1 tell no more
                    others = (each for each in os.listdir(f"{proc}/{pid}/task") if each != pid)
                    if thread := next(others, None):
                        pod = _whose(f"{proc}/{pid}/task/{thread}", pods)
            if pod is not None:
                yield pod, pid


def _whose(place: str, pods: Collection[str]) -> str | None:
    with open(f"{place}/cgroup", encoding="ascii", errors="replace") as file:
        return _pod(file.read(), pods)


def _pod(cgroups: str, pods: Collection[str]) -> str | None:
    """Whose the process is, by the lines of its control groups."""
    for line in cgroups.splitlines():
        for name in reversed(line.rpartition(":")[2].split("/")):
            pod = name.rpartition(".")[0]
            if pod in pods:
                return pod
    return None


def _add_process(proc: str, pid: str, found: Unlinked) -> None:
    threads: list[str] = []
    with suppress(*_GONE):
        threads = os.listdir(f"{proc}/{pid}/task")
    for thread in threads:
        with suppress(OSError):  # of one that ends, mounts are an invalid argument, too
            _add_mounted(f"{proc}/{pid}/task/{thread}", found)
        if thread == pid or not _same_files(int(pid), int(thread)):
            with suppress(*_GONE):
                directory = f"{proc}/{pid}/task/{thread}/fd"
                for name in os.listdir(directory):
                    _add(f"{directory}/{name}", found)
    for thread in threads:
        mapped: dict[bytes, bytes] | None = None
        with suppress(*_GONE):
            mapped = _deleted_and_mapped(f"{proc}/{pid}/task/{thread}/maps")
        if mapped is not None:  # threads have one memory, but for those that ended
            # The kernel shows it below the thread's own number, too, but does not list that.
            for file in mapped.keys() - found.mapped:
                start, _, end = mapped[file].partition(b"-")
                place = f"{int(start, 16):x}-{int(end, 16):x}"
                if _add(f"{proc}/{thread}/map_files/{place}", found):
                    found.mapped.add(file)
            return


def _add_mounted(place: str, found: Unlinked) -> None:
    """Those that are mounted where the thread sees it, once for all that see the same."""
    namespace, root = os.stat(f"{place}/ns/mnt"), os.stat(f"{place}/root")
    view = (namespace.st_ino, root.st_dev, root.st_ino)
    if view in found.views:
        return
    with open(f"{place}/mountinfo", "rb") as mounts:
        for mount in mounts:
            _id, _parent, _device, source, target, _ = mount.split(b" ", 5)
            if source.endswith(b"//deleted"):
                _add(f"{place}/root{os.fsdecode(_ESCAPED.sub(_unescaped, target))}", found)
    found.views.add(view)


def _unescaped(character: re.Match[bytes]) -> bytes:
    return bytes([int(character[1], 8)])


def _same_files(pid: int, thread: int) -> bool:
    """Whether a thread has its process's table of open files; False where that is not known."""
    return _KCMP is not None and _LIBC.syscall(_KCMP, pid, thread, _KCMP_FILES, 0, 0) == 0


def _deleted_and_mapped(maps: str) -> dict[bytes, bytes] | None:
    """
    By its device and inode, where in memory a thread has a deleted file; one place of each,
    of which it may have thousands. None: it has no memory.
    """
    found: dict[bytes, bytes] = {}
    line = b""
    with open(maps, "rb") as lines:
        for line in lines:
            if line.endswith(b" (deleted)\n"):
                place, _mode, _offset, file = line.split(b" ", 3)
                found[file] = place
    return found if line else None


def _add(path: str, found: Unlinked) -> bool:
    """Whether it could be looked at: it may be closed by now."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
        found.add(status)
    return True
