"""
Failpoints at every step of a daemon, without a word of them in the daemon.

What a process knows dies with it; what it has done stays. So there are as many ways
to die as there are calls that change something outside of the process: each such
call that has just returned is a *step*, and an exec that is about to be made is one.
A profiling function sees them all, in whatever code they are: a step that somebody
adds tomorrow is found tomorrow. Nothing of it is there when it is not installed,
and only tests install it.

`install` opens three files of a directory, so that they can be reached from whatever
root and namespace the process goes to later:

    order    SERIAL, STEP, COUNT, VICTIMS, separated by tabs: who dies at the COUNT-th time
             that this STEP is reached; "*" for the step: nobody, but tell of each
    reached  a FIFO: what is told, to whoever executes (`tests.survival.nursery`)
    go       a FIFO: a byte for a process that was not among the victims

Imports nothing outside of the standard library: the cradle carries it, too.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ORDER, REACHED, GO = "order", "reached", "go"
EVERY = "*"
LONGEST = 512

_CALLS = {
    "posix": {
        *("mkdir", "rmdir", "rename", "replace", "unlink", "remove", "symlink", "link", "open"),
        *("write", "pwrite", "fsync", "truncate", "ftruncate", "chmod", "chown", "fork", "kill"),
        *("setsid", "chdir", "setgroups", "setgid", "setuid", "wait4", "waitpid", "utime"),
    },
    "_io": {"open"},
    "_posixsubprocess": {"fork_exec"},
    "fcntl": {"flock"},
    "signal": {"pidfd_send_signal"},
    "socket": {"send", "sendmsg", "sendto", "bind", "listen", "connect"},
}
_NAMES = set().union(*_CALLS.values())
_LAST = {"execve", "execv"}  # these do not return
# Python functions whose work is done in C where no profiler sees it; no name: all that others call.
_RETURNS = (
    ("galaxy/gce/kernel.py", ""),
    ("galaxy/libc.py", "mount"),
    ("galaxy/libc.py", "unmount"),
    ("galaxy/nexus/database.py", "write"),
    ("/pathlib.py", "write_text"),
    ("/pathlib.py", "write_bytes"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_DESCRIPTORS_FROM = 300
_ANCESTORS = 12


class _Watch:
    def __init__(self, directory: Path, role: str) -> None:
        self._role = role
        self._order = _opened(directory / ORDER, os.O_RDONLY)
        self._reached = _opened(directory / REACHED, os.O_RDWR)
        self._go = _opened(directory / GO, os.O_RDWR)
        self._last = b""
        self._wanted, self._count = "", 0
        self._counts: Counter[str] = Counter()
        self._returns: dict[CodeType, bool] = {}
        self._writes = False
        sys.addaudithook(self._audit)

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """See what is called, and what returns."""
        if event == "c_return":
            if arg.__name__ in _NAMES and self._changes(arg):
                self._step(frame, arg.__name__)
        elif event == "c_call":
            if arg.__name__ in _LAST:
                self._step(frame, arg.__name__)
        elif event == "return":
            code = frame.f_code
            counts = self._returns.get(code)
            if counts is None:
                counts = self._returns[code] = any(
                    code.co_filename.endswith(path)
                    and (code.co_name == name or not (name or code.co_name.startswith(("_", "<"))))
                    for path, name in _RETURNS
                )
            if counts:
                self._step(frame, "return")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            plain = isinstance(mode, str) and not set(mode) & set("wax+")
            self._writes = not plain and bool(flags & _WRITING)

    def _changes(self, function: Any) -> bool:
        owner = function.__self__
        where = getattr(owner, "__name__", None) or type(owner).__name__
        if function.__name__ not in _CALLS.get(where, ()):
            return False
        return function.__name__ != "open" or self._writes

    def _step(self, frame: FrameType, call: str) -> None:
        try:
            order = os.pread(self._order, LONGEST, 0)
        except OSError:
            return  # the process has closed what it does not know
        if order != self._last:
            self._last = order
            _serial, self._wanted, count, _victims = order.decode().rstrip(" ").split("\t")
            self._count = int(count)
            self._counts.clear()
        wanted = self._wanted
        if not wanted:
            return
        step = f"{self._role} {_place(frame)} {call}"
        if wanted not in (step, EVERY):
            return
        self._counts[step] += 1
        if wanted == EVERY:
            self._tell(order, step)
        elif self._counts[step] == self._count:
            self._tell(order, step)
            os.read(self._go, 1)

    def _tell(self, order: bytes, step: str) -> None:
        told = f"{order.decode().rstrip(' ')}\t{os.getpid()}\t{step}\t{self._counts[step]}\n"
        os.write(self._reached, told.encode())


def install(directory: Path, role: str) -> None:
    """Watch this process, and all that it forks, from now on."""
    watch = _Watch(directory, role)
    threading.setprofile(watch.profile)
    sys.setprofile(watch.profile)


def write_order(directory: Path, serial: int, step: str, count: int, victims: str) -> None:
    """Say who is to die when; an empty step: nobody."""
    text = f"{serial}\t{step}\t{count}\t{victims}".ljust(LONGEST)
    fd = os.open(directory / ORDER, os.O_WRONLY | os.O_CREAT, 0o644)
    os.pwrite(fd, text.encode(), 0)
    os.close(fd)


def _opened(path: Path, flags: int) -> int:
    import fcntl

    fd = os.open(path, flags)
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTORS_FROM)
    os.close(fd)
    return high


def _place(frame: FrameType | None) -> str:
    """Where in Galaxy this is, by file, line and function; else where it is at all."""
    at = frame
    for _ in range(_ANCESTORS):
        if at is None:
            break
        path, _, name = at.f_code.co_filename.rpartition("/galaxy/")
        if path and not name.startswith(".venv"):
            return f"{name}:{at.f_lineno} {at.f_code.co_name}"
        at = at.f_back
    assert frame is not None
    code = frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{frame.f_lineno} {code.co_name}"
