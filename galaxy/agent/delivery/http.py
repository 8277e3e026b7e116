"""
Packages from HTTP and HTTPS servers. A provider of `ISource`.

Twisted's own client and not treq's, which undoes a Content-Encoding: an archive that a
server calls gzipped would come as another than its sha256 says.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, cast

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IResponse
from zope.interface import implementer

from galaxy.agent.delivery.client import hang_up, http_client
from galaxy.agent.delivery.fetch import (
    FetchError,
    Have,
    ISink,
    ISource,
    StalePart,
    Tag,
    abandonable,
)
from galaxy.agent.delivery.throttle import Throttle
from galaxy.agent.probes import refusal

STALL_S = 60.0
_STATUSES = frozenset(HTTPStatus)
_MAY_PASS = frozenset({408, 421, 425, 429})
_STALE = frozenset({206, 416})  # answers to a Range that is not the one it has
_RANGE = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")


@implementer(ISource)
@frozen
class HttpSource:
    """HTTP and HTTPS servers; redirections are followed."""

    agent: IAgent
    clock: IReactorTime
    throttle: Throttle

    @classmethod
    def over(cls, reactor: Any, throttle: Throttle) -> HttpSource:
        """A source that keeps no connection after a fetch."""
        return cls(http_client(reactor), reactor, throttle)

    def fetch(self, url: str, have: Have, sink: ISink) -> Deferred[bool]:
        """Stream the body; a server that sends nothing for a minute has failed."""
        work = Deferred.fromCoroutine(self._stream(url, have, sink))
        return abandonable(work, work.cancel)

    async def _stream(self, url: str, have: Have, sink: ISink) -> bool:
        try:
            asked = self.agent.request(b"GET", url.encode("ascii"), _headers(have))
            response = await asked.addTimeout(STALL_S, self.clock)
            if not _begun(url, response, have, sink):
                return False
            body = _Body(sink, self.clock, self.throttle)
            response.deliverBody(body)
            await body.whole
        except (FetchError, CancelledError, OSError):
            raise
        except Exception as error:
            raise FetchError(f"{url} cannot be fetched: {_words(error)}") from error
        return True


class _Body(Protocol):
    """Hands a response's body on, as fast as it may come; `whole` fires when all of it has."""

    def __init__(self, sink: ISink, clock: IReactorTime, throttle: Throttle) -> None:
        self.whole: Deferred[None] = Deferred(lambda _: self._close())
        self._sink = sink
        self._clock = clock
        self._throttle = throttle
        self._timer: IDelayedCall = clock.callLater(STALL_S, self._stalled)

    def dataReceived(self, data: bytes) -> None:
        """Take a piece, and no more before its time."""
        if self.whole.called:
            return
        try:
            self._sink.write(data)
        except (FetchError, OSError) as error:
            self._fail(error)
            return
        wait_s = self._throttle.wait_s(len(data), self._clock.seconds())
        self._timer.cancel()
        if wait_s > 0:
            self._producer().pauseProducing()
            self._timer = self._clock.callLater(wait_s, self._resume)
        else:
            self._timer = self._clock.callLater(STALL_S, self._stalled)

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

    def _resume(self) -> None:
        self._timer = self._clock.callLater(STALL_S, self._stalled)
        self._producer().resumeProducing()

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

    def _producer(self) -> IPushProducer:
        return cast("IPushProducer", self.transport)


def _begun(url: str, response: IResponse, have: Have, sink: ISink) -> bool:
    """Have the sink begin, if a body is to come; else, and if it refuses, hang up."""
    begun = False
    try:
        if response.code != HTTPStatus.NOT_MODIFIED or have.whole == Tag():
            offset = _offset(url, response, have)
            length = response.length
            total = None if length == UNKNOWN_LENGTH else offset + cast("int", length)
            sink.begin(offset, total, _tag(response))
            begun = True
    finally:
        if not begun:
            hang_up(response)
    return begun


def _headers(have: Have) -> Headers:
    headers = Headers({"accept-encoding": ["identity"], "user-agent": ["galaxy"]})
    if have.offset:
        headers.setRawHeaders("range", [f"bytes={have.offset}-"])
        headers.setRawHeaders("if-range", [have.part.strong])
    elif have.whole.etag:
        headers.setRawHeaders("if-none-match", [have.whole.etag])
    elif have.whole.modified:
        headers.setRawHeaders("if-modified-since", [have.whole.modified])
    return headers


def _offset(url: str, response: IResponse, have: Have) -> int:
    """Where what comes begins; FetchError if nothing comes."""
    if response.code == HTTPStatus.OK:
        return 0
    said = _header(response, "content-range")
    if response.code == HTTPStatus.PARTIAL_CONTENT:
        span = _RANGE.match(said)
        if span is not None and int(span[1]) == have.offset:
            return have.offset
    phrase = HTTPStatus(response.code).phrase if response.code in _STATUSES else ""
    reason = f"{url} is answered with {response.code} {phrase} {said}".rstrip()
    if response.code in _STALE:
        raise StalePart(reason)
    raise FetchError(reason, final=400 <= response.code < 500 and response.code not in _MAY_PASS)


def _tag(response: IResponse) -> Tag:
    return Tag(_header(response, "etag"), _header(response, "last-modified"))


def _header(response: IResponse, name: str) -> str:
    values = response.headers.getRawHeaders(name) or [""]
    return cast("str", values[0])


def _words(error: Exception) -> str:
    """What went wrong, also where Twisted wraps it in a list of failures."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return "; ".join(reason.getErrorMessage() for reason in reasons)
    if isinstance(error, ConnectError):
        return refusal(error)
    return str(error) or type(error).__name__
