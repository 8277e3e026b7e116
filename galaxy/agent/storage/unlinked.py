"""
Files that were deleted, and that some process has open: no directory shows them.

Looked for among the open files of all processes, which are somebody's by the name of their
control group. What only root may see of others' processes, an agent that is not root does
not see; nor does anybody see a file that is only mapped, or under way in a socket.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

from attrs import define, field

from galaxy.agent.storage.quotas import LEAST_BYTES

_BLOCK_BYTES = 512


@define
class Unlinked:
    """What such files take, by the device of their file system."""

    sizes: dict[int, int] = field(factory=dict)
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
    for pid in os.listdir(proc):
        if not pid.isdigit():
            continue
        try:
            with open(f"{proc}/{pid}/cgroup", encoding="ascii", errors="replace") as file:
                pod = _pod(file.read(), pods)
            if pod is not None:
                _add_open(f"{proc}/{pid}/fd", found.setdefault(pod, Unlinked()))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended, or is none of ours
    return {pod: each for pod, each in found.items() if each.sizes}


def _pod(cgroups: str, pods: Collection[str]) -> str | None:
    """Whose the process is, by the lines of its control groups."""
    for line in cgroups.splitlines():
        for name in reversed(line.rpartition(":")[2].split("/")):
            pod = name.rpartition(".")[0]
            if pod in pods:
                return pod
    return None


def _add_open(directory: str, found: Unlinked) -> None:
    for number in os.listdir(directory):
        try:
            status = os.stat(f"{directory}/{number}")
        except OSError:
            continue  # it was closed meanwhile
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
            found.add(status)
