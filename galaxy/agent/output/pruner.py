"""
Keeps the logs of living pods within their bounds.

It looks at all of them every few seconds, in a thread, and more often while one of
them is growing fast. A task that writes without end so keeps its latest output,
and nobody has to reopen a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.book import Book
from galaxy.agent.inthread import InThread
from galaxy.agent.output.cuts import Punch, Remove, Weight, cuts
from galaxy.agent.output.holes import CannotPunch, punch_front
from galaxy.agent.output.outputs import Order, output
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.types_pb2 import TaskDescriptor
from galaxy.settings import AgentSettings

LOOK_S = 2.0
HURRY_S = 0.25
LEAST_PAUSE = 100  # as many times as long as a look takes: a hundredth of a processor, no more
_HEALTH_BYTES = 1 << 20
_BLOCK = 512  # the unit of st_blocks

_log = Logger()


@frozen
class Bounds:
    """A pod's directory, and what is kept of the logs of each of its tasks, in bytes."""

    directory: Path
    log_bytes: Mapping[int, int]


def log_bound(task: TaskDescriptor, settings: AgentSettings) -> int:
    """How much is kept of a task's stdout, and of its stderr."""
    return min(task.log_bytes or settings.log_bytes, settings.log_bytes_most)


def bounds_of(book: Book, workspaces: Workspaces, settings: AgentSettings) -> list[Bounds]:
    """Where the logs of all pods are, and how long they may be."""
    return [
        Bounds(
            workspaces.places(pod.home).directory,
            {
                number: log_bound(task, settings)
                for number, task in enumerate(book.description(pod).pod.tasks)
            },
        )
        for pod in book.pods.values()
    ]


class Pruner:
    """Prunes what `bounds` names, as long as it runs."""

    def __init__(
        self,
        bounds: Callable[[], Iterable[Bounds]],
        in_thread: InThread,
        clock: IReactorTime,
    ) -> None:
        self._bounds = bounds
        self._in_thread = in_thread
        self._clock = clock
        self._unable = False
        self._pruning: Deferred[None] | None = None

    def start(self, broken: Callable[[Failure], None]) -> None:
        """Begin to look after the logs; `broken` is told of a fault of ours, which ends that."""
        self._pruning = Deferred.fromCoroutine(self._prune_for_ever())
        self._pruning.addErrback(broken)

    def stop(self) -> None:
        """Look after them no more."""
        if self._pruning is not None:
            self._pruning.cancel()

    async def _prune_for_ever(self) -> None:
        try:
            while True:
                begun = self._clock.seconds()
                bounds = list(self._bounds())
                busy: bool = await self._in_thread(partial(self._prune_all, bounds))
                took_s = self._clock.seconds() - begun
                pause_s = HURRY_S if busy else max(LOOK_S, took_s * LEAST_PAUSE)
                await deferLater(self._clock, pause_s)
        except CancelledError:
            pass  # `stop`

    def _prune_all(self, bounds: Iterable[Bounds]) -> bool:
        """In a thread. Whether a log had grown beyond its bound."""
        busy = False
        for each in bounds:
            try:
                busy |= prune(each)
            except CannotPunch as error:
                if not self._unable:
                    self._unable = True
                    _log.warn(
                        "logs on the file system of {path} grow without a bound: holes cannot be"
                        " punched into its files: {error}",
                        path=each.directory,
                        error=error,
                    )
            except OSError as error:
                _log.warn("{path} is not pruned: {error}", path=each.directory, error=error)
        return busy


def prune(bounds: Bounds) -> bool:
    """
    Prune the logs in one directory; whether there was anything to give back.

    Raises `CannotPunch` when the file system cannot, after all that it can; and `OSError`.
    """
    unable: CannotPunch | None = None
    found = False
    for (number, stream), files in _logs(bounds.directory).items():
        bound = _HEALTH_BYTES if stream == "health" else bounds.log_bytes.get(number)
        if bound is None:  # of a task that an earlier version had
            continue
        ordered = [weight for _, weight in sorted(files, key=lambda pair: pair[0])]
        for cut in cuts(ordered, bound):
            path = bounds.directory / cut.name
            try:
                match cut:
                    case Remove():
                        path.unlink()
                    case Punch(keep=keep):
                        punch_front(path, keep)
                found = True
            except FileNotFoundError:
                pass  # the directory was moved: its pod is dead
            except CannotPunch as error:
                unable = error
    if unable is not None:
        raise unable
    return found


def _logs(directory: Path) -> dict[tuple[int, str], list[tuple[Order, Weight]]]:
    """The files of each log, by task and stream; what a health check writes is one, too."""
    logs: dict[tuple[int, str], list[tuple[Order, Weight]]] = {}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                number, _, stream = entry.name.partition(".")
                order = (0, 0, 0)
                if (each := output(entry.name)) is not None:
                    stream, order = "stderr" if each.stderr else "stdout", each.order
                elif stream != "health" or not number.isdecimal():
                    continue
                status = entry.stat(follow_symlinks=False)
                weight = Weight(entry.name, status.st_size, status.st_blocks * _BLOCK)
                logs.setdefault((int(number), stream), []).append((order, weight))
    except FileNotFoundError:
        pass  # it has none yet, or none any more
    return logs
