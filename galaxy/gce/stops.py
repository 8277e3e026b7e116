"""
Carries out stops: SIGTERM, patience, SIGKILL, until nothing lives.

Which step comes next is decided by `galaxy.gce.lifecycle.stop_step`. A stop lasts
as long as this gce: who asked a gce that was killed asks the next one again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from galaxy.gce.cgroups import CgroupError, ICgroups
from galaxy.gce.container import Container, Process
from galaxy.gce.interfaces import IKeepers, IRecords
from galaxy.gce.lifecycle import (
    OVER,
    Life,
    Step,
    Stopping,
    Verdict,
    begin_stop,
    look_again_in,
    stop_step,
)


class Stops:
    """The stops under way; each is kept in its container."""

    _log = Logger()

    def __init__(self, records: IRecords, cgroups: ICgroups, clock: IReactorTime) -> None:
        self._records = records
        self._cgroups = cgroups
        self._clock = clock

    def stop(self, container: Container, grace_s: float) -> Deferred[None]:
        """Begin a stop, or hurry the one under way; fires when nothing lives."""
        container.stopping = begin_stop(container.stopping, grace_s, self._clock.seconds())
        stopped: Deferred[None] = Deferred()
        container.stopped.append(stopped)
        self.go_on(container)
        return stopped

    def go_on(self, container: Container) -> None:
        """Take the next step of the stop under way, if any, and come back for the one after."""
        stopping = container.stopping
        if stopping is None:
            return
        now = self._clock.seconds()
        try:
            done = self._step(container, stopping, now)
        except CgroupError as error:
            self._log.warn("stopping {name}: {error}", name=container.name, error=error)
            done = False
        self._look_no_more(container)
        if done:
            self.finish(container)
        else:
            seconds = look_again_in(stopping, now)
            container.look = self._clock.callLater(seconds, self.go_on, container)

    def finish(self, container: Container) -> None:
        """Nothing lives in it: answer who waits for that."""
        self._look_no_more(container)
        container.stopping = None
        stopped, container.stopped = container.stopped, []
        for waiting in stopped:
            waiting.callback(None)

    def _step(self, container: Container, stopping: Stopping, now: float) -> bool:
        """Carry out one step; whether it was the last."""
        keepers = container.keepers()
        alive = bool(keepers) or bool(self._cgroups.pids(container.name, keepers))
        step = stop_step(stopping, Life(container.is_starting(), alive), now)
        if step is Step.TERM:
            container.stopping = evolve(stopping, termed=True)
            self._note(container)
            self._cgroups.terminate(container.name, keepers)
        elif step is Step.KILL:
            self._cgroups.kill_all(container.name, keepers)
            for process in container.processes.values():
                if process.verdict is Verdict.STARTING and process.watch is not None:
                    process.watch.signal(signal.SIGKILL)  # it may not be in a group yet
        return step is Step.DONE

    def _note(self, container: Container) -> None:
        """Let keepers know, so that they leave what SIGTERM reached the time to obey."""
        for process in container.processes.values():
            if process.watch is not None:
                try:
                    self._records.note_stop(process.id)
                except OSError as error:
                    # It is stopped all the same, only less patiently.
                    self._log.warn("stopping {name}: {error}", name=process.id, error=error)

    def _look_no_more(self, container: Container) -> None:
        if container.look is not None and container.look.active():
            container.look.cancel()
        container.look = None


async def end_process(
    process: Process,
    begun: Callable[[], list[int]],
    keepers: IKeepers,
    grace_s: float,
    clock: IReactorTime,
) -> None:
    """
    SIGTERM to a process and all that it began, after the grace SIGKILL; until none lives.

    A process about to begin is waited for. `begun`: what else it began, besides its descendants.
    """
    stopping = begin_stop(None, grace_s, clock.seconds())
    numbers = {Step.TERM: signal.SIGTERM, Step.KILL: signal.SIGKILL}
    while True:
        others, watch = begun(), process.watch
        runs = process.verdict is Verdict.RUNNING and watch is not None
        starting = process.verdict not in OVER and not runs
        step = stop_step(stopping, Life(starting, runs or bool(others)), clock.seconds())
        if step is Step.DONE:
            return
        if step in numbers:
            stopping = evolve(stopping, termed=True)
            keepers.signal(others, numbers[step])
            if watch is not None:
                watch.signal(numbers[step])
        await deferLater(clock, look_again_in(stopping, clock.seconds()))
