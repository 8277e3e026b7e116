"""
What happened in this reign, as far back as it is kept, and who wants to read it. Pure.

The reign adds what the journal tells; `watching` reads from any point, at its own
pace. Kept are the latest happenings, bounded by their number and by the number of
pods that they tell of; who asks for more is told that earlier ones are lost. What
must be kept for longer, or across masters, is for a monitor to collect.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from attrs import define, evolve, field, frozen

from galaxy import names
from galaxy.master.events import Happening
from galaxy.protocol.master_pb2 import Event

PODS_PER_HAPPENING = 10
"""How many pods the kept happenings may tell of, on average."""

MOST_QUOTED = 1000
"""Of how many happenings it is kept what a task said last: that may be 4 KB."""

LEVELS: dict[tuple[str, str], str] = {
    ("agent", "kDead"): "error",
    ("agent", "silent"): "warning",
    ("agent", "kOffline"): "warning",
    ("cluster", "safe mode"): "warning",
    ("job", "kJobFailed"): "error",
    ("job", "kUpdateReverting"): "error",
    ("job", "kUpdateSuspend"): "warning",
    ("pod", "kStageDeath"): "warning",
    ("pod", "kPodError"): "error",
    ("pod", "kPodSuspend"): "warning",
    ("task", "kTaskError"): "error",
    ("task", "kTaskSuspend"): "warning",
}
"""By kind and what it has become; all else is "info"."""


@frozen
class Wanted:
    """What somebody wants to read of; empty and None: all."""

    job_id: str = ""
    index: int | None = None
    endpoint: str = ""
    since: float = 0.0

    def events(self, number: int, happening: Happening) -> Iterator[Event]:
        """What of a happening is wanted, machine by machine; they share its number."""
        if happening.time < self.since or (self.job_id and happening.job_id != self.job_id):
            return
        if not happening.pods:
            if self.index is None and self.endpoint in {"", happening.endpoint}:
                yield _event(number, happening, happening.endpoint, [])
            return
        where: dict[str, list[int]] = {}
        for index, endpoint in happening.pods:
            if self.index in {None, index} and self.endpoint in {"", endpoint}:
                where.setdefault(endpoint, []).append(index)
        for endpoint, indexes in where.items():
            yield _event(number, happening, endpoint, indexes)


def _event(number: int, happening: Happening, endpoint: str, indexes: list[int]) -> Event:
    return Event(
        number=number,
        time=happening.time,
        kind=happening.kind,
        job_id=happening.job_id,
        indexes=indexes,
        task_id=_task_id(happening, indexes),
        endpoint=endpoint,
        before=happening.before,
        after=happening.after,
        reason=happening.reason,
        actor=happening.actor,
        level=LEVELS.get((happening.kind, happening.after), "info"),
        said=happening.said,
    )


def _task_id(happening: Happening, indexes: Iterable[int]) -> str:
    if happening.task is None:
        return ""
    (index,) = indexes
    return names.task_id(names.pod_id(happening.job_id, index), happening.task)


@define(eq=False)
class Chronicle:
    """
    The latest happenings, numbered. `first` is the number of the oldest that is kept.

    `since`: all that happened after that time, in any reign, is here.
    """

    kept: int
    first: int
    since: float
    _happenings: list[Happening] = field(factory=list)
    _pods: int = 0
    _quoted: deque[int] = field(factory=deque)  # the numbers of those that say what a task said

    @property
    def next(self) -> int:
        """The number of the next happening."""
        return self.first + len(self._happenings)

    def add(self, happenings: Iterable[Happening]) -> None:
        """These happened. What is beyond the bound goes, but never the last."""
        for happening in happenings:
            if happening.said:
                self._quote(self.next)
            self._happenings.append(happening)
            self._pods += len(happening.pods)
        surplus, most = len(self._happenings) - self.kept, self.kept * PODS_PER_HAPPENING
        gone = 0
        while gone < len(self._happenings) - 1 and (gone < surplus or self._pods > most):
            self._pods -= len(self._happenings[gone].pods)
            self.since = self._happenings[gone].time
            gone += 1
        del self._happenings[:gone]
        self.first += gone

    def _quote(self, number: int) -> None:
        """Note that a happening quotes a task; the oldest that does is cut short in exchange."""
        self._quoted.append(number)
        if len(self._quoted) > MOST_QUOTED:
            place = self._quoted.popleft() - self.first
            if place >= 0:
                self._happenings[place] = evolve(self._happenings[place], said=())

    def read(self, number: int, most: int) -> list[tuple[int, Happening]]:
        """From that number on, at most so many; from the oldest if that one is lost."""
        start = max(0, number - self.first)
        return list(enumerate(self._happenings[start : start + most], self.first + start))
