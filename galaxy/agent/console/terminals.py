"""
Pseudo-terminals for commands: in the box of the task, so that it finds its terminal there.

A task in a box may have exchanged what is mounted in it: nothing there is trusted to be what
it is called, and no symbolic link is followed. Where it is not as boxes are made, the
terminal is one of the machine's.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct

from galaxy.agent.steps import Process

_GET_PEER, _SET_LOCK = 0x5441, 0x4004_5431  # TIOCGPTPEER, TIOCSPTLCK
_MASTER = os.makedev(5, 2)
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_USE = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC


def pseudo_terminal(task: Process | None) -> tuple[int, int, str]:
    """Descriptors of its two ends, and by which path gce opens the command's."""
    ends = None
    if task is not None and os.geteuid() == 0:
        try:
            ends = _in_box_of(task)
        except OSError:
            ends = None
    if ends is None:
        master, device = os.openpty()
        return master, device, os.ttyname(device)
    # By the path that it has in the box others would find another file.
    return *ends, f"/proc/{os.getpid()}/fd/{ends[1]}"


def _in_box_of(task: Process) -> tuple[int, int] | None:
    """Both ends; None: the task is in no box, or is another process by now. Raises `OSError`."""
    found = [os.open(f"/proc/{task.pid}/root", os.O_PATH | os.O_CLOEXEC)]
    try:
        if not _is_in_group(task) or os.path.samestat(os.fstat(found[0]), os.stat("/")):
            return None
        for name in ("dev", "pts", "ptmx"):
            found.append(os.open(name, _LOOK, dir_fd=found[-1]))
        there = os.fstat(found[-1])
        if not stat.S_ISCHR(there.st_mode) or there.st_rdev != _MASTER:
            return None
        master = os.open(f"/proc/self/fd/{found[-1]}", _USE)
    finally:
        for descriptor in found:
            os.close(descriptor)
    try:
        fcntl.ioctl(master, _SET_LOCK, struct.pack("i", 0))
        return master, fcntl.ioctl(master, _GET_PEER, _USE)
    except OSError:
        os.close(master)
        raise


def _is_in_group(task: Process) -> bool:
    """Whether the process of this number is of the task: numbers are used again."""
    if not task.cgroup:
        return False
    with open(f"/proc/{task.pid}/cgroup", encoding="utf-8") as file:
        groups = [line.rstrip("\n").split(":", 2)[2] for line in file]
    return any(group == task.cgroup or group.startswith(task.cgroup + "/") for group in groups)
