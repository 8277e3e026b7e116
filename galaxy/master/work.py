"""Work that many may wait for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.protocol.statuses import GalaxyError

T = TypeVar("T")


class Work(Generic[T]):
    """
    Work that goes on to its end whoever still waits for it.

    A call that is cancelled, because its caller went away, must not leave a write
    half done: it waits for the work, and the work is nobody's to cancel.
    """

    _log = Logger()

    def __init__(self, work: Deferred[T]) -> None:
        self._waiting: list[Deferred[T]] = []
        self._result: list[T | Failure] = []
        work.addBoth(self._done)

    def wait(self) -> Deferred[T]:
        """Fires with the work's result, now or later."""
        answer: Deferred[T] = Deferred(self._waiting_no_more)
        if self._result:
            answer.callback(self._result[0])
        else:
            self._waiting.append(answer)
        return answer

    def _waiting_no_more(self, answer: Deferred[T]) -> None:
        self._waiting.remove(answer)

    def _done(self, result: T | Failure) -> None:
        self._result.append(result)
        waiting, self._waiting = self._waiting, []
        if isinstance(result, Failure) and not waiting and not result.check(GalaxyError):
            self._log.failure("work that nobody waits for has failed", result)
        for answer in waiting:
            answer.callback(result)


def shared(
    works: dict[str, Work[T]], key: str, begin: Callable[[], Coroutine[Any, Any, T]]
) -> Deferred[T]:
    """The work of that key that goes on, or a new one; its result."""
    work = works.get(key)
    if work is None:
        work = works[key] = Work(Deferred.fromCoroutine(begin()))

        def forget(result: T | Failure) -> None:
            del works[key]
            if isinstance(result, Failure):
                result.trap(GalaxyError)  # a fault of ours is told of, whoever waits

        work.wait().addBoth(forget)
    return work.wait()
