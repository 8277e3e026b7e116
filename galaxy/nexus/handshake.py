"""
A client of kazoo that tells for how long the ensemble keeps its session.

Who connects asks for a time-out, and the servers answer with theirs: between 2 and 20 of
their ticks, unless they are configured otherwise. Kazoo goes by that answer, and tells nobody.
"""

from __future__ import annotations

import logging
from typing import Any

from kazoo.client import KazooClient
from kazoo.protocol.connection import ConnectionHandler
from kazoo.protocol.serialization import Connect
from kazoo.retry import KazooRetry
from kazoo.security import make_digest_acl

from galaxy.nexus.places import ZooKeeperPlace


class _Connection(ConnectionHandler):
    """`granted_s` is set on kazoo's thread, before anybody is told that there is a connection."""

    granted_s: float | None = None

    def _invoke(self, timeout: float, request: Any, xid: int | None = None) -> Any:
        answer = super()._invoke(timeout, request, xid)
        if isinstance(request, Connect) and answer[0].time_out > 0:  # else the session has expired
            self.granted_s = answer[0].time_out / 1000
        return answer


class SessionClient(KazooClient):
    """A client for one place, which connects for ever."""

    def __init__(self, place: ZooKeeperPlace) -> None:
        user, password = place.user, place.password
        super().__init__(
            hosts=",".join(place.hosts),
            timeout=place.session_s,
            auth_data=[("digest", f"{user}:{password}")] if user else None,
            default_acl=[make_digest_acl(user, password, all=True)] if user else None,
            connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=1.0),
            logger=_silent_logger(),
        )
        self._connection = _Connection(self, self._conn_retry.copy(), logger=self.logger)

    @property
    def granted_s(self) -> float | None:
        """The time-out that the servers gave; None: none has answered yet."""
        granted_s: float | None = self._connection.granted_s
        return granted_s


def _silent_logger() -> logging.Logger:
    """Kazoo says on its own logger what the session says already, and on stderr by default."""
    logger = logging.getLogger("galaxy.nexus.kazoo")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
