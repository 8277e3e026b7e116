"""
What the machine has, and how much of it pods may have.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
from attrs import frozen

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

    @classmethod
    def here(cls) -> Machine:
        """This machine, or as much of it as its container was given."""
        memory = min([psutil.virtual_memory().total, *_memory_limits()])
        return cls(socket.gethostname(), len(os.sched_getaffinity(0)), memory)


class TooSmall(Exception):
    """Nothing is left for pods; the sentence says why."""


@frozen
class Capacity:
    """What pods may have together."""

    millicores: int
    memory_bytes: int


def capacity(machine: Machine, settings: AgentSettings) -> Capacity:
    """What the settings say; where they say nothing, the machine less the reserve."""
    millicores = settings.millicores or machine.cores * 1000 - settings.reserve_millicores
    memory = settings.memory_bytes or machine.memory_bytes - settings.reserve_memory_bytes
    if millicores <= 0 or memory <= 0:
        raise TooSmall(
            f"this machine has {machine.cores * 1000} millicores and {machine.memory_bytes} bytes"
            f" of memory; with a reserve of {settings.reserve_millicores} millicores and"
            f" {settings.reserve_memory_bytes} bytes nothing is left for pods: reserve less"
        )
    return Capacity(millicores, memory)


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
