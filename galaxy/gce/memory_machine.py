"""A machine in memory: what the supervisor needs of disk, kernel and cradle."""

from __future__ import annotations

import errno
import itertools
import os
import re
import signal
from collections.abc import Callable, Collection, Iterator
from functools import partial

from attrs import define, evolve, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from galaxy.gce.cgroups import Allowance, Ceiling, Entrance, ICgroups, Usage
from galaxy.gce.interfaces import IKeepers, IKeeperWatch, ILauncher, IRecords
from galaxy.gce.record import NOTHING, Claim, Ended, ProcessId, Record, Spec, Started

BOOT = "the only boot"


@frozen
class Behaviour:
    """
    What a process does. Times in seconds, None: never.

    `run_s`: until it ends by itself; `term_s`: until it obeys SIGTERM;
    `failed`: why it cannot even be started.
    """

    run_s: float | None = None
    exit_code: int = 0
    signal: int = 0
    oom: bool = False
    term_s: float | None = 0.0
    failed: str = ""


Behave = Callable[[ProcessId, Spec], Behaviour]

_EXIT = re.compile(r"exit (\d+)")
_SLEEP = re.compile(r"sleep ([0-9.]+)")


def usual(process: ProcessId, spec: Spec) -> Behaviour:
    """
    "exit N" and "sleep N" do what they say; else a process named "main..." runs for
    ever, and any other (a deployment, a stop command) ends well at once.
    """
    if (exits := _EXIT.fullmatch(spec.command)) is not None:
        return Behaviour(run_s=0.0, exit_code=int(exits[1]))
    if (sleeps := _SLEEP.fullmatch(spec.command)) is not None:
        return Behaviour(run_s=float(sleeps[1]))
    return Behaviour(run_s=None if process.name.startswith("main") else 0.0)


@implementer(IKeeperWatch)
@define(eq=False)
class _Live:
    """A process that runs."""

    process: ProcessId
    behaviour: Behaviour
    signalled: Callable[[int], None]
    gone: Callable[[], None] | None = None
    end: IDelayedCall | None = None

    def signal(self, number: int) -> None:
        self.signalled(number)

    def stop(self) -> None:
        self.gone = None


@implementer(IRecords)
class MemoryRecords:
    """
    Records in a dict. `full`: the disk is, and writing raises `ENOSPC`. `damaged`: with
    which error reading fails.
    """

    def __init__(self) -> None:
        self.full = False
        self.by_id: dict[ProcessId, Record] = {}
        self.damaged: dict[ProcessId, int] = {}

    def write_spec(self, process: ProcessId, spec: Spec) -> None:
        """Keep it, unless the disk is full."""
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.by_id[process] = Record(spec)

    def read_claim(self, process: ProcessId) -> Claim | None:
        """The claim."""
        return self.read(process).claim

    def read(self, process: ProcessId, known: Record = NOTHING) -> Record:
        """The record."""
        if process in self.damaged:
            raise OSError(self.damaged[process], os.strerror(self.damaged[process]))
        return self.by_id.get(process, known)

    def note_stop(self, process: ProcessId) -> None:
        """Nobody needs to know."""

    def processes(self) -> Iterator[ProcessId]:
        """Each."""
        return iter(tuple(self.by_id))

    def forget_process(self, process: ProcessId) -> None:
        """Drop one."""
        self.by_id.pop(process, None)

    def forget(self, container: str) -> None:
        """Drop all of a container."""
        for process in self.processes():
            if process.container == container:
                del self.by_id[process]


@implementer(ILauncher, IKeepers, ICgroups)
class MemoryMachine:
    """Processes that behave as told. A keeper has its task's pid."""

    def __init__(
        self, clock: IReactorTime, behave: Behave, isolation: str = "cgroup-v1", reason: str = ""
    ) -> None:
        self.isolation = isolation
        self.reason = reason
        self.records = MemoryRecords()
        self.live: dict[int, _Live] = {}
        self.launched: list[ProcessId] = []
        self.usages: dict[str, Usage] = {}
        self.allowances: dict[str, Allowance] = {}
        self.ceiling = Ceiling()
        self._behave = behave
        self._clock = clock
        self._pids = itertools.count(1001)
        self._news: Callable[[ProcessId], None] | None = None

    def start(self, ready: Callable[[], None], news: Callable[[ProcessId], None]) -> None:
        """Ready at once."""
        self._news = news
        ready()

    def stop(self) -> None:
        """Nothing to close."""
        self._news = None

    def launch(self, process: ProcessId, spec: Spec) -> None:
        """Start it, and say so, before this returns."""
        record = self.records.by_id[process]
        if record.claim is not None:
            return
        behaviour = self._behave(process, spec)
        now, pid = self._clock.seconds(), next(self._pids)
        self.launched.append(process)
        claim = Claim(pid, pid)
        if behaviour.failed:
            record = evolve(record, claim=claim, ended=Ended(now, failed=behaviour.failed))
        else:
            record = evolve(record, claim=claim, started=Started(pid, pid, now))
            live = self.live[pid] = _Live(process, behaviour, partial(self._signal, pid))
            if behaviour.run_s is not None:
                ended = Ended(0.0, behaviour.exit_code, behaviour.signal, oom=behaviour.oom)
                live.end = self._clock.callLater(behaviour.run_s, self.end, pid, ended)
        self.records.by_id[process] = record
        if self._news is not None:
            self._news(process)

    def end(self, pid: int, ended: Ended) -> None:
        """End a living process now; its record says so before its keeper goes."""
        live = self.live.pop(pid)
        if live.end is not None and live.end.active():
            live.end.cancel()
        ended = evolve(ended, time=self._clock.seconds())
        if live.process in self.records.by_id:
            record = self.records.by_id[live.process]
            self.records.by_id[live.process] = evolve(record, ended=ended)
        if live.gone is not None:
            live.gone()

    def watch(self, claim: Claim, gone: Callable[[], None]) -> IKeeperWatch | None:
        """Watch a living process."""
        live = self.live.get(claim.pid)
        if live is not None:
            live.gone = gone
        return live

    def limit(self, ceiling: Ceiling) -> None:
        """Note the ceiling."""
        self.ceiling = ceiling

    def with_setting(self, pids: Collection[int], setting: str) -> list[int]:
        """None: what lives here begins nothing."""
        return []

    def signal(self, pids: Collection[int], number: int) -> None:
        """Each obeys as it behaves."""
        for pid in pids:
            self._signal(pid, number)

    def create(self, container: str, allowance: Allowance) -> Entrance:
        """Note the allowance."""
        self.allowances[container] = allowance
        return Entrance()

    def path(self, container: str) -> str:
        """As on a real machine."""
        return "" if self.isolation == "none" else f"/galaxy/{container}"

    def pids(self, container: str, keepers: Collection[int]) -> list[int]:
        """The living processes of a container."""
        return [pid for pid, live in self.live.items() if live.process.container == container]

    def terminate(self, container: str, keepers: Collection[int]) -> None:
        """Whoever obeys ends after its time, by the signal."""
        for pid in self.pids(container, keepers):
            self._signal(pid, signal.SIGTERM)

    def kill_all(self, container: str, keepers: Collection[int]) -> None:
        """All end, as soon as the clock moves."""
        for pid in self.pids(container, keepers):
            self._signal(pid, signal.SIGKILL)

    def freeze(self, container: str) -> None:
        """Behaviours do not freeze."""

    def thaw(self, container: str) -> None:
        """Nothing was frozen."""

    def usage(self, container: str, keepers: Collection[int]) -> Usage:
        """As the test said, else nothing but the number of processes."""
        return self.usages.get(container) or Usage(pids=len(self.pids(container, keepers)))

    def containers(self) -> list[str]:
        """Those with an allowance."""
        return list(self.allowances)

    def remove(self, container: str) -> None:
        """Forget the allowance."""
        self.allowances.pop(container, None)

    def close(self) -> None:
        """Nothing to remove."""

    def _signal(self, pid: int, number: int) -> None:
        seconds = 0.0 if number == signal.SIGKILL else self.live[pid].behaviour.term_s
        if seconds is not None:
            self._end_later(pid, seconds, number)

    def _end_later(self, pid: int, seconds: float, number: int) -> None:
        live = self.live[pid]
        at = self._clock.seconds() + seconds
        if live.end is not None and live.end.active():
            if live.end.getTime() <= at:
                return
            live.end.cancel()
        live.end = self._clock.callLater(seconds, self.end, pid, Ended(0.0, signal=number))
