"""
Control groups of version 1: one group a container in every hierarchy there is.

A single-threaded process enters by writing "0" to `tasks`, for which the kernel
takes none of the locks that `cgroup.procs` needs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from functools import partial

from zope.interface import implementer

from galaxy.gce.cgroups import (
    Allowance,
    Ceiling,
    CgroupError,
    Entrance,
    ICgroups,
    Owed,
    Usage,
    check_processors,
    levels,
    make,
    processes_of,
    read,
    remove_group,
    remove_if_empty,
    subgroups,
    write,
    write_if_there,
)
from galaxy.gce.disks import Disks
from galaxy.gce.gauges import Gauges, lines_of, named, number
from galaxy.gce.mounts import Hierarchy
from galaxy.gce.procfs import send_signal

CPU_PERIOD_US = 100_000  # as every new group has it
_LEAST_QUOTA_US = 1_000
_LEAST_SHARES, _SHARES_A_CORE = 2, 1024
_UNLIMITED = -1
_WANTED = ("cpu", "cpuacct", "memory", "pids", "freezer", "cpuset", "blkio")
_USUAL_WEIGHT = 500
_MOST_IOS = (1 << 32) - 1  # what the kernel can count to; as good as no bound
_BYTES, _IOS = "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"

Setting = tuple[str, str, str]


def settings(allowance: Allowance) -> tuple[Setting, ...]:
    """The (controller, file, value) triples that make an allowance hold; but for the disks."""
    shares = _SHARES_A_CORE
    if allowance.millicores:
        shares = max(_LEAST_SHARES, allowance.millicores * _SHARES_A_CORE // 1000)
    hard = 0 if allowance.soft_cpu else allowance.millicores
    memory = str(allowance.memory_bytes or _UNLIMITED)
    weight = str(allowance.io.weight or _USUAL_WEIGHT)
    return (
        ("cpu", "cpu.cfs_quota_us", _quota(hard)),
        ("cpu", "cpu.shares", str(shares)),
        ("memory", "memory.limit_in_bytes", memory),
        ("memory", "memory.memsw.limit_in_bytes", memory),
        ("pids", "pids.max", str(allowance.pids or "max")),
        # Each where a scheduler of disks offers it.
        ("blkio", "blkio.weight", weight),
        ("blkio", "blkio.bfq.weight", weight),
    )


def bounds(allowance: Allowance, disks: Collection[str]) -> tuple[Setting, ...]:
    """The same for what may be done with each disk; zero lifts a bound that was there."""
    io = allowance.io
    per_second = (
        ("read_bps", io.read_bytes),
        ("write_bps", io.write_bytes),
        ("read_iops", io.read_ios if io.read_ios < _MOST_IOS else 0),
        ("write_iops", io.write_ios if io.write_ios < _MOST_IOS else 0),
    )
    return tuple(
        ("blkio", f"blkio.throttle.{name}_device", f"{disk} {most}")
        for disk in disks
        for name, most in per_second
    )


def ceiling_settings(ceiling: Ceiling) -> tuple[Setting, ...]:
    """The triples that make a ceiling hold."""
    return (
        ("cpu", "cpu.cfs_quota_us", _quota(ceiling.millicores)),
        ("memory", "memory.limit_in_bytes", str(ceiling.memory_bytes or _UNLIMITED)),
    )


def _quota(millicores: int) -> str:
    """What of each period; no limit for none."""
    if not millicores:
        return str(_UNLIMITED)
    return str(max(_LEAST_QUOTA_US, millicores * CPU_PERIOD_US // 1000))


@implementer(ICgroups)
class CgroupsV1:
    """The groups below `base` in each of the hierarchies."""

    isolation = "cgroup-v1"

    def __init__(
        self,
        hierarchies: Collection[Hierarchy],
        base: str,
        find_disks: Callable[[], Disks] = Disks,
    ) -> None:
        """Make the base groups; `CgroupError` if that is not allowed."""
        self._base = base
        self._mounts = [hierarchy.path for hierarchy in hierarchies]
        self._by_controller = {
            controller: hierarchy.path
            for hierarchy in hierarchies
            for controller in hierarchy.controllers
        }
        self._find_disks = find_disks
        self._disks = find_disks()
        self._gauges = Gauges()
        self._ceiling = Owed()
        try:
            for mount in self._mounts:
                self._make_base(mount)
        except CgroupError:
            self.close()
            raise

    @property
    def reason(self) -> str:
        """What is missing, and what was refused."""
        lacking = ", ".join(name for name in _WANTED if name not in self._by_controller)
        missing = f"this machine has no cgroup controller for {lacking}" if lacking else ""
        return "; ".join(filter(None, (missing, self._disks.reason, self._ceiling.refusal)))

    def limit(self, ceiling: Ceiling) -> None:
        """Limit the base groups."""
        self._ceiling.set(
            partial(write_if_there, f"{self._by_controller[controller]}/{self._base}/{name}", value)
            for controller, name, value in ceiling_settings(ceiling)
            if controller in self._by_controller
        )

    def create(self, container: str, allowance: Allowance) -> Entrance:
        """Make and limit the groups in all hierarchies."""
        if allowance.processors:
            base = self._group("cpuset", "")
            check_processors(allowance.processors, read(f"{base}cpuset.cpus"))
        groups = [f"{mount}/{self._base}/{container}" for mount in self._mounts]
        new = True
        for group in groups:
            new = make(group) and new
        if "cpuset" in self._by_controller and (allowance.processors or not new):
            self._bind(container, allowance.processors)
        triples = settings(allowance)
        if allowance.io.is_bounded:
            self._disks = self._find_disks()
        if allowance.io.is_bounded or not new:
            triples += bounds(allowance, self._disks.bounded)
        refused: list[tuple[str, str]] = []
        for controller, name, value in triples:
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

        def gauge(controller: str, name: str) -> bytes:
            return self._gauges.read(container, f"{self._group(controller, container)}/{name}")

        memory = gauge("memory", "memory.stat")
        read_bytes, write_bytes = _moved(gauge("blkio", _BYTES), self._disks.counted)
        read_ios, write_ios = _moved(gauge("blkio", _IOS), self._disks.counted)
        return Usage(
            cpu_ns=number(gauge("cpuacct", "cpuacct.usage")),
            memory_bytes=named(memory, b"total_rss") + named(memory, b"total_shmem"),
            memory_with_cache_bytes=number(gauge("memory", "memory.usage_in_bytes")),
            pids=number(gauge("pids", "pids.current")),
            read_bytes=read_bytes,
            write_bytes=write_bytes,
            read_ios=read_ios,
            write_ios=write_ios,
        )

    def containers(self) -> list[str]:
        """The groups found in any hierarchy."""
        found = {name for mount in self._mounts for name in subgroups(f"{mount}/{self._base}")}
        return sorted(found)

    def remove(self, container: str) -> None:
        """Remove the group from every hierarchy."""
        self._gauges.forget(container)
        for mount in self._mounts:
            remove_group(f"{mount}/{self._base}/{container}")
        self._ceiling.try_again()

    def close(self) -> None:
        """Remove the empty base groups."""
        self._gauges.close()
        for mount in self._mounts:
            remove_if_empty(mount, self._base)

    def _make_base(self, mount: str) -> None:
        for path in levels(mount, self._base):
            new = make(path)
            if mount == self._by_controller.get("cpuset"):
                _fill_cpuset(path)
                # A new group begins with what the one above has, not empty.
                write_if_there(f"{path}/cgroup.clone_children", "1")
            if mount == self._by_controller.get("memory") and new:
                # Before Linux 5.11 a group's limit was not that of the groups in it.
                write_if_there(f"{path}/memory.use_hierarchy", "1")
        if not os.access(f"{mount}/{self._base}", os.W_OK):
            raise CgroupError(f"the group {mount}/{self._base} is not ours to write to")

    def _group(self, controller: str, container: str) -> str:
        """Where a controller has a container; without the controller, nowhere."""
        mount = self._by_controller.get(controller, "/nonexistent")
        return f"{mount}/{self._base}/{container}"

    def _bind(self, container: str, processors: str) -> None:
        """Bind a group to processors; to all that the base group has, if none are given."""
        base = f"{self._by_controller['cpuset']}/{self._base}"
        for name, value in (("cpuset.cpus", processors), ("cpuset.mems", "")):
            write_if_there(f"{base}/{container}/{name}", value or read(f"{base}/{name}").strip())

    def _freezer(self, container: str, state: str) -> None:
        write_if_there(f"{self._group('freezer', container)}/freezer.state", state)


def _fill_cpuset(group: str) -> None:
    """A new cpuset is empty: give it what its parent has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not read(f"{group}/{name}").strip():
            write(f"{group}/{name}", read(f"{os.path.dirname(group)}/{name}").strip())


def _moved(text: bytes, disks: Collection[str]) -> tuple[int, int]:
    """What was read from these disks, and what was written to them."""
    moved = {"Read": 0, "Write": 0}
    for what, count in lines_of(text, disks):
        if what in moved:
            moved[what] += int(count)
    return moved["Read"], moved["Write"]
