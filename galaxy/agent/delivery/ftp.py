"""
Packages from FTP servers, by the standard library's blocking client in a thread. A provider
of `ISource`.

A server may mean harm: what it answers is bounded, in size and in time, and giving a fetch up
ends its connections, so that the thread ends with them.
"""

from __future__ import annotations

import ftplib
from collections.abc import Callable
from contextlib import closing, suppress
from socket import SHUT_RDWR, socket
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy.agent.delivery.fetch import FetchError, Have, ISink, ISource, Tag, abandonable
from galaxy.agent.delivery.http import STALL_S
from galaxy.agent.delivery.throttle import Throttle
from galaxy.agent.inthread import InThread

MOST_ANSWER_BYTES = 64 << 10
_CHUNK = 1 << 16


class _GivenUp(Exception):
    """Nobody waits for this any more."""


class _Connections:
    """Those of one fetch; given up from another thread than the one that uses them."""

    def __init__(self) -> None:
        self.given_up = Event()
        self._open: set[socket] = set()

    def add(self, connection: socket) -> None:
        """Note one. Raises `_GivenUp`."""
        self._open.add(connection)
        if self.given_up.is_set():
            raise _GivenUp

    def give_up(self) -> None:
        """End them: who reads is told so."""
        self.given_up.set()
        for connection in tuple(self._open):
            with suppress(OSError):  # it has ended
                connection.shutdown(SHUT_RDWR)


class _Server(ftplib.FTP):
    """A server whose answers come whole within `patience_s`, or not at all."""

    def __init__(self, connections: _Connections, patience_s: float) -> None:
        super().__init__(timeout=patience_s)
        self._connections = connections
        self._patience_s = patience_s
        self._said = b""

    def getmultiline(self) -> str:
        """An answer of one line or of several."""
        assert self.sock is not None
        self._connections.add(self.sock)
        self._until = monotonic() + self._patience_s
        self._room = MOST_ANSWER_BYTES
        try:
            return super().getmultiline()
        finally:
            self.sock.settimeout(self._patience_s)

    def getline(self) -> str:
        """A line of it."""
        assert self.sock is not None
        while b"\n" not in self._said:
            self.sock.settimeout(max(0.001, self._until - monotonic()))
            came = self.sock.recv(4096)
            if not came:
                raise EOFError("the connection broke")
            self._room -= len(came)
            if self._room < 0:
                raise EOFError(f"an answer has more than {MOST_ANSWER_BYTES >> 10} KiB")
            self._said += came
        line, _, self._said = self._said.partition(b"\n")
        return line.rstrip(b"\r").decode(self.encoding, "replace")

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket, int | None]:
        """Have a file sent, over another connection."""
        connection, size = super().ntransfercmd(cmd, rest)
        self._connections.add(connection)
        return connection, size


@implementer(ISource)
@frozen
class FtpSource:
    """FTP servers."""

    in_thread: InThread
    throttle: Throttle
    clock: IReactorTime
    patience_s: float = STALL_S

    def fetch(self, url: str, have: Have, sink: ISink) -> Deferred[bool]:
        """Retrieve the file; a server that sends nothing for a minute has failed."""
        connections = _Connections()
        work = self.in_thread(lambda: self._retrieve(url, have, sink, connections))
        return abandonable(work, connections.give_up)

    def _retrieve(self, url: str, have: Have, sink: ISink, connections: _Connections) -> bool:
        parts = urlsplit(url)
        path = unquote(parts.path)

        def write(data: bytes) -> None:
            # Nobody writes to a sink that its owner has closed.
            wait_s = self.throttle.wait_s(len(data), self.clock.seconds())
            if connections.given_up.wait(wait_s):
                raise _GivenUp
            sink.write(data)

        try:
            if connections.given_up.is_set():
                return False
            with closing(_Server(connections, self.patience_s)) as server:
                server.connect(parts.hostname or "", parts.port or 21)
                server.login(unquote(parts.username or ""), unquote(parts.password or ""))
                server.voidcmd("TYPE I")
                total = _perhaps(lambda: server.size(path))
                changed = _perhaps(lambda: server.voidcmd(f"MDTM {path}"))
                tag = Tag(modified=(changed and f"{changed} {total}") or "")
                if tag.modified and tag == have.whole:
                    return False
                offset = have.offset if tag.modified and tag == have.part else 0
                sink.begin(offset, total, tag)
                server.retrbinary(f"RETR {path}", write, _CHUNK, rest=offset or None)
        except _GivenUp:
            return False
        except ftplib.error_perm as error:
            raise FetchError(f"{url} is refused: {error}", final=True) from error
        except (ftplib.Error, EOFError, OSError, ValueError) as error:
            raise FetchError(f"{url} cannot be fetched: {error}") from error
        return True


def _perhaps(ask: Callable[[], Any]) -> Any:
    """What a server says that need not know how to; None: it does not."""
    try:
        return ask()
    except ftplib.error_perm:
        return None
