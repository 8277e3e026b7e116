"""
One session with a ZooKeeper ensemble, in deferreds on the reactor's thread.

The one module that knows that kazoo has threads: kazoo's `*_async` calls never block,
and what its threads tell is handed over by `reactor.callFromThread`.

Law: every deferred fires, at the latest after the session's time-out. What is asked
while there is no connection waits for one; when its time is over it fails, and is then
never sent.

Note [Silence]: whoever holds a lock here must doubt it before the servers give it to another,
which they do when they have not heard from here for `session_s`. Kazoo pings, and gives up a
connection on which nothing came for two thirds of that; but not while there is something to
send, which it takes for a ping. So whoever waits for an answer for a third of it takes the
servers for silent, too, and sends nothing more until they answer: what they heard last was
sent, at the earliest, two thirds before that question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from attrs import define
from kazoo.exceptions import (
    ConnectionClosedError,
    ConnectionLoss,
    NoAuthError,
    OperationTimeoutError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
)
from kazoo.interfaces import IAsyncResult
from kazoo.protocol.states import EventType, KazooState, WatchedEvent, ZnodeStat
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from galaxy.nexus.handshake import SessionClient
from galaxy.nexus.interfaces import NotAllowed, OutcomeUnknown, Unavailable
from galaxy.nexus.operations import Check, Create, Operation, Refused, Remove, SetData
from galaxy.nexus.places import ZooKeeperPlace


class Link(Enum):
    """How it stands with the session."""

    SUSPENDED = "no server answers; the session may live"
    CONNECTED = "a server answers"
    LOST = "the session has ended; the next connection begins another"


Watcher = Callable[[], None]

_LINKS = {
    KazooState.CONNECTED: Link.CONNECTED,
    KazooState.SUSPENDED: Link.SUSPENDED,
    KazooState.LOST: Link.LOST,
}
_LOST = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)


@define(eq=False)
class _Question:
    send: Callable[[], IAsyncResult]
    answer: Deferred[Any]
    writes: bool
    sent: float | None = None  # when
    deadline: IDelayedCall | None = None


class ZooKeeperSession:
    """
    Calls `changed` with each `Link` as it comes.

    Failures: kazoo's `NoNodeError`, `NodeExistsError`, `BadVersionError` where
    they can occur, `Refused` for a transaction, `Unavailable` for all the rest,
    of which `NotAllowed`, and `OutcomeUnknown` for a transaction that was sent.
    """

    log = Logger()

    def __init__(self, place: ZooKeeperPlace, reactor: Any, changed: Callable[[Link], None]):
        self.place = place
        self.link = Link.SUSPENDED
        self._reactor = reactor
        self._changed = changed
        self._waiting: list[_Question] = []
        self._asked: dict[_Question, None] = {}  # in order
        self._silence: IDelayedCall | None = None
        self._reached = False  # kazoo has a connection
        self._said_s = place.session_s  # what the log says of `session_s`
        self._stopped: Deferred[None] | None = None
        # Watchers by function: kazoo keeps a set of them, so the same must stay the same.
        self._watchers: dict[Watcher, Callable[[WatchedEvent], None]] = {}
        self._client = SessionClient(place)
        self._client.add_listener(
            lambda state: self._reactor.callFromThread(self._link_changed, state)
        )
        self._client.start_async()

    @property
    def session_s(self) -> float:
        """How long the session outlives the last word from here: as granted, or as asked for."""
        return self._client.granted_s or self.place.session_s

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
            if self._silence is not None:
                self._silence.cancel()
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
        question.deadline = self._reactor.callLater(self.session_s, self._too_late, question)
        self._asked[question] = None
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
        question.sent = self._reactor.seconds()
        self._listen()
        question.send().rawlink(
            lambda result: self._reactor.callFromThread(self._answered, question, result)
        )

    def _answered(self, question: _Question, result: IAsyncResult) -> None:
        error = result.exception
        lost = isinstance(error, _LOST)
        if not question.answer.called:  # else its time was over
            self._answer(question, result, lost=lost)
        if not lost and self._reached and (self._overdue_s() or 0.0) <= 0:
            self._become(Link.CONNECTED)

    def _answer(self, question: _Question, result: IAsyncResult, *, lost: bool) -> None:
        error = result.exception
        if error is None:
            question.answer.callback(result.get_nowait())
        elif lost:
            self._fail(question, f"the connection to {self.place} was lost meanwhile")
        elif isinstance(error, NoAuthError):
            question.answer.errback(
                NotAllowed(f"{self.place} does not let us: check user and password in its URL")
            )
        else:
            question.answer.errback(error)

    def _too_late(self, question: _Question) -> None:
        self._fail(question, f"no answer from {self.place} within {self.session_s:g} s")

    def _fail(self, question: _Question, reason: str) -> None:
        if not question.answer.called:
            lost = question.writes and question.sent is not None
            question.answer.errback(OutcomeUnknown(reason) if lost else Unavailable(reason))

    def _done(self, result: Any, question: _Question) -> Any:
        self._asked.pop(question, None)
        if question in self._waiting:
            self._waiting.remove(question)
        if question.deadline is not None and question.deadline.active():
            question.deadline.cancel()
        return result

    def _overdue_s(self) -> float | None:
        """By how much the oldest question is older than Note [Silence] allows, if there is one."""
        for question in self._asked:
            if question.sent is not None:
                return float(self._reactor.seconds() - question.sent - self.session_s / 3)
        return None

    def _listen(self) -> None:
        """Look at the oldest question when it may have become too old."""
        if self._silence is None and self.link is Link.CONNECTED:
            overdue_s = self._overdue_s()
            if overdue_s is not None:
                self._silence = self._reactor.callLater(max(0.0, -overdue_s), self._heard)

    def _heard(self) -> None:
        self._silence = None
        overdue_s = self._overdue_s()
        if self.link is Link.CONNECTED and overdue_s is not None and overdue_s >= 0:
            self._become(Link.SUSPENDED)
        self._listen()

    def _outcome(self, results: list[Any]) -> None:
        for index, result in enumerate(results):
            if isinstance(result, NoAuthError):
                raise NotAllowed(f"{self.place} does not let us: check user and password")
            if isinstance(result, Exception) and not isinstance(
                result, RolledBackError | RuntimeInconsistency
            ):
                raise Refused(index, result)

    def _link_changed(self, state: str) -> None:
        if self._stopped is None:
            self._reached = state == KazooState.CONNECTED
            if self._reached:
                self._say_how_long()
            self._become(_LINKS[state])

    def _become(self, link: Link) -> None:
        if self._stopped is not None or link is self.link:
            return
        self.link = link
        self.log.info("{place}: {link}", place=str(self.place), link=link.value)
        self._changed(link)
        if self.link is Link.CONNECTED:
            waiting, self._waiting = self._waiting, []
            for question in waiting:
                self._send(question)
            self._listen()

    def _say_how_long(self) -> None:
        asked_s, granted_s = self.place.session_s, self.session_s
        if granted_s != self._said_s and abs(granted_s - asked_s) > asked_s / 10:
            self._said_s = granted_s
            self.log.warn(
                "{place} keeps sessions for {granted:g} s, not for the {asked:g} s of session_s:"
                " a lost leader is followed after that time. The servers' tickTime bounds it, or"
                " their minSessionTimeout and maxSessionTimeout",
                place=str(self.place),
                granted=granted_s,
                asked=asked_s,
            )

    def _watcher(self, watcher: Watcher | None) -> Callable[[WatchedEvent], None] | None:
        if watcher is None:
            return None
        if watcher not in self._watchers:

            def fired(event: WatchedEvent) -> None:  # on kazoo's thread
                if event.type != EventType.NONE:
                    self._reactor.callFromThread(watcher)

            self._watchers[watcher] = fired
        return self._watchers[watcher]
