"""
Group commit: many small durable writes share one sync.

A synced write costs milliseconds, whether it brings one key or a hundred. So one
batch is in flight at a time, in a thread; what is asked for meanwhile waits and goes
together in the next. Used by `galaxy.nexus.leveldb` and by the agent's store.

Law: a deferred fires with success only after its changes are on the disk; changes
take effect in the order they were asked for; a failed batch has no effect at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from galaxy.nexus.database import IDatabase
from galaxy.nexus.interfaces import Unavailable

T = TypeVar("T")
Work = Callable[[], None]
InThread = Callable[[Work], Deferred[Any]]  # `maybeDeferred` is one that uses no thread


class DiskThread:
    """
    An `InThread` that is a thread of its own, so that no slow name look-up in
    the reactor's pool delays a write. Started when first called.
    """

    def __init__(self, reactor: Any, name: str) -> None:
        # Any: the reactor as IReactorCore and IReactorFromThreads; no interface is both.
        self._reactor = reactor
        self._name = name
        self._pool: ThreadPool | None = None
        self._at_shutdown: Any = None

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        """Run `work` in the thread; fires on the reactor's."""
        if self._pool is None:
            self._pool = ThreadPool(0, 1, self._name)
            self._pool.start()
            self._at_shutdown = self._reactor.addSystemEventTrigger(
                "after", "shutdown", self._pool.stop
            )
        return deferToThreadPool(self._reactor, self._pool, work)

    def stop(self) -> None:
        """Wait for what runs, and end the thread. A later call starts another."""
        if self._pool is not None:
            self._reactor.removeSystemEventTrigger(self._at_shutdown)
            self._pool.stop()
            self._pool = None


class Staged:
    """What is stored, and on top what the batch that is being made has put so far."""

    def __init__(self, below: Callable[[bytes], bytes | None]) -> None:
        self._below = below
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value as it will be once this batch is written."""
        return self.changes[key] if key in self.changes else self._below(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Write a key."""
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key."""
        self.changes[key] = None


Decide = Callable[[Staged], None]


@define
class _Asked:
    decide: Decide
    answer: Deferred[None]
    refusal: Failure | None = None


class GroupCommit:
    """Durable writes to one database; it must have no other writer."""

    def __init__(self, database: IDatabase, in_thread: InThread) -> None:
        self._database = database
        self._in_thread = in_thread
        self._waiting: list[_Asked] = []
        self._in_flight = False
        self._sending = False
        self._closed = False
        self._closing: list[Deferred[None]] = []

    def write(
        self, puts: Iterable[tuple[bytes, bytes]] = (), deletes: Iterable[bytes] = ()
    ) -> Deferred[None]:
        """
        Delete, then put, all or none. Fires when it is on the disk; fails with `Unavailable`.
        """
        put_now, delete_now = tuple(puts), tuple(deletes)

        def decide(staged: Staged) -> None:
            for key in delete_now:
                staged.delete(key)
            for key, value in put_now:
                staged.put(key, value)

        return self.decide(decide)

    def decide(self, decide: Decide) -> Deferred[None]:
        """
        Let `decide` look at what is stored, and put and delete accordingly.

        It is called on this thread when its batch is made, after everything
        asked for before was written or staged. What it raises is what the
        deferred fails with; it has then changed nothing, and the rest of the
        batch goes on.
        """
        answer: Deferred[None] = Deferred()
        if self._closed:
            answer.errback(Unavailable("the store has been closed"))
            return answer
        self._waiting.append(_Asked(decide, answer))
        self._send()
        return answer

    def close(self) -> Deferred[None]:
        """Refuse further writes; fire when those asked for are done. The database stays open."""
        self._closed = True
        done: Deferred[None] = Deferred()
        if self._in_flight:
            self._closing.append(done)
        else:
            done.callback(None)
        return done

    def _send(self) -> None:
        if self._sending:  # a worker without a thread: the loop below goes on
            return
        self._sending = True
        while self._waiting and not self._in_flight:
            self._send_batch()
        self._sending = False

    def _send_batch(self) -> None:
        self._in_flight = True
        batch, self._waiting = self._waiting, []
        staged = Staged(self._database.get)
        for asked in batch:
            own = Staged(staged.get)
            try:
                asked.decide(own)
            except Exception:  # noqa: BLE001 - the one who asked gets it, whatever it is
                asked.refusal = Failure()
            else:
                staged.changes.update(own.changes)
        if not staged.changes:
            self._finish(batch, None)
            return
        written = self._in_thread(lambda: self._database.write(staged.changes))
        written.addCallbacks(
            lambda _: self._finish(batch, None), lambda failure: self._finish(batch, failure)
        )

    def _finish(self, batch: list[_Asked], failure: Failure | None) -> None:
        # A refusal may rest on what the same batch staged: it holds only if that was written.
        for asked in batch:
            if failure is not None:
                asked.answer.errback(_unavailable(failure))
            elif asked.refusal is not None:
                asked.answer.errback(asked.refusal)
            else:
                asked.answer.callback(None)
        self._in_flight = False
        self._send()
        if not self._in_flight and not self._waiting:
            closing, self._closing = self._closing, []
            for done in closing:
                done.callback(None)


def _unavailable(failure: Failure) -> Unavailable:
    if isinstance(failure.value, Unavailable):
        return failure.value
    error = Unavailable(f"cannot write: {failure.getErrorMessage()}")
    error.__cause__ = failure.value
    return error
