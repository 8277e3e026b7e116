"""
Work that a caller can not interrupt.

A handler is cancelled when its caller cancels, when the deadline passes and
when the connection ends: at whatever it awaits at that moment. What must be
done whole once it was begun (write down, then change the picture) runs behind
a shield:

    async def submit_job(self, request, call):
        return await shielded(self._submit(request))
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.protocol.statuses import GalaxyError

T = TypeVar("T")

_log = Logger()


def shielded(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Begin the work now; fires as it ends. Cancelling stops the waiting, not the work.

    A fault of work that nobody waits for any more is logged; a refusal
    (`GalaxyError`) then concerns nobody.
    """
    waiting: Deferred[T] = Deferred()

    def ended(result: T | Failure) -> None:
        if not waiting.called:
            waiting.callback(result)
        elif isinstance(result, Failure) and not result.check(GalaxyError):
            _log.failure("work whose caller had left failed", result)

    Deferred.fromCoroutine(work).addBoth(ended)
    return waiting
