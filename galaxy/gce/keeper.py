"""
The keeper: the parent of one task process, which needs nobody to do its work.

Forked by the cradle (`galaxy.gce.cradle`). Its working directory is the record
of the process (`galaxy.gce.records` is gce's view of the same files):

    spec     by gce, complete before the cradle was asked: what to run
    claim    a symbolic link to "PID:STARTTIME" of the keeper. Its creation is
             atomic and happens once: no process is ever started twice
    started  complete before the task's command may begin
    stop     by gce, before it sends SIGTERM to all of the container
    ended    by the keeper, whole or absent: how it ended, or why it never ran

So: no claim, nothing ran; a claim without `started`, the command never ran;
`started` without `ended` and no such keeper, its end is lost.

Of a task in a box the keeper is process 1: the kernel leaves nothing of it when the keeper
goes, however that happens. Pids in the record are the machine's, not the box's.

The keeper stays outside the task's control groups and keeps its rights: what
freezes, starves or kills the task does not reach it. When the command has
ended, the keeper ends whatever the command left behind before it goes itself:
a keeper that is gone means that nothing of its process lives.

Memory is why it reads as it does. A keeper shares the cradle's pages until it
writes to them, and in Python to touch an object is to write to it. So the child,
whose memory exec throws away, does all the work of starting (`galaxy.gce.birth`);
and what the keeper does after the end no longer counts.
"""

from __future__ import annotations

import json
import os
import signal
import time

from galaxy.gce.birth import (
    CLAIM,
    ENDED,
    SPEC,
    STARTED,
    STOP,
    TAKEN,
    bear,
    oom_kills,
    visit_neighbour,
)
from galaxy.gce.box import Template
from galaxy.gce.kernel import adopt_orphans, await_children, name_process
from galaxy.gce.procfs import descendants, send_signal

_DISK_RETRY_S = 1.0
_LEFTOVERS_GRACE_S = 2.0
_LEFTOVERS_LOOK_S = 0.02


def keep(
    directory: bytes,
    lock: int,
    report: int,
    message: bytes,
    *,
    joins: bool,
    template: Template | None,
) -> None:
    """
    Be the keeper of the process recorded in `directory`; returns when all is over.

    `lock` is closed once the record is claimed. `message` is written to `report`
    once the record says that the process started, or why it did not. `joins`: into the
    namespaces of the process that the spec names. `template`: of the box, if it gets one.
    """
    os.chdir(directory)
    name_process(b"galaxy-keeper")
    await_children()
    adopt_orphans()
    outcome, say = os.pipe()
    parent, neighbour = os.getpid(), None
    if joins:
        # What is in another namespace of process ids sees its parent as 0.
        parent, neighbour = 0, visit_neighbour()
    try:
        task = os.fork()
    except OSError as error:
        write_failed(f"cannot fork the task: {error.strerror}")
        _tell(report, message)
        return
    if task == 0:
        bear(parent, say, neighbour, template)
    os.setsid()  # not before there is a child: see `galaxy.gce.birth`
    os.close(say)
    failure = os.read(outcome, 4096)  # empty: exec closed the other end
    os.close(outcome)
    os.close(lock)
    if failure == TAKEN:
        return
    if failure:
        os.waitpid(task, 0)
        write_failed(failure.decode(errors="replace"))
        _tell(report, message)
        return
    _tell(report, message)
    _write_ended(_end_of(task))
    _end_leftovers()


def write_failed(reason: str) -> None:
    """Record, in the working directory, that the command never ran."""
    _write_ended({"failed": reason, "time": time.time()})


def give_up(report: int, message: bytes) -> None:
    """Leave no process undecided that this keeper was to start, whatever went wrong with it."""
    if not os.path.lexists(CLAIM):
        write_failed("its keeper failed; the log of gce says how")
    _tell(report, message)


def _tell(report: int, message: bytes) -> None:
    try:  # noqa: SIM105  (contextlib is more than a keeper should carry)
        os.write(report, message)
    except OSError:
        pass  # gce is gone: the next one reads the record
    os.close(report)


def _end_of(task: int) -> dict[str, object]:
    """Wait for it, and reap whatever else ends meanwhile; how it ended."""
    pid = 0
    while pid != task:
        pid, status, usage = os.wait4(-1, 0)
    signalled = os.WIFSIGNALED(status)
    return {
        "code": 0 if signalled else os.WEXITSTATUS(status),
        "signal": os.WTERMSIG(status) if signalled else 0,
        "core": os.WCOREDUMP(status),
        "oom": status != 0 and _oom_killed(),
        "time": time.time(),
        "user_cpu_s": usage.ru_utime,
        "system_cpu_s": usage.ru_stime,
        "max_rss": usage.ru_maxrss * 1024,
    }


def _oom_killed() -> bool:
    """Whether the kernel killed for memory in the task's group while the task ran."""
    try:
        with open(SPEC, "rb") as spec, open(STARTED, "rb") as started:
            before = json.load(started)["oom_kills"]
            return oom_kills(json.load(spec)["oom_events"]) > before
    except FileNotFoundError:
        return False  # the record is being removed: nobody will ask


def _write_ended(values: dict[str, object]) -> None:
    """
    Write the end, whole or not at all, however long the disk takes.

    A full disk is waited for: this process is all that knows. A directory that
    is gone means that nobody will ask.
    """
    temporary = ENDED + ".new"
    while True:
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(fd, json.dumps(values).encode())
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, ENDED)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_DISK_RETRY_S)
        else:
            return


def _end_leftovers() -> None:
    """
    End what the command left running, wherever it hid: all of it descends from here.

    In a stop it has had SIGTERM, and gce will see to its SIGKILL. Else the
    command has ended by itself: what it left gets SIGTERM, a moment, and SIGKILL.
    What was left behind in another's namespaces is with the keeper there, and ends with it.
    """
    if _none_left():
        return
    if not os.path.exists(STOP):
        _signal_leftovers(signal.SIGTERM)
    killing_at = time.monotonic() + _LEFTOVERS_GRACE_S
    while not _none_left():
        if os.path.exists(STOP):
            os.waitpid(-1, 0)
        elif time.monotonic() < killing_at:
            time.sleep(_LEFTOVERS_LOOK_S)
        else:
            _signal_leftovers(signal.SIGKILL)
            os.waitpid(-1, 0)


def _signal_leftovers(number: int) -> None:
    me = os.getpid()
    if me == 1:  # in a box: all that this can see, but itself
        try:  # noqa: SIM105  (contextlib is more than a keeper should carry)
            os.kill(-1, number)
        except ProcessLookupError:
            pass
    else:
        send_signal(descendants({me}), number)


def _none_left() -> bool:
    """Whether there is no child left, once those that have ended are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return True
    return False
