"""
One session with a ZooKeeper ensemble, in deferreds on the reactor's thread.

The one module that knows that kazoo has threads: kazoo's `*_async` calls never block,
and what its threads tell is handed over by `reactor.callFromThread`.

Law: every deferred fires, at the latest after the session's time-out. What is asked
while there is no connection waits for one; when its time is over it fails, and is then
never sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from attrs import define, frozen
from kazoo.client import KazooClient
from kazoo.exceptions import (
    ConnectionClosedError,
    ConnectionLoss,
    KazooException,
    NoAuthError,
    OperationTimeoutError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
)
from kazoo.interfaces import IAsyncResult
from kazoo.protocol.states import EventType, KazooState, WatchedEvent, ZnodeStat
from kazoo.retry import KazooRetry
from kazoo.security import make_digest_acl
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from galaxy.nexus.interfaces import OutcomeUnknown, Unavailable
from galaxy.nexus.places import ZooKeeperPlace


class Link(Enum):
    """How it stands with the session."""

    SUSPENDED = "no server answers; the session may live"
    CONNECTED = "a server answers"
    LOST = "the session has ended; the next connection begins another"


@frozen
class Create:
    """Make a node that must not exist."""

    path: str
    data: bytes
    ephemeral: bool = False


@frozen
class SetData:
    """Write a node that exists, at a version (-1: any)."""

    path: str
    data: bytes
    version: int = -1


@frozen
class Remove:
    """Remove a node that exists, at a version (-1: any)."""

    path: str
    version: int = -1


@frozen
class Check:
    """Do nothing, but only if a node exists at a version."""

    path: str
    version: int


Operation = Create | SetData | Remove | Check
Watcher = Callable[[], None]


class Refused(Exception):
    """A transaction was not carried out because of its operation number `index`."""

    def __init__(self, index: int, error: KazooException) -> None:
        super().__init__(f"operation {index}: {error!r}")
        self.index = index
        self.error = error


@define(eq=False)
class _Question:
    send: Callable[[], IAsyncResult]
    answer: Deferred[Any]
    writes: bool
    sent: bool = False
    deadline: IDelayedCall | None = None


class ZooKeeperSession:
    """
    Calls `changed` with each `Link` as it comes.

    Failures: kazoo's `NoNodeError`, `NodeExistsError`, `BadVersionError` where
    they can occur, `Refused` for a transaction, `Unavailable` for all the rest;
    `OutcomeUnknown` for a transaction that was sent.
    """

    log = Logger()

    def __init__(self, place: ZooKeeperPlace, reactor: Any, changed: Callable[[Link], None]):
        self.place = place
        self.link = Link.SUSPENDED
        self._reactor = reactor
        self._changed = changed
        self._waiting: list[_Question] = []
        self._asked: set[_Question] = set()
        self._stopped: Deferred[None] | None = None
        # Watchers by function: kazoo keeps a set of them, so the same must stay the same.
        self._watchers: dict[Watcher, Callable[[WatchedEvent], None]] = {}
        self._client = KazooClient(
            hosts=",".join(place.hosts),
            timeout=place.session_s,
            auth_data=[("digest", f"{place.user}:{place.password}")] if place.user else None,
            default_acl=[make_digest_acl(place.user, place.password, all=True)]
            if place.user
            else None,
            connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=1.0),
            logger=_silent_logger(),
        )
        self._client.add_listener(
            lambda state: self._reactor.callFromThread(self._link_changed, state)
        )
        self._client.start_async()

    def get(self, path: str, watcher: Watcher | None = None) -> Deferred[tuple[bytes, ZnodeStat]]:
        """A node's data and facts."""
        return self._ask(lambda: self._client.get_async(path, self._watcher(watcher)))

    def exists(self, path: str, watcher: Watcher | None = None) -> Deferred[ZnodeStat | None]:
        """A node's facts, or None."""
        return self._ask(lambda: self._client.exists_async(path, self._watcher(watcher)))

    def children(self, path: str) -> Deferred[list[str]]:
        """The names of a node's children, in no order."""
        return self._ask(lambda: self._client.get_children_async(path))

    def create(
        self, path: str, data: bytes = b"", *, ephemeral: bool = False, sequence: bool = False
    ) -> Deferred[str]:
        """Make a node; fires with its path."""
        acl = self._client.default_acl
        return self._ask(
            lambda: self._client.create_async(
                path, data, acl=acl, ephemeral=ephemeral, sequence=sequence
            )
        )

    def delete(self, path: str) -> Deferred[None]:
        """Remove a node."""
        return self._ask(lambda: self._client.delete_async(path)).addCallback(lambda _: None)

    def transaction(self, operations: Sequence[Operation]) -> Deferred[None]:
        """All of the operations or none; fails with `Refused`, too."""

        def send() -> IAsyncResult:
            request = self._client.transaction()
            for each in operations:
                match each:
                    case Create(path, data, ephemeral):
                        request.create(path, data, ephemeral=ephemeral)
                    case SetData(path, data, version):
                        request.set_data(path, data, version)
                    case Remove(path, version):
                        request.delete(path, version)
                    case Check(path, version):
                        request.check(path, version)
            return request.commit_async()

        return self._ask(send, writes=True).addCallback(self._outcome)

    def stop(self) -> Deferred[None]:
        """End the session, at once for the ensemble if it can be reached. Fails what waits."""
        if self._stopped is None:
            for question in list(self._asked):
                self._fail(question, "this nexus has been closed")
            self._stopped = deferToThreadPool(
                self._reactor, self._reactor.getThreadPool(), self._stop_in_thread
            )
        done: Deferred[None] = Deferred()
        self._stopped.chainDeferred(done)
        return done

    def _stop_in_thread(self) -> None:
        self._client.stop()
        self._client.close()

    def _ask(self, send: Callable[[], IAsyncResult], *, writes: bool = False) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        question = _Question(send, answer, writes)
        question.deadline = self._reactor.callLater(self.place.session_s, self._too_late, question)
        self._asked.add(question)
        answer.addBoth(self._done, question)
        if self._stopped is not None:
            self._fail(question, "this nexus has been closed")
        elif self.link is Link.CONNECTED:
            self._send(question)
        else:
            self._waiting.append(question)
        return answer

    def _send(self, question: _Question) -> None:
        # Watchers and answers alike come on kazoo's threads.
        question.sent = True
        question.send().rawlink(
            lambda result: self._reactor.callFromThread(self._answered, question, result)
        )

    def _answered(self, question: _Question, result: IAsyncResult) -> None:
        if question.answer.called:
            return  # its time was over
        error = result.exception
        if error is None:
            question.answer.callback(result.get_nowait())
        elif isinstance(
            error,
            ConnectionLoss | ConnectionClosedError | OperationTimeoutError | SessionExpiredError,
        ):
            self._fail(question, f"the connection to {self.place} was lost meanwhile")
        elif isinstance(error, NoAuthError):
            question.answer.errback(
                Unavailable(f"{self.place} does not let us: check user and password in its URL")
            )
        else:
            question.answer.errback(error)

    def _too_late(self, question: _Question) -> None:
        self._fail(question, f"no answer from {self.place} within {self.place.session_s:g} s")

    def _fail(self, question: _Question, reason: str) -> None:
        if not question.answer.called:
            lost = question.writes and question.sent
            question.answer.errback(OutcomeUnknown(reason) if lost else Unavailable(reason))

    def _done(self, result: Any, question: _Question) -> Any:
        self._asked.discard(question)
        if question in self._waiting:
            self._waiting.remove(question)
        if question.deadline is not None and question.deadline.active():
            question.deadline.cancel()
        return result

    def _outcome(self, results: list[Any]) -> None:
        for index, result in enumerate(results):
            if isinstance(result, NoAuthError):
                raise Unavailable(f"{self.place} does not let us: check user and password")
            if isinstance(result, Exception) and not isinstance(
                result, RolledBackError | RuntimeInconsistency
            ):
                raise Refused(index, result)

    def _link_changed(self, state: str) -> None:
        if self._stopped is not None:
            return
        self.link = {
            KazooState.CONNECTED: Link.CONNECTED,
            KazooState.SUSPENDED: Link.SUSPENDED,
            KazooState.LOST: Link.LOST,
        }[state]
        self.log.info("{place}: {link}", place=str(self.place), link=self.link.value)
        self._changed(self.link)
        if self.link is Link.CONNECTED:
            waiting, self._waiting = self._waiting, []
            for question in waiting:
                self._send(question)

    def _watcher(self, watcher: Watcher | None) -> Callable[[WatchedEvent], None] | None:
        if watcher is None:
            return None
        if watcher not in self._watchers:

            def fired(event: WatchedEvent) -> None:  # on kazoo's thread
                if event.type != EventType.NONE:
                    self._reactor.callFromThread(watcher)

            self._watchers[watcher] = fired
        return self._watchers[watcher]


def _silent_logger() -> logging.Logger:
    """Kazoo says on its own logger what `changed` says already, and on stderr by default."""
    logger = logging.getLogger("galaxy.nexus.kazoo")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
