"""
What the machine has, and how much of it pods may have.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
from attrs import frozen

from galaxy.agent.storage.disks import Disk, parsed
from galaxy.settings import AgentSettings

_MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@frozen
class Machine:
    """A machine's name and size."""

    hostname: str
    cores: int
    memory_bytes: int
    disk_bytes: int = 0  # for volumes in the agent's data directory

    @classmethod
    def here(cls, data: Path) -> Machine:
        """This machine, or as much of it as its container was given."""
        memory = min([psutil.virtual_memory().total, *_memory_limits()])
        disk = psutil.disk_usage(str(data))
        return cls(
            socket.gethostname(),
            len(os.sched_getaffinity(0)),
            memory,
            min(disk.total // 2, disk.free),
        )


class TooSmall(Exception):
    """Nothing is left for pods; the sentence says why."""


@frozen
class Capacity:
    """What pods may have together."""

    millicores: int
    memory_bytes: int
    disks: tuple[Disk, ...] = ()
    ssds: tuple[Disk, ...] = ()


def capacity(machine: Machine, settings: AgentSettings) -> Capacity:
    """
    What the settings say; where they say nothing, the machine less the reserve.

    ValueError if a disk is not written as one.
    """
    millicores = settings.millicores or machine.cores * 1000 - settings.reserve_millicores
    memory = settings.memory_bytes or machine.memory_bytes - settings.reserve_memory_bytes
    if millicores <= 0 or memory <= 0:
        raise TooSmall(
            f"this machine has {machine.cores * 1000} millicores and {machine.memory_bytes} bytes"
            f" of memory; with a reserve of {settings.reserve_millicores} millicores and"
            f" {settings.reserve_memory_bytes} bytes nothing is left for pods: reserve less"
        )
    disks = parsed(settings.disks)
    if not disks and machine.disk_bytes:
        disks = (Disk(str(volumes_in(Path(settings.data_dir))), machine.disk_bytes),)
    return Capacity(millicores, memory, disks, parsed(settings.ssds))


def volumes_in(data: Path) -> Path:
    """Where volumes are when no disk is configured."""
    return data / "volumes"


def _memory_limits() -> list[int]:
    """The limits of the control group that this process sees as the root."""
    limits = []
    for path in _MEMORY_LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return limits
