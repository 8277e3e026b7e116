"""
From the fork to the exec: how the keeper's child becomes the task.

The record's directory is the working directory (see `galaxy.gce.keeper`).
Everything that can fail says, in one sentence, which step it was.

Note: sessions and the scheduler
    Where the scheduler groups by session (autogroup), whoever makes one goes to the end of its
    queue, 3 ms where two others want the processor. So does who joins a group of the cpu
    controller, and there sessions count no more. So the task joins before it makes its session,
    and the keeper makes its own when the task is on its way.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from typing import Any, NoReturn

from galaxy.gce import way
from galaxy.gce.box import Template, enter
from galaxy.gce.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    bound_capabilities,
    die_with_parent,
    drop_capabilities,
    filter_system_calls,
    heed,
    renounce_privileges,
    set_namespaces,
)
from galaxy.gce.passage import open_passage
from galaxy.gce.procfs import open_process, start_time, stat
from galaxy.gce.seccomp import default_filter, is_known

SPEC, CLAIM, STARTED, STOP, ENDED = "spec", "claim", "started", "stop", "ended"
TAKEN = b"\0"  # said instead of a reason: another keeper has this process

_IGNORED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGCHLD,
)
_OPEN_FILES = 65536
_READ = 65536
_FILES_AND_PIPES = (0o100000, 0o010000)


_NO_NEIGHBOUR = "the process whose box it was to share has ended"
# What the specs of earlier gces lack.
_SINCE: dict[str, Any] = {
    "box": None,
    "neighbour": None,
    "seccomp": False,
    "stdin": "",
    "terminal": "",
}


class _RefusedError(Exception):
    """The task cannot be started; says why."""


def visit_neighbour() -> int:
    """
    See to it that the next child is among the processes of the box that the spec names.

    A descriptor of the process there, for `bear`; -1: it has gone.
    """
    with open(SPEC, "rb") as file:
        neighbour = json.load(file)["neighbour"]
    fd = open_process(neighbour["pid"], neighbour["start"])
    if fd is None:
        return -1
    try:
        set_namespaces(fd, CLONE_NEWPID)
    except ProcessLookupError:
        return -1
    return fd


def bear(parent: int, say: int, neighbour: int | None, template: Template | None) -> NoReturn:
    """
    Claim the record and become the task, or write the reason to `say`.

    `parent` is the keeper, as this process sees it. `say` is closed by a successful exec.
    `neighbour`: see `visit_neighbour`. `template`: of its box.
    """
    try:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(0)
        keeper = _keeper()
        os.symlink(f"{keeper}:{start_time(keeper)}", CLAIM)
    except FileExistsError:
        os.write(say, TAKEN)
        os._exit(0)
    except OSError as error:
        os.write(say, f"cannot claim the process: {error.strerror}".encode())
        os._exit(127)
    try:
        _become(parent, neighbour, template)
    except _RefusedError as error:
        os.write(say, str(error).encode()[:4096])
    except BaseException as error:  # noqa: BLE001  (nothing may return into the keeper's code)
        os.write(say, f"cannot start the process: {error!r}".encode()[:4096])
    os._exit(127)


def _keeper() -> int:
    """The keeper's pid, as /proc has it: the machine's, whatever namespace this is in."""
    found = stat("self")
    assert found is not None
    return found[1]


def oom_kills(path: str) -> int:
    """How many processes of a group the kernel has killed for memory; 0 if unknown."""
    if not path:
        return 0
    try:
        for line in read_whole(path).splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    except FileNotFoundError:
        pass  # the group was removed: whoever did it has killed what was in it
    return 0


def read_whole(path: str) -> bytes:
    """All of a small file; by `open` it would be twice as many system calls."""
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, _READ):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def _become(parent: int, neighbour: int | None, template: Template | None) -> NoReturn:
    os.umask(0o022)
    spec = _SINCE | json.loads(read_whole(SPEC))
    with _Step("cannot join its control groups"):
        for path in spec["join"]:
            fd = os.open(path, os.O_WRONLY)
            os.write(fd, b"0")
            os.close(fd)
    os.setsid()  # see the note at the head
    if spec["terminal"]:
        stdio = (_terminal(spec["terminal"]),) * 3
    else:
        stdio = (_input(spec["stdin"]), _output(spec["stdout"]), _output(spec["stderr"]))
    with _Step("cannot set the limits of a process"):
        _limit()
    with _Step("cannot record the start"):
        _record_start(spec)
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    _enter(spec, neighbour, template)
    with _Step(f"cannot enter {spec['cwd']}"):
        _go(spec["cwd"], boxed=template is not None or neighbour is not None)
    _renounce(spec)
    with _Step("cannot be tied to its keeper"):
        die_with_parent()
        if os.getppid() != parent:
            os._exit(0)
    for number in _IGNORED:
        heed(number)
    if spec["seccomp"]:
        machine = os.uname().machine
        if not is_known(machine):
            raise _RefusedError(f"there is no filter of system calls for {machine}")
        with _Step("cannot filter its system calls"):
            filter_system_calls(default_filter(machine))
    with _Step("cannot execute /bin/sh"):
        environment = dict(item.split("=", 1) for item in spec["envs"])
        os.execve("/bin/sh", ["/bin/sh", "-c", spec["command"]], environment)  # noqa: S606


def _enter(spec: dict[str, Any], neighbour: int | None, template: Template | None) -> None:
    """Go where the task is to be: another's box, one of its own, or the machine itself."""
    if neighbour is not None:
        if neighbour < 0:
            raise _RefusedError(_NO_NEIGHBOUR)
        with _Step("cannot enter the box of another process"):
            root = _root_of(spec["neighbour"])
            set_namespaces(neighbour, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)
            os.fchdir(root)
            os.chroot(".")
    elif template is not None:
        with _Step("cannot make a box"):
            enter(spec["box"], template, as_root=not spec["uid"])
    elif spec["uid"]:
        with _Step(f"cannot enter {spec['cwd']}"):
            open_passage(spec["cwd"], spec["uid"], [spec["gid"], *spec["groups"]])


def _go(directory: str, *, boxed: bool) -> None:
    """Enter it. In a box, what is on the way may be the task's, and a link lead out of the box."""
    if not boxed:
        os.chdir(directory)
        return
    fd = way.directory(directory)
    os.fchdir(fd)
    os.close(fd)


def _root_of(process: dict[str, int]) -> int:
    """
    The root directory of a process.

    That of its mounts is another where the engine itself was begun by chroot.
    """
    fd = os.open(f"/proc/{process['pid']}/root", os.O_PATH | os.O_DIRECTORY)
    if start_time(process["pid"]) != process["start"]:
        raise _RefusedError(_NO_NEIGHBOUR)
    return fd


def _renounce(spec: dict[str, Any]) -> None:
    """Become the user, and give up what the task is not to have."""
    contained = bool(spec["box"] or spec["neighbour"] or spec["uid"])
    if contained:
        with _Step("cannot bound capabilities"):
            bound_capabilities()
    if spec["uid"] is not None:
        with _Step(f"cannot become user {spec['uid']}"):
            os.setgroups(spec["groups"])
            os.setgid(spec["gid"])
            os.setuid(spec["uid"])
    if contained or os.getuid() != 0 or spec["seccomp"]:
        with _Step("cannot renounce privileges"):
            if contained:
                drop_capabilities()
            renounce_privileges()


class _Step:
    """What is being tried, for the reason if it fails."""

    def __init__(self, failure: str) -> None:
        self._failure = failure

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError):
            where = f" ({error.filename})" if error.filename else ""
            raise _RefusedError(f"{self._failure}: {error.strerror}{where}") from error


def _terminal(path: str) -> int:
    """A terminal, which becomes the controlling one, as it has none yet."""
    failure = f"cannot open the terminal {path}"
    with _Step(failure):
        # One that the agent holds open is found by a link of the kernel's.
        follow = 0 if path.startswith("/proc/") else os.O_NOFOLLOW
        fd = os.open(path, os.O_RDWR | follow)
    if not os.isatty(fd):
        raise _RefusedError(f"{failure}: it is none")
    return fd


def _input(path: str) -> int:
    """A file or a pipe to read from; nothing, if no path is given."""
    if not path:
        return os.open(os.devnull, os.O_RDONLY)
    failure = f"cannot read the input from {path}"
    with _Step(failure):
        # A pipe whose writer has gone is at its end: nobody is waited for.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return _own(fd, failure)


def _output(path: str) -> int:
    """
    A file to append to, or a pipe that somebody reads; never through a symbolic link,
    never a device.

    It is opened with the engine's rights, so that the directory of the logs need
    not be writable by the task.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    failure = f"cannot write the output to {path}"
    with _Step(failure):
        fd = os.open(path, flags, 0o644)
    return _own(fd, failure)


def _own(fd: int, failure: str) -> int:
    """The descriptor, if it is of a file or pipe with one name only."""
    found = os.fstat(fd)
    if (found.st_mode & 0o170000) not in _FILES_AND_PIPES or found.st_nlink != 1:
        raise _RefusedError(f"{failure}: it is not a file of its own")
    os.set_blocking(fd, True)
    return fd


def _limit() -> None:
    """As far as the hard limits allow: many open files, no core files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def _record_start(spec: dict[str, Any]) -> None:
    pid = int(os.readlink("/proc/self"))  # the machine's, whatever namespace this is in
    started = {
        "pid": pid,
        "start": start_time(pid),
        "time": time.time(),
        "oom_kills": oom_kills(spec["oom_events"]),
    }
    fd = os.open(STARTED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, json.dumps(started).encode())
    os.close(fd)
