"""
Control groups of version 1: one group a container in every hierarchy there is.

A single-threaded process enters by writing "0" to `tasks`, for which the kernel
takes none of the locks that `cgroup.procs` needs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

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
from galaxy.gce.mounts import Hierarchy
from galaxy.gce.procfs import send_signal

CPU_PERIOD_US = 100_000  # as every new group has it
_LEAST_QUOTA_US = 1_000
_LEAST_SHARES, _SHARES_A_CORE = 2, 1024
_UNLIMITED = -1

Setting = tuple[str, str, str]


def settings(allowance: Allowance) -> tuple[Setting, ...]:
    """The (controller, file, value) triples that make an allowance hold."""
    quota = _UNLIMITED
    shares = _SHARES_A_CORE
    if allowance.millicores:
        shares = max(_LEAST_SHARES, allowance.millicores * _SHARES_A_CORE // 1000)
        if not allowance.soft_cpu:
            quota = max(_LEAST_QUOTA_US, allowance.millicores * CPU_PERIOD_US // 1000)
    memory = str(allowance.memory_bytes or _UNLIMITED)
    return (
        ("cpu", "cpu.cfs_quota_us", str(quota)),
        ("cpu", "cpu.shares", str(shares)),
        ("memory", "memory.limit_in_bytes", memory),
        ("memory", "memory.memsw.limit_in_bytes", memory),
        ("pids", "pids.max", str(allowance.pids or "max")),
    )


@implementer(ICgroups)
class CgroupsV1:
    """The groups below `base` in each of the hierarchies."""

    isolation = "cgroup-v1"

    def __init__(self, hierarchies: Collection[Hierarchy], base: str) -> None:
        """Make the base groups; `CgroupError` if that is not allowed."""
        self._base = base
        self._mounts = [hierarchy.path for hierarchy in hierarchies]
        self._by_controller = {
            controller: hierarchy.path
            for hierarchy in hierarchies
            for controller in hierarchy.controllers
        }
        self.reason = _shortcomings(self._by_controller)
        try:
            for mount in self._mounts:
                self._make_base(mount)
        except CgroupError:
            self.close()
            raise

    def create(self, container: str, allowance: Allowance) -> Entrance:
        """Make and limit the groups in all hierarchies."""
        groups = [f"{mount}/{self._base}/{container}" for mount in self._mounts]
        for mount, group in zip(self._mounts, groups, strict=True):
            make(group)
            if mount == self._by_controller.get("cpuset"):
                _fill_cpuset(group)
        refused: list[tuple[str, str]] = []
        for controller, name, value in settings(allowance):
            if controller in self._by_controller:
                path = f"{self._group(controller, container)}/{name}"
                try:
                    write_if_there(path, value)
                except CgroupError:
                    refused.append((path, value))
        # The memory limit may not exceed the one with swap: whichever way they
        # move, the order that failed succeeds the other way round.
        for path, value in refused:
            write(path, value)
        oom_events = ""
        if "memory" in self._by_controller:
            oom_events = f"{self._group('memory', container)}/memory.oom_control"
        return Entrance(tuple(f"{group}/tasks" for group in groups), oom_events)

    def path(self, container: str) -> str:
        """Where the groups are below each mount."""
        return f"/{self._base}/{container}"

    def pids(self, container: str, keepers: Collection[int]) -> list[int]:
        """The processes in any of the groups, and in groups made below them."""
        found: set[int] = set()
        for mount in self._mounts:
            found |= processes_of(f"{mount}/{self._base}/{container}")
        return sorted(found)

    def terminate(self, container: str, keepers: Collection[int]) -> None:
        """SIGTERM to each."""
        send_signal(self.pids(container, keepers), signal.SIGTERM)

    def kill_all(self, container: str, keepers: Collection[int]) -> None:
        """Freeze, so that none forks; kill; thaw, for what is frozen does not die."""
        self.freeze(container)
        try:
            send_signal(self.pids(container, keepers), signal.SIGKILL)
        finally:
            self.thaw(container)

    def freeze(self, container: str) -> None:
        """Freeze, where there is a freezer."""
        self._freezer(container, "FROZEN")

    def thaw(self, container: str) -> None:
        """Thaw the group and those made below it."""
        self._freezer(container, "THAWED")

    def usage(self, container: str, keepers: Collection[int]) -> Usage:
        """Read the counters of the controllers that there are."""
        memory = self._group("memory", container)
        statistics = read_flat(f"{memory}/memory.stat")
        return Usage(
            cpu_ns=read_number(f"{self._group('cpuacct', container)}/cpuacct.usage"),
            memory_bytes=statistics.get("total_rss", 0),
            memory_with_cache_bytes=read_number(f"{memory}/memory.usage_in_bytes"),
            pids=read_number(f"{self._group('pids', container)}/pids.current"),
        )

    def containers(self) -> list[str]:
        """The groups found in any hierarchy."""
        found = {name for mount in self._mounts for name in subgroups(f"{mount}/{self._base}")}
        return sorted(found)

    def remove(self, container: str) -> None:
        """Remove the group from every hierarchy."""
        for mount in self._mounts:
            remove_group(f"{mount}/{self._base}/{container}")

    def close(self) -> None:
        """Remove the empty base groups."""
        for mount in self._mounts:
            remove_if_empty(mount, self._base)

    def _make_base(self, mount: str) -> None:
        for path in levels(mount, self._base):
            make(path)
            if mount == self._by_controller.get("cpuset"):
                _fill_cpuset(path)
        if not os.access(f"{mount}/{self._base}", os.W_OK):
            raise CgroupError(f"the group {mount}/{self._base} is not ours to write to")

    def _group(self, controller: str, container: str) -> str:
        """Where a controller has a container; without the controller, nowhere."""
        mount = self._by_controller.get(controller, "/nonexistent")
        return f"{mount}/{self._base}/{container}"

    def _freezer(self, container: str, state: str) -> None:
        write_if_there(f"{self._group('freezer', container)}/freezer.state", state)


def _fill_cpuset(group: str) -> None:
    """A new cpuset is empty, and nobody may enter it: give it what its parent has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not read(f"{group}/{name}").strip():
            write(f"{group}/{name}", read(f"{os.path.dirname(group)}/{name}").strip())


def _shortcomings(controllers: Collection[str]) -> str:
    missing = [
        name for name in ("cpu", "cpuacct", "memory", "pids", "freezer") if name not in controllers
    ]
    return f"this machine has no cgroup controller for {', '.join(missing)}" if missing else ""
