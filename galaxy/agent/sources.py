"""
Where packages come from: files, HTTP and FTP servers. Providers of `ISource`.
"""

from __future__ import annotations

import ftplib
import os
import stat
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from attrs import frozen
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from zope.interface import implementer

from galaxy.agent.artifacts import FetchError, InThread, ISource, Write

CONNECT_TIMEOUT_S = 20.0
STALL_S = 60.0
_CHUNK = 1 << 20
_STATUSES = frozenset(HTTPStatus)
_FINAL_HTTP = frozenset({400, 401, 403, 404, 405, 410, 451})


def all_sources(reactor: Any, in_thread: InThread) -> dict[str, ISource]:
    """Every kind of URL a package may have."""
    http = HttpSource.over(reactor)
    return {
        "file": FileSource(in_thread, public_only=os.geteuid() == 0),
        "ftp": FtpSource(in_thread),
        "http": http,
        "https": http,
    }


@implementer(ISource)
@frozen
class FileSource:
    """
    Files of this machine, or of a file system mounted on it.

    `public_only`: those that everybody may read. An agent with root's rights
    would otherwise hand root's files to whoever submits a job.
    """

    in_thread: InThread
    public_only: bool = False

    def fetch(self, url: str, write: Write) -> Deferred[None]:
        """Copy the file, in a thread."""
        return self.in_thread(lambda: self._copy(url, write))

    def _copy(self, url: str, write: Write) -> None:
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise FetchError(f"{url} names a file of another machine", final=True)
        try:
            with Path(unquote(parts.path)).open("rb") as file:
                if self.public_only and not os.fstat(file.fileno()).st_mode & stat.S_IROTH:
                    raise FetchError(f"{url} is not for everybody to read (chmod a+r)", final=True)
                while data := file.read(_CHUNK):
                    write(data)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise FetchError(f"{url} cannot be read: {error.strerror}", final=True) from error


@implementer(ISource)
@frozen
class FtpSource:
    """FTP servers, by the standard library's blocking client in a thread."""

    in_thread: InThread

    def fetch(self, url: str, write: Write) -> Deferred[None]:
        """Retrieve the file; whoever cancels waits no longer, the thread ends by itself."""
        return self.in_thread(lambda: self._retrieve(url, write))

    def _retrieve(self, url: str, write: Write) -> None:
        parts = urlsplit(url)
        try:
            with ftplib.FTP(timeout=STALL_S) as server:  # noqa: S321 - the URL asks for it
                server.connect(parts.hostname or "", parts.port or 21)
                server.login(unquote(parts.username or ""), unquote(parts.password or ""))
                server.retrbinary(f"RETR {unquote(parts.path)}", write, _CHUNK)
        except ftplib.error_perm as error:
            raise FetchError(f"{url} is refused: {error}", final=True) from error
        except (ftplib.Error, EOFError, OSError) as error:
            raise FetchError(f"{url} cannot be fetched: {error}") from error


@implementer(ISource)
@frozen
class HttpSource:
    """HTTP and HTTPS servers; redirections are followed."""

    client: HTTPClient
    clock: IReactorTime

    @classmethod
    def over(cls, reactor: Any) -> HttpSource:
        """A source that keeps no connection after a fetch."""
        pool = HTTPConnectionPool(reactor, persistent=False)
        return cls(HTTPClient(Agent(reactor, connectTimeout=CONNECT_TIMEOUT_S, pool=pool)), reactor)

    def fetch(self, url: str, write: Write) -> Deferred[None]:
        """Stream the body; a server that sends nothing for a minute has failed."""
        return Deferred.fromCoroutine(self._stream(url, write))

    async def _stream(self, url: str, write: Write) -> None:
        try:
            response = await self.client.get(url, unbuffered=True, timeout=STALL_S)
            _check(url, response)
            body = _Body(write, self.clock)
            response.deliverBody(body)
            await body.whole
        except (FetchError, CancelledError, OSError):
            raise
        except Exception as error:
            raise FetchError(f"{url} cannot be fetched: {_words(error)}") from error


class _Body(Protocol):
    """Writes a response's body; `whole` fires when all of it has come."""

    def __init__(self, write: Write, clock: IReactorTime) -> None:
        self.whole: Deferred[None] = Deferred(lambda _: self._close())
        self._write = write
        self._timer = clock.callLater(STALL_S, self._stalled)

    def dataReceived(self, data: bytes) -> None:
        """Take a piece."""
        if self.whole.called:
            return
        self._timer.reset(STALL_S)
        try:
            self._write(data)
        except OSError as error:
            self._fail(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Judge whether the body came whole."""
        if self._timer.active():
            self._timer.cancel()
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(None)
        else:
            self._fail(FetchError("the connection broke before the package was whole"))

    def _stalled(self) -> None:
        self._fail(FetchError(f"nothing came for {STALL_S:g} s"))

    def _fail(self, error: Exception) -> None:
        self._close()
        self.whole.errback(error)

    def _close(self) -> None:
        if self._timer.active():
            self._timer.cancel()
        if self.transport is not None:
            self.transport.loseConnection()


def _words(error: Exception) -> str:
    """What went wrong, also where Twisted wraps it in a list of failures."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return "; ".join(reason.getErrorMessage() for reason in reasons)
    return str(error) or type(error).__name__


def _check(url: str, response: Any) -> None:
    if response.code != 200:
        phrase = HTTPStatus(response.code).phrase if response.code in _STATUSES else ""
        raise FetchError(
            f"{url} is answered with {response.code} {phrase}".rstrip(),
            final=response.code in _FINAL_HTTP,
        )
