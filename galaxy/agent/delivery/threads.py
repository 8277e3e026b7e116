"""
Threads for fetches that wait for what nobody can end: a file system, a server.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

AT_ONCE = 8

T = TypeVar("T")


class FetchThreads:
    """
    An `InThread` of its own threads, so that one who hangs in them holds up other fetches at
    most. The end of the process does not wait for them.
    """

    def __init__(self, reactor: Any) -> None:
        # Any: the reactor as IReactorFromThreads and IReactorThreads; no interface is both.
        self._reactor = reactor
        self._pool = ThreadPool(0, AT_ONCE, "fetch")
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
        self._pool.start()

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        """Run `work` in a thread, once there is one; fires on the reactor's."""
        return deferToThreadPool(self._reactor, self._pool, work)
