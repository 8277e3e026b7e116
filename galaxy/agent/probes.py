"""
Asking a task how it is, over the network of its machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote

from attrs import define, field
from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

HERE = "127.0.0.1"
_LONGEST_LINE = 4096
_PATH_LETTERS = "/:?[]@!$&'()*+,;=%~"
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})\b")


class IProbes(Interface):
    """
    Checks of a port of this machine.

    Each fires with "" when it passed, and else with a sentence that says how it
    failed; it fires in time and never fails. May be cancelled.
    """

    def tcp(port: int, timeout_s: float) -> Deferred[str]:
        """Whether the port takes a connection."""

    def http(port: int, path: str, timeout_s: float) -> Deferred[str]:
        """Whether a page is answered with a status from 200 to 399."""


def refusal(error: ConnectError) -> str:
    """Why a connection was not taken, in the system's words where it has some."""
    return os.strerror(error.osError) if error.osError else str(error)


@implementer(IProbes)
class NetworkProbes:
    """Checks over real sockets. `reactor`: as IReactorTCP and IReactorTime."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def tcp(self, port: int, timeout_s: float) -> Deferred[str]:
        """Connect, and hang up."""
        return self._bounded(self._tcp(port, timeout_s), timeout_s)

    def http(self, port: int, path: str, timeout_s: float) -> Deferred[str]:
        """Ask for a page, and hang up when its status has come."""
        return self._bounded(self._http(port, path, timeout_s), timeout_s)

    def _bounded(self, probe: Any, timeout_s: float) -> Deferred[str]:
        work: Deferred[str] = Deferred.fromCoroutine(probe)
        work.addTimeout(timeout_s, self._reactor)
        return work.addErrback(_too_late, timeout_s)

    async def _tcp(self, port: int, timeout_s: float) -> str:
        try:
            protocol = await self._connect(port, Factory.forProtocol(Protocol), timeout_s)
        except ConnectError as error:
            return f"port {port} takes no connection: {refusal(error)}"
        _hang_up(protocol)
        return ""

    async def _http(self, port: int, path: str, timeout_s: float) -> str:
        path = quote(path, safe=_PATH_LETTERS)
        page = f"http://{HERE}:{port}{path}"
        try:
            protocol = await self._connect(port, Factory.forProtocol(_FirstLine), timeout_s)
        except ConnectError as error:
            return f"{page} takes no connection: {refusal(error)}"
        try:
            line = await protocol.ask(
                f"GET {path} HTTP/1.1\r\nHost: {HERE}:{port}\r\n"
                "User-Agent: galaxy-health\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
            )
        finally:
            _hang_up(protocol)
        status = _STATUS.match(line)
        if status is None:
            return f"{page} gave no HTTP answer"
        code = int(status[1])
        return "" if 200 <= code < 400 else f"{page} answered {code}"

    def _connect(self, port: int, factory: Factory, timeout_s: float) -> Awaitable[Any]:
        return TCP4ClientEndpoint(self._reactor, HERE, port, timeout=timeout_s).connect(factory)


class _FirstLine(Protocol):
    """Asks once, and hears the first line of the answer, or what came of it."""

    def __init__(self) -> None:
        self._heard = b""
        self._waiting: Deferred[bytes] | None = None

    def ask(self, request: bytes) -> Deferred[bytes]:
        assert self.transport is not None
        self.transport.write(request)
        self._waiting = Deferred()
        return self._waiting

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if b"\n" in self._heard or len(self._heard) > _LONGEST_LINE:
            self._answer()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._answer()

    def _answer(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(self._heard)


def _hang_up(protocol: Any) -> None:
    if protocol.transport is not None:
        protocol.transport.abortConnection()


def _too_late(failure: Failure, timeout_s: float) -> str:
    failure.trap(defer.TimeoutError)
    return late(timeout_s)


def late(timeout_s: float) -> str:
    """How a check failed that took too long."""
    return f"no answer within {timeout_s:g} s"


@implementer(IProbes)
@define
class MemoryProbes:
    """Checks of a machine that exists in memory: `ill` ports fail with their sentences."""

    ill: dict[int, str] = field(factory=dict)
    asked: list[tuple[int, str]] = field(factory=list)

    def tcp(self, port: int, timeout_s: float) -> Deferred[str]:
        """As told."""
        self.asked.append((port, ""))
        return succeed(self.ill.get(port, ""))

    def http(self, port: int, path: str, timeout_s: float) -> Deferred[str]:
        """As told."""
        self.asked.append((port, path))
        return succeed(self.ill.get(port, ""))
