"""Control groups of version 2: one group a container, in the one hierarchy there is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from functools import partial
from itertools import pairwise

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
from galaxy.gce.procfs import send_signal

CPU_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1_000
_WANTED = ("cpu", "memory", "pids", "io", "cpuset")
_USUAL_WEIGHT = 500

Setting = tuple[str, str]


def settings(allowance: Allowance) -> tuple[Setting, ...]:
    """The (file, value) pairs that make an allowance hold; but for the disks."""
    weight = 100
    if allowance.millicores:
        weight = min(10_000, max(1, allowance.millicores // 10))
    io_weight = str(allowance.io.weight or _USUAL_WEIGHT)
    return (
        ("cpu.max", _quota(0 if allowance.soft_cpu else allowance.millicores)),
        ("cpu.weight", str(weight)),
        ("memory.max", str(allowance.memory_bytes or "max")),
        ("memory.swap.max", "0" if allowance.memory_bytes else "max"),
        ("pids.max", str(allowance.pids or "max")),
        # Each where a scheduler of disks offers it.
        ("io.weight", io_weight),
        ("io.bfq.weight", io_weight),
    )


def bounds(allowance: Allowance, disks: Collection[str]) -> tuple[Setting, ...]:
    """The same for what may be done with each disk; "max" lifts a bound that was there."""
    io = allowance.io
    per_second = {
        "rbps": io.read_bytes,
        "wbps": io.write_bytes,
        "riops": io.read_ios,
        "wiops": io.write_ios,
    }
    most = " ".join(f"{name}={value or 'max'}" for name, value in per_second.items())
    return tuple(("io.max", f"{disk} {most}") for disk in disks)


def ceiling_settings(ceiling: Ceiling) -> tuple[Setting, ...]:
    """The pairs that make a ceiling hold."""
    return (
        ("cpu.max", _quota(ceiling.millicores)),
        ("memory.max", str(ceiling.memory_bytes or "max")),
    )


def _quota(millicores: int) -> str:
    """What of each period; no limit for none."""
    if not millicores:
        return f"max {CPU_PERIOD_US}"
    return f"{max(_LEAST_QUOTA_US, millicores * CPU_PERIOD_US // 1000)} {CPU_PERIOD_US}"


@implementer(ICgroups)
class CgroupsV2:
    """The groups below `base` in the hierarchy mounted at `mount`."""

    isolation = "cgroup-v2"

    def __init__(
        self,
        mount: str,
        base: str,
        needed: Collection[str] = ("cpu", "memory"),
        find_disks: Callable[[], Disks] = Disks,
    ) -> None:
        """
        Make the base group and hand controllers down to it.

        `CgroupError` if that is not allowed or a needed controller is missing.
        """
        self._mount = mount
        self._base = base
        self._root = f"{mount}/{base}"
        self._find_disks = find_disks
        self._disks = find_disks()
        self._gauges = Gauges()
        self._ceiling = Owed()
        try:
            self._handed_down = self._make_base(needed)
        except CgroupError:
            self.close()
            raise

    @property
    def reason(self) -> str:
        """What is missing, and what was refused."""
        lacking = ", ".join(name for name in _WANTED if name not in self._handed_down)
        missing = f"no controller for {lacking} is handed down" if lacking else ""
        return "; ".join(filter(None, (missing, self._disks.reason, self._ceiling.refusal)))

    def limit(self, ceiling: Ceiling) -> None:
        """Limit the base group."""
        *others, (name, memory) = ceiling_settings(ceiling)
        steps = [partial(write_if_there, f"{self._root}/{name}", value) for name, value in others]
        self._ceiling.set([*steps, partial(self._limit_memory, f"{self._root}/{name}", memory)])

    def create(self, container: str, allowance: Allowance) -> Entrance:
        """Make and limit the group."""
        if allowance.processors:
            present = read(f"{self._root}/cpuset.cpus.effective")
            check_processors(allowance.processors, present)
        group = f"{self._root}/{container}"
        new = make(group)
        pairs = settings(allowance)
        if allowance.processors or not new:
            # An empty line, for nothing at all is not written.
            pairs += (("cpuset.cpus", allowance.processors or "\n"),)
        if allowance.io.is_bounded:
            self._disks = self._find_disks()
        if allowance.io.is_bounded or not new:
            pairs += bounds(allowance, self._disks.bounded)
        for name, value in pairs:
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

        def gauge(name: str) -> bytes:
            return self._gauges.read(container, f"{group}/{name}")

        memory = gauge("memory.stat")
        moved = _moved(gauge("io.stat"), self._disks.counted)
        return Usage(
            cpu_ns=named(gauge("cpu.stat"), b"usage_usec") * 1000,
            memory_bytes=named(memory, b"anon") + named(memory, b"shmem"),
            memory_with_cache_bytes=number(gauge("memory.current")),
            pids=number(gauge("pids.current")) or len(processes_of(group)),
            read_bytes=moved["rbytes"],
            write_bytes=moved["wbytes"],
            read_ios=moved["rios"],
            write_ios=moved["wios"],
        )

    def containers(self) -> list[str]:
        """The groups found."""
        return subgroups(self._root)

    def remove(self, container: str) -> None:
        """Remove the group."""
        self._gauges.forget(container)
        remove_group(f"{self._root}/{container}")
        self._ceiling.try_again()

    def close(self) -> None:
        """Remove the empty base group."""
        self._gauges.close()
        remove_if_empty(self._mount, self._base)

    def _make_base(self, needed: Collection[str]) -> list[str]:
        groups = [self._mount, *levels(self._mount, self._base)]
        for group, below in pairwise(groups):
            _hand_down(group, needed)
            make(below)
        _hand_down(self._root, needed)
        if not os.access(self._root, os.W_OK):
            raise CgroupError(f"the group {self._root} is not ours to write to")
        handed_down = read(f"{self._root}/cgroup.subtree_control").split()
        for name in needed:
            if name not in handed_down:
                raise CgroupError(f"the controller {name} is not handed down to {self._root}")
        return handed_down

    def _limit_memory(self, path: str, most: str) -> None:
        """Below what is used already, the kernel would not refuse, but kill."""
        statistics = read(f"{self._root}/memory.stat").encode()
        used = named(statistics, b"anon") + named(statistics, b"shmem")
        if most.isdigit() and used > int(most):
            raise CgroupError(f"{used} bytes of memory are in use, of {most}")
        write_if_there(path, most)

    def _freezer(self, container: str, state: str) -> None:
        write_if_there(f"{self._root}/{container}/cgroup.freeze", state)


def _hand_down(group: str, needed: Collection[str]) -> None:
    """Enable the controllers that we want and that the group has, for the groups in it."""
    control = f"{group}/cgroup.subtree_control"
    enabled = read(control).split()
    for name in read(f"{group}/cgroup.controllers").split():
        if name in _WANTED and name not in enabled:
            try:
                write(control, f"+{name}")
            except CgroupError:
                if name in needed:
                    raise  # of others, the reason says that they are missing


def _moved(text: bytes, disks: Collection[str]) -> dict[str, int]:
    """The counters of these disks, added up."""
    moved = dict.fromkeys(("rbytes", "wbytes", "rios", "wios"), 0)
    for words in lines_of(text, disks):
        for word in words:
            name, _, count = word.partition("=")
            if name in moved:
                moved[name] += int(count)
    return moved
