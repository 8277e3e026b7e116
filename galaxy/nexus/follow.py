"""
A node of ZooKeeper that is read again whenever it may have changed.

ZooKeeper's watches tell once, and are lost with the connection; this sets them again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import ZnodeStat
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from galaxy.nexus.interfaces import Unavailable
from galaxy.nexus.session import ZooKeeperSession

Seen = Callable[[bytes, ZnodeStat | None], None]
RETRY_S = 1.0


class Follow:
    """
    Calls `seen` with what a node holds (None for its facts: it does not exist),
    once read and after each change; not promised: each of several quick ones.
    """

    log = Logger()

    def __init__(self, session: ZooKeeperSession, path: str, seen: Seen, clock: Any) -> None:
        self._session = session
        self._path = path
        self._seen = seen
        self._clock = clock
        self._stopped = False
        self._reading = False
        self._again = False
        self._retry: Any = None

    def read(self) -> None:
        """Read it now; called once at first, and after each new connection."""
        if self._stopped:
            return
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._again = False
        Deferred.fromCoroutine(self._read()).addBoth(self._finished)

    def stop(self) -> None:
        """Call `seen` no more."""
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def _read(self) -> None:
        while True:
            try:
                data, stat = await self._session.get(self._path, self.read)
            except NoNodeError:
                if await self._session.exists(self._path, self.read) is not None:
                    continue  # made in between
                self._tell(b"", None)
            else:
                self._tell(data, stat)
            return

    def _tell(self, data: bytes, stat: ZnodeStat | None) -> None:
        if not self._stopped:
            self._seen(data, stat)

    def _finished(self, result: Any) -> None:
        self._reading = False
        if self._stopped:
            return
        if result is not None:
            if result.check(Unavailable) is None:
                self.log.failure("cannot follow {path}", failure=result, path=self._path)
            self._retry = self._clock.callLater(RETRY_S, self._try_again)
        elif self._again:
            self.read()

    def _try_again(self) -> None:
        self._retry = None
        self.read()
