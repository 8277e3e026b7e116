"""
What /proc tells of processes.

Used by gce and by keepers, so it imports next to nothing. A pid is reused; a
pid together with its start time is not, within one boot of the machine.
"""

from __future__ import annotations

import errno
import os

# What the kernel says of a pid that is nobody's, or a thread's by now.
_NO_PROCESS = (errno.ESRCH, errno.ENOENT, errno.EINVAL)
# Of /proc/PID/stat, counted after the command's closing bracket.
_STATE, _PPID, _USER_TIME, _SYSTEM_TIME, _START_TIME, _RESIDENT_PAGES = 0, 1, 11, 12, 19, 21


def stat(pid: int | str) -> tuple[str, int, int] | None:
    """State letter, parent's pid and start time (clock ticks since boot); None: no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        text = os.read(fd, 2048)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    fields = text[text.rindex(b")") + 2 :].split()
    return fields[_STATE].decode(), int(fields[_PPID]), int(fields[_START_TIME])


def start_time(pid: int | str) -> int | None:
    """When a process started; None when there is none, or only its zombie."""
    found = stat(pid)
    return None if found is None or found[0] in "ZX" else found[2]


def open_process(pid: int, start: int) -> int | None:
    """
    A descriptor of the process that started then; None: it has gone.

    It is opened before its start time is compared: it means that process and no later one.
    """
    try:
        fd = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in _NO_PROCESS:
            return None
        raise
    if start_time(pid) == start:
        return fd
    os.close(fd)
    return None


def descendants(roots: set[int]) -> list[int]:
    """Every living process below the given ones, which are not among them. Walks all of /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := stat(entry)) is not None and found[0] not in "ZX":
            children.setdefault(found[1], []).append(int(entry))
    below: list[int] = []
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in roots:
                below.append(child)
                todo.append(child)
    return below


def send_signal(pids: list[int], number: int) -> None:
    """Send a signal to each of the processes that is still there."""
    for pid in pids:
        try:  # noqa: SIM105  (contextlib is more than a keeper should carry)
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def environment(pid: int) -> list[bytes]:
    """What a process began with; nothing if it is gone, or not ours to look into."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def boot_id() -> str:
    """Which boot of the machine this is."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def memory_and_cpu(pid: int) -> tuple[int, int]:
    """Resident bytes and nanoseconds of processor time of a process; zeros when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    ticks = int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    resident = int(fields[_RESIDENT_PAGES]) * os.sysconf("SC_PAGE_SIZE")
    return resident, ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
