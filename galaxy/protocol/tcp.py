"""The real network: TCP, and sockets in the file system."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.protocol.addresses import TcpAddress, UnixAddress, parse_address
from galaxy.protocol.calls import Refused
from galaxy.protocol.connection import Connection
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.dispatch import Handlers
from galaxy.protocol.interfaces import IListening, INetwork, IPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Served
from galaxy.protocol.ports import Dialling, Ends, TakingPort
from galaxy.protocol.wire_pb2 import Hello

_BACKLOG = 1024
_KEEPALIVE_IDLE_S, _KEEPALIVE_EVERY_S, _KEEPALIVE_PROBES = 20, 5, 4


class _TcpTakingPort(TakingPort):
    def made(self, connection: Connection) -> None:
        transport: Any = connection.transport
        if _is_ours(transport.getHandle()):
            _tune(transport)
        else:
            self._ends.counters.refusals[Refused.STRANGER] += 1
            connection.close("this socket is for root, and for whoever runs its server")


class _TcpDialling(Dialling):
    def made(self, connection: Connection) -> None:
        super().made(connection)
        _tune(connection.transport)


@implementer(IListening)
class TcpListening:
    """A listening socket."""

    def __init__(self, address: str, port: IListeningPort, taking: TakingPort) -> None:
        self.address = address
        self._port = port
        self._taking = taking

    def stop(self) -> Deferred[None]:
        """Take no more connections, close those taken."""
        return Deferred.fromCoroutine(self._stop())

    async def hand_over(self) -> int:
        """
        Close the connections and take no more, but go on listening: for a program that takes
        this one's place by exec, and adopts the descriptor that this returns.
        """
        port: Any = self._port
        port.stopReading()
        await self._taking.close_all("the server is being replaced")
        descriptor = os.dup(port.fileno())
        os.set_inheritable(descriptor, True)
        return descriptor

    async def _stop(self) -> None:
        await maybeDeferred(self._port.stopListening)
        await self._taking.close_all("the server stops")


@implementer(INetwork)
class TcpNetwork:
    """Peers by "HOST:PORT", "[V6]:PORT" and "unix:PATH"."""

    def __init__(
        self,
        reactor: Any,
        *,
        limits: Limits | None = None,
        counters: WireCounters | None = None,
        connect_s: float = 10.0,
    ) -> None:
        """`reactor`: IReactorTime, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver."""
        self.counters = counters or WireCounters()
        self._reactor = reactor
        self._ends = Ends(IReactorTime(reactor), limits or Limits(), self.counters)
        self._connect_s = connect_s

    def listen(self, address: str, hello: Hello, serve: Sequence[Served]) -> Deferred[IListening]:
        """Serve whoever connects; a socket file can be used by its owner alone."""
        return maybeDeferred(self._listen, address, hello, Handlers(serve))

    def adopt(
        self, descriptor: int, address: str, hello: Hello, serve: Sequence[Served]
    ) -> TcpListening:
        """Go on where `hand_over` left the socket of a file."""
        taking = _TcpTakingPort(self._ends, hello, Handlers(serve))
        factory: Any = taking
        port = IReactorSocket(self._reactor).adoptStreamPort(descriptor, socket.AF_UNIX, factory)
        os.close(descriptor)  # the port has a copy
        return TcpListening(address, port, taking)

    def dial(self, address: str, hello: Hello, serve: Sequence[Served] = ()) -> Deferred[IPeer]:
        """Connect and exchange hellos."""
        dialling = _TcpDialling(address, self._ends, hello, Handlers(serve))
        try:
            endpoint = self._endpoint(address)
        except ValueError as problem:
            dialling.fail(str(problem))
            return dialling.greeted_peer
        connecting = endpoint.connect(dialling)
        connecting.addErrback(_not_connected, dialling)
        # Cancelled while still connecting: there is no connection to close yet.
        dialling.greeted_peer.addErrback(_stop_connecting, connecting)
        return dialling.greeted_peer

    def _listen(self, text: str, hello: Hello, handlers: Handlers) -> IListening:
        try:
            address = parse_address(text)
        except ValueError as problem:
            raise OSError(str(problem)) from None
        taking = _TcpTakingPort(self._ends, hello, handlers)
        factory: Any = taking  # Twisted's annotation wants its own Protocol class from factories
        try:
            if isinstance(address, UnixAddress):
                _remove_dead_socket(Path(address.path))
                port = IReactorUNIX(self._reactor).listenUNIX(
                    address.path, factory, backlog=_BACKLOG, mode=0o600
                )
            else:
                port = IReactorTCP(self._reactor).listenTCP(
                    address.port, factory, backlog=_BACKLOG, interface=address.host
                )
                taken: Any = port.getHost()
                address = TcpAddress(address.host, taken.port)
        except CannotListenError as refused:
            cause = refused.socketError
            code = cause.errno if isinstance(cause, OSError) else None
            raise OSError(code, f"cannot listen on {text}: {cause}") from None
        return TcpListening(str(address), port, taking)

    def _endpoint(self, text: str) -> IStreamClientEndpoint:
        address, timeout = parse_address(text), self._connect_s
        if isinstance(address, UnixAddress):
            return UNIXClientEndpoint(self._reactor, address.path, timeout=timeout)
        try:
            version = ip_address(address.host).version
        except ValueError:
            return HostnameEndpoint(self._reactor, address.host, address.port, timeout=timeout)
        endpoint = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
        return endpoint(self._reactor, address.host, address.port, timeout=timeout)


def _not_connected(failure: Failure, dialling: Dialling) -> None:
    dialling.fail(failure.getErrorMessage() or type(failure.value).__name__)


def _stop_connecting(failure: Failure, connecting: Deferred[Any]) -> Failure:
    connecting.cancel()
    return failure


def _is_ours(handle: socket.socket) -> bool:
    """Whether the other end is root or our own user; of TCP the kernel does not tell."""
    if handle.family != socket.AF_UNIX:
        return True
    told = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", told)
    return uid in {0, os.geteuid()}


def _tune(transport: Any) -> None:
    """Small frames leave at once; a peer that vanished is noticed within a minute."""
    handle: socket.socket = transport.getHandle()
    if handle.family == socket.AF_UNIX:
        return
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(True)
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_EVERY_S)
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)


def _remove_dead_socket(path: Path) -> None:
    """A socket file that nobody listens on is what a killed process left behind."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except BlockingIOError:
            return  # it listens, and its queue is full
