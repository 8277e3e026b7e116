"""
What a cluster leaves on a machine when its daemons are gone, and how it goes.

Nothing here relies on a daemon's help: processes are known by the pid file that
their command line names, control groups and mounts by the cluster's name and
directory.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil

from galaxy.client.local.plan import Layout
from galaxy.client.local.processes import command_line

_ROUNDS = 100
_STEP_S = 0.05


def kill_processes(layout: Layout) -> list[int]:
    """Kill every process that a gce of this cluster made, and all below it; those that stay."""
    family: set[int] = set()
    for process in psutil.process_iter():
        if process.pid == os.getpid() or not _is_ours(layout, command_line(process.pid)):
            continue
        try:
            family |= {process.pid, *(child.pid for child in process.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    for pid in family:
        _kill(pid)
    left = sorted(family)
    for _ in range(_ROUNDS):
        left = [pid for pid in left if _lives(pid)]
        if not left:
            break
        time.sleep(_STEP_S)
    return left


def _lives(pid: int) -> bool:
    """Whether a process still holds anything; one that is exiting has no command line, but does."""
    try:
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False


def _is_ours(layout: Layout, arguments: tuple[str, ...]) -> bool:
    return any(
        option == "--pidfile" and Path(value).parent == layout.run
        for option, value in pairwise(arguments)
    )


def remove_groups(layout: Layout, mountinfo: str) -> list[Path]:
    """Kill what lives in the cluster's control groups, and remove them; those that stay."""
    groups = [Path(mount) / layout.name for mount in hierarchies(mountinfo)]
    left = [group for group in groups if group.is_dir()]
    for _ in range(_ROUNDS):
        for group in left:
            _empty(group)
        left = [group for group in left if group.is_dir()]
        if not left:
            break
        time.sleep(_STEP_S)
    return left


def _empty(group: Path) -> None:
    """One try: kill, thaw, remove from below."""
    for directory, _, _ in os.walk(group, topdown=False):
        path = Path(directory)
        for pid in _pids(path):
            _kill(pid)
        _thaw(path)
        try:
            path.rmdir()
        except OSError:
            # Not empty yet: its processes are dying, the next round sees.
            continue


def _pids(group: Path) -> list[int]:
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _thaw(group: Path) -> None:
    """A frozen process does not die before it is thawed."""
    for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        control = group / name
        if control.exists():
            try:
                control.write_text(word)
            except OSError:
                continue  # the group went away meanwhile


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def hierarchies(mountinfo: str) -> Iterator[str]:
    """Where control groups are mounted, of both versions. Pure."""
    for mount, filesystem in _mounts(mountinfo):
        if filesystem in {"cgroup", "cgroup2"}:
            yield mount


def unmount(layout: Layout, mountinfo: str) -> list[str]:
    """Unmount what agents of the cluster have mounted; what stays."""
    mounts = agents_mounts(layout, mountinfo)
    return [mount for mount in reversed(mounts) if not _unmounted(mount)]


def agents_mounts(layout: Layout, mountinfo: str) -> list[str]:
    """What is mounted in agents' directories. A disk that is one of these is not theirs. Pure."""
    inside = re.compile(re.escape(f"{layout.directory}/agent-") + r"[0-9]+/.")
    return [mount for mount, _ in _mounts(mountinfo) if inside.match(mount)]


def _unmounted(mount: str) -> bool:
    return subprocess.run(["umount", "--lazy", mount], check=False).returncode == 0


def _mounts(mountinfo: str) -> Iterable[tuple[str, str]]:
    for line in mountinfo.splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields = mount.split()
        if len(fields) > 4 and filesystem:
            yield fields[4].replace("\\040", " "), filesystem.split()[0]
