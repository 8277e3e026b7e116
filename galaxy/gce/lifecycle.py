"""
What gce makes of what it knows: of a process by its record, of a stop by the clock.

Pure: no files, no clock, no signals. `galaxy.gce.supervisor` carries out.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Mapping

from attrs import evolve, frozen

from galaxy.gce.record import ProcessId, Record
from galaxy.protocol.gce_pb2 import (
    ProcessState,
    ProcessStatus,
    kProcessEnded,
    kProcessFailed,
    kProcessRunning,
    kProcessStarting,
)


class Verdict(enum.Enum):
    """What a record means."""

    VOID = "was never asked for"
    WANTED = "has not begun, and nobody is about to begin it"
    STARTING = "is about to begin"
    RUNNING = "runs"
    ENDED = "has ended by itself"
    FAILED = "never ran"
    LOST = "ran, and how it ended is not known"


OVER = frozenset({Verdict.ENDED, Verdict.FAILED, Verdict.LOST})


def verdict(record: Record, *, boot: str, keeper_lives: bool, settled: bool) -> Verdict:
    """
    What a record means.

    `keeper_lives` must have been found out before the record was read (a keeper
    writes, then goes). `settled`: whatever was asked of earlier cradles is done.
    """
    same_boot = record.spec is not None and record.spec.boot == boot
    rules = (
        (record.spec is None, Verdict.VOID),
        (record.ended is not None and bool(record.ended.failed), Verdict.FAILED),
        # Ended means that nothing of it lives: the keeper goes last.
        (keeper_lives and record.started is not None, Verdict.RUNNING),
        (keeper_lives, Verdict.STARTING),
        (record.ended is not None, Verdict.ENDED),
        (record.started is not None, Verdict.LOST),
        (record.claim is not None or not same_boot, Verdict.FAILED),
        (settled, Verdict.WANTED),
    )
    return next((found for applies, found in rules if applies), Verdict.STARTING)


_STATES: dict[Verdict, ProcessState] = {
    Verdict.WANTED: kProcessStarting,
    Verdict.STARTING: kProcessStarting,
    Verdict.RUNNING: kProcessRunning,
    Verdict.ENDED: kProcessEnded,
    Verdict.LOST: kProcessEnded,
    Verdict.FAILED: kProcessFailed,
}
_LOST_REASON = "its keeper was killed, or the machine restarted: the exit status is not known"
_FAILED_REASON = "its keeper was killed, or the machine restarted, before it could begin"


def status(process: ProcessId, found: Verdict, record: Record, cgroup: str) -> ProcessStatus:
    """What people and agents are told of a process. A lost end counts as SIGKILL."""
    told = ProcessStatus(
        container=process.container, name=process.name, state=_STATES[found], cgroup=cgroup
    )
    if record.started is not None:
        told.pid = record.started.pid
        told.start_time = record.started.time
    if record.ended is not None:
        told.exit_code = record.ended.code
        told.signal = record.ended.signal
        told.core_dumped = record.ended.core
        told.oom_killed = record.ended.oom
        told.end_time = record.ended.time
        told.user_cpu_s = record.ended.user_cpu_s
        told.system_cpu_s = record.ended.system_cpu_s
        told.max_rss = record.ended.max_rss
        told.reason = record.ended.failed
    elif found is Verdict.LOST:
        told.signal = signal.SIGKILL
        told.reason = _LOST_REASON
    elif found is Verdict.FAILED:
        told.reason = _FAILED_REASON
    return told


REMEMBERED = 32


def superfluous(ended: Mapping[str, float]) -> list[str]:
    """
    Which of a container's ended processes are to be forgotten, by name and time of the end.

    A task that is started again and again is "main.0", "main.1", ...: of such a
    family the latest are remembered.
    """
    families: dict[str, list[str]] = {}
    for name in sorted(ended, key=lambda name: ended[name]):
        families.setdefault(name.rpartition(".")[0], []).append(name)
    return [name for family in families.values() for name in family[:-REMEMBERED]]


class Step(enum.Enum):
    """What a stop does next."""

    DONE = "nothing lives"
    TERM = "SIGTERM to all"
    KILL = "SIGKILL to all"
    WAIT = "look again"


@frozen
class Stopping:
    """A stop under way. `term_at` is None until SIGTERM was sent."""

    kill_at: float
    termed: bool = False


@frozen
class Life:
    """What of a container lives: processes about to begin, and those that have."""

    starting: bool
    running: bool


LOOK_AGAIN_S = 0.05
LONGEST_BEGINNING_S = 10.0


def begin_stop(current: Stopping | None, grace_s: float, now: float) -> Stopping:
    """A stop with its grace; of two the shorter grace counts."""
    kill_at = now + max(0.0, grace_s)
    if current is None:
        return Stopping(kill_at)
    return evolve(current, kill_at=min(current.kill_at, kill_at))


def stop_step(stopping: Stopping, life: Life, now: float) -> Step:
    """
    The next step of a stop.

    A process about to begin is waited for: only then can it be signalled, and
    none may be missed by the one SIGTERM. But not for ever: what it waits for itself, a
    file system that does not answer, may never come.
    """
    if not (life.starting or life.running):
        return Step.DONE
    if life.starting:
        return Step.KILL if now >= stopping.kill_at + LONGEST_BEGINNING_S else Step.WAIT
    if now >= stopping.kill_at:
        return Step.KILL
    return Step.WAIT if stopping.termed else Step.TERM


def look_again_in(stopping: Stopping, now: float) -> float:
    """How long to wait for the next step, in seconds."""
    left = stopping.kill_at - now
    return min(LOOK_AGAIN_S, left) if left > 0 else LOOK_AGAIN_S
