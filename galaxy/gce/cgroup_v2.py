"""Control groups of version 2: one group a container, in the one hierarchy there is."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from itertools import pairwise

from zope.interface import implementer

from galaxy.gce.cgroups import (
    Allowance,
    CgroupError,
    Entrance,
    ICgroups,
    Usage,
    levels,
    make,
    processes_of,
    read,
    read_flat,
    read_number,
    remove_group,
    remove_if_empty,
    subgroups,
    write,
    write_if_there,
)
from galaxy.gce.procfs import send_signal

CPU_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1_000
_WANTED = ("cpu", "memory", "pids")

Setting = tuple[str, str]


def settings(allowance: Allowance) -> tuple[Setting, ...]:
    """The (file, value) pairs that make an allowance hold."""
    quota = "max"
    weight = 100
    if allowance.millicores:
        weight = min(10_000, max(1, allowance.millicores // 10))
        if not allowance.soft_cpu:
            quota = str(max(_LEAST_QUOTA_US, allowance.millicores * CPU_PERIOD_US // 1000))
    return (
        ("cpu.max", f"{quota} {CPU_PERIOD_US}"),
        ("cpu.weight", str(weight)),
        ("memory.max", str(allowance.memory_bytes or "max")),
        ("memory.swap.max", "0" if allowance.memory_bytes else "max"),
        ("pids.max", str(allowance.pids or "max")),
    )


@implementer(ICgroups)
class CgroupsV2:
    """The groups below `base` in the hierarchy mounted at `mount`."""

    isolation = "cgroup-v2"

    def __init__(self, mount: str, base: str, needed: Collection[str] = ("cpu", "memory")) -> None:
        """
        Make the base group and hand controllers down to it.

        `CgroupError` if that is not allowed or a needed controller is missing.
        """
        self._mount = mount
        self._base = base
        self._root = f"{mount}/{base}"
        try:
            handed_down = self._make_base(needed)
        except CgroupError:
            self.close()
            raise
        missing = [name for name in _WANTED if name not in handed_down]
        self.reason = f"no controller for {', '.join(missing)} is handed down" if missing else ""

    def create(self, container: str, allowance: Allowance) -> Entrance:
        """Make and limit the group."""
        group = f"{self._root}/{container}"
        make(group)
        for name, value in settings(allowance):
            write_if_there(f"{group}/{name}", value)
        return Entrance((f"{group}/cgroup.procs",), f"{group}/memory.events")

    def path(self, container: str) -> str:
        """Where the group is below the mount."""
        return f"/{self._base}/{container}"

    def pids(self, container: str, keepers: Collection[int]) -> list[int]:
        """The processes in the group, and in groups made below it."""
        return sorted(processes_of(f"{self._root}/{container}"))

    def terminate(self, container: str, keepers: Collection[int]) -> None:
        """SIGTERM to each."""
        send_signal(self.pids(container, keepers), signal.SIGTERM)

    def kill_all(self, container: str, keepers: Collection[int]) -> None:
        """Have the kernel kill the group at once; one by one before Linux 5.14."""
        kill = f"{self._root}/{container}/cgroup.kill"
        if os.path.exists(kill):
            write_if_there(kill, "1")
            return
        self.freeze(container)
        try:
            send_signal(self.pids(container, keepers), signal.SIGKILL)
        finally:
            self.thaw(container)

    def freeze(self, container: str) -> None:
        """Freeze the group."""
        self._freezer(container, "1")

    def thaw(self, container: str) -> None:
        """Thaw the group."""
        self._freezer(container, "0")

    def usage(self, container: str, keepers: Collection[int]) -> Usage:
        """Read the group's counters."""
        group = f"{self._root}/{container}"
        memory = read_flat(f"{group}/memory.stat")
        return Usage(
            cpu_ns=read_flat(f"{group}/cpu.stat").get("usage_usec", 0) * 1000,
            memory_bytes=memory.get("anon", 0) + memory.get("shmem", 0),
            memory_with_cache_bytes=read_number(f"{group}/memory.current"),
            pids=read_number(f"{group}/pids.current") or len(processes_of(group)),
        )

    def containers(self) -> list[str]:
        """The groups found."""
        return subgroups(self._root)

    def remove(self, container: str) -> None:
        """Remove the group."""
        remove_group(f"{self._root}/{container}")

    def close(self) -> None:
        """Remove the empty base group."""
        remove_if_empty(self._mount, self._base)

    def _make_base(self, needed: Collection[str]) -> list[str]:
        groups = [self._mount, *levels(self._mount, self._base)]
        for group, below in pairwise(groups):
            _hand_down(group)
            make(below)
        _hand_down(self._root)
        if not os.access(self._root, os.W_OK):
            raise CgroupError(f"the group {self._root} is not ours to write to")
        handed_down = read(f"{self._root}/cgroup.subtree_control").split()
        for name in needed:
            if name not in handed_down:
                raise CgroupError(f"the controller {name} is not handed down to {self._root}")
        return handed_down

    def _freezer(self, container: str, state: str) -> None:
        write_if_there(f"{self._root}/{container}/cgroup.freeze", state)


def _hand_down(group: str) -> None:
    """Enable the controllers that we want and that the group has, for the groups in it."""
    control = f"{group}/cgroup.subtree_control"
    enabled = read(control).split()
    for name in read(f"{group}/cgroup.controllers").split():
        if name in _WANTED and name not in enabled:
            write(control, f"+{name}")
