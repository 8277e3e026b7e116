"""
The HTTP client that fetches packages: Twisted's, which trusts servers to end what they begin.

Here a server may mean harm. What comes before a body is bounded, chunks and what follows them
Twisted bounds itself. A connection that nobody reads from any more is closed.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ISSLTransport, ITransport
from twisted.internet.protocol import Protocol
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol, Request
from twisted.web.client import (
    Agent,
    BrowserLikeRedirectAgent,
    HTTPConnectionPool,
    _HTTP11ClientFactory,
)
from twisted.web.iweb import IAgent, IResponse

from galaxy.agent.delivery.fetch import FetchError

CONNECT_TIMEOUT_S = 20.0
MOST_HEAD_BYTES = 64 << 10


def http_client(reactor: Any) -> IAgent:
    """One that follows redirections, and keeps no connection after an answer."""
    pool = _Pool(reactor, persistent=False)
    return _Redirecting(Agent(reactor, connectTimeout=CONNECT_TIMEOUT_S, pool=pool))


def hang_up(response: IResponse) -> None:
    """Close the connection of an answer whose body nobody wants."""
    response.deliverBody(_NobodyReads())


class _NobodyReads(Protocol):
    """Hangs up on a body."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class _Redirecting(BrowserLikeRedirectAgent):
    """Follows redirections, and holds none of the connections that led on."""

    def _handleRedirect(  # noqa: N802 - Twisted calls it so
        self, response: IResponse, *request: Any
    ) -> Deferred[IResponse]:
        hang_up(response)
        return super()._handleRedirect(response, *request)


class _Connection(HTTP11ClientProtocol):
    """Ends where what comes before a body does not end."""

    _head_bytes = 0

    def makeConnection(self, transport: ITransport) -> None:
        """Over TLS, end without a farewell: a server that says none keeps the connection."""
        over_tls = ISSLTransport.providedBy(transport)
        super().makeConnection(_Abrupt(transport) if over_tls else transport)

    def request(self, request: Request) -> Deferred[IResponse]:
        """Ask; the answers that precede the answer are not logged one by one."""
        asked = super().request(request)
        if self._parser is not None:
            self._parser._log = _SILENT  # noqa: SLF001
        return asked

    def dataReceived(self, data: bytes) -> None:
        """Take what comes, if it is not too much of a head."""
        super().dataReceived(data)
        if self._parser is not None and self._parser.bodyDecoder is None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                reason = f"more than {MOST_HEAD_BYTES >> 10} KiB came before the package"
                self._giveUp(Failure(FetchError(reason)))


class _Abrupt:
    """A transport whose connection is not closed, but broken off."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def loseConnection(self) -> None:
        self._transport.abortConnection()


_SILENT = Logger(observer=LogPublisher())


class _Factory(_HTTP11ClientFactory):
    """Makes these connections, and does not log each."""

    noisy = False

    def buildProtocol(self, _address: object) -> _Connection:
        return _Connection(self._quiescentCallback)


class _Pool(HTTPConnectionPool):
    """Has them made by that."""

    _factory = _Factory
