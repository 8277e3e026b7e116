"""Work that is done one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Turns:
    """
    A line of work, which is done in the order in which it came.

    As DeferredLock, but that a long line of work that ends at once is no recursion.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Coroutine[Any, Any, Any], Deferred[Any]]] = deque()
        self._busy = False
        self._going_on = False

    def run(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        """The result of the work, when its turn has come and it is done."""
        answer: Deferred[T] = Deferred()
        self._waiting.append((work, answer))
        self._go_on()
        return answer

    def _go_on(self) -> None:
        if self._going_on:
            return
        self._going_on = True
        while self._waiting and not self._busy:
            work, answer = self._waiting.popleft()
            self._busy = True
            Deferred.fromCoroutine(work).addBoth(self._done).chainDeferred(answer)
        self._going_on = False

    def _done(self, result: T | Failure) -> T | Failure:
        self._busy = False
        self._go_on()
        return result
