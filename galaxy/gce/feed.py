"""What one watcher has not been told yet: a slow one gets the newest, not every step."""

from __future__ import annotations

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from galaxy.gce.record import ProcessId


@frozen
class News:
    """What changed. `complete`: `changed` is everything there is."""

    changed: tuple[ProcessId, ...]
    removed: tuple[str, ...] = ()
    complete: bool = False


@define(eq=False)
class Feed:
    """
    Collects changes until they are asked for.

    Laws: after a container's removal was told, nothing older is told of it; what
    changed twice is told once.
    """

    _changed: dict[ProcessId, None] = field(factory=dict)
    _removed: dict[str, None] = field(factory=dict)
    _complete: bool = True
    _waiting: Deferred[None] | None = None

    def changed(self, process: ProcessId) -> None:
        """Something is to be told of a process."""
        self._changed[process] = None
        self._wake()

    def removed(self, container: str) -> None:
        """A container is gone, and with it what was to be told of it."""
        for process in [known for known in self._changed if known.container == container]:
            del self._changed[process]
        self._removed[container] = None
        self._wake()

    async def next(self) -> News:
        """Everything since the last time; the first time at once, then as soon as there is any."""
        if not (self._complete or self._changed or self._removed):
            self._waiting = Deferred()
            await self._waiting
        news = News(tuple(self._changed), tuple(self._removed), self._complete)
        self._changed.clear()
        self._removed.clear()
        self._complete = False
        return news

    def _wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)
