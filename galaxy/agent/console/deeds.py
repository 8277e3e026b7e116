"""
What people did in the tasks of this machine, kept on disk until a master has heard of it.

A master that was told everything asks, as soon as there is more, for what came after: then it
has what came before. One that leads anew is told all that none before it has asked beyond. So a
deed is told at least once, by this agent or the next; the latest `MOST_DEEDS` wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.ledger import Ledger
from galaxy.agent.store import AgentStore
from galaxy.nexus.interfaces import NexusError
from galaxy.protocol.agent_pb2 import TaskChange


class Deeds:
    """Those `kept` by earlier agents, and those to come. `news`: there is more to tell."""

    _log = Logger()

    def __init__(
        self,
        kept: Iterable[TaskChange],
        store: AgentStore,
        ledger: Ledger,
        news: Callable[[], None],
        clock: IReactorTime,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._news = news
        self._clock = clock
        self._last = 0
        for deed in kept:
            self._last = deed.number
            ledger.note_deed(deed)

    def note(self, deed: TaskChange) -> None:
        """Somebody did this now."""
        deed.time = self._clock.seconds()
        deed.number = self._last = max(self._last + 1, int(deed.time * 1000))
        self._write(self._store.keep(deed))
        if (lost := self._ledger.note_deed(deed)) is not None:
            self._log.warn("no master asked what {actor} did: {deed}", actor=lost.actor, deed=lost)
            self._write(self._store.let_go([lost]))
        self._news()

    def heard(self, instance: str, since: int) -> None:
        """A master says up to which revision of which agent it was told everything."""
        if known := self._ledger.heard(instance, since):
            self._write(self._store.let_go(known))

    def _write(self, written: Deferred[None]) -> None:
        written.addErrback(self._not_written)

    def _not_written(self, failure: Failure) -> None:
        failure.trap(NexusError)
        error = failure.getErrorMessage()
        self._log.warn("what people did is not written down as it is now: {error}", error=error)
