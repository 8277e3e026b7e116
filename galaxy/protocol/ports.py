"""Who owns connections: a port that takes them, a dialling that makes one."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.protocol.calls import Refused
from galaxy.protocol.connection import Connection, IConnectionOwner
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.dispatch import Handlers
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Hello


@frozen
class Ends:
    """What all connections of a network share."""

    clock: IReactorTime
    limits: Limits
    counters: WireCounters

    def connection(self, hello: Hello, handlers: Handlers, owner: IConnectionOwner) -> Connection:
        """A new end of a connection."""
        return Connection(
            hello=hello,
            handlers=handlers,
            clock=self.clock,
            limits=self.limits,
            counters=self.counters,
            owner=owner,
        )


@implementer(IConnectionOwner)
class TakingPort(Factory):
    """Makes a connection for whoever comes, and keeps those it made."""

    noisy = False

    def __init__(self, ends: Ends, hello: Hello, handlers: Handlers) -> None:
        self._ends = ends
        self._hello = hello
        self._handlers = handlers
        # Dictionaries for their order: a simulated run must go the same way twice.
        self._unproven: dict[Connection, None] = {}
        self._proven: dict[Connection, None] = {}
        self._stopped = False

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """An end for a new connection; None when too many have not said who they are."""
        if self._stopped:
            return None
        if len(self._unproven) >= self._ends.limits.unproven:
            self._ends.counters.refusals[Refused.UNPROVEN] += 1
            return None
        connection = self._ends.connection(self._hello, self._handlers, self)
        self._unproven[connection] = None
        return connection

    def made(self, connection: Connection) -> None:
        """It waits for its hello, and is kept already."""

    def greeted(self, connection: Connection) -> None:
        """It is no stranger any more."""
        self._unproven.pop(connection, None)
        self._proven[connection] = None

    def gone(self, connection: Connection, reason: str) -> None:
        """It is over."""
        self._unproven.pop(connection, None)
        self._proven.pop(connection, None)

    async def close_all(self, reason: str) -> None:
        """Make no more connections, close those there are."""
        self._stopped = True
        connections = (*self._unproven, *self._proven)
        closed = [connection.when_closed() for connection in connections]
        for connection in connections:
            connection.close(reason)
        await gatherResults(closed)


@implementer(IConnectionOwner)
class Dialling(Factory):
    """One attempt to reach a peer: `greeted_peer` fires with it, or fails with GalaxyError."""

    noisy = False

    def __init__(self, address: str, ends: Ends, hello: Hello, handlers: Handlers) -> None:
        self._address = address
        self._ends = ends
        self._hello = hello
        self._handlers = handlers
        self._connection: Connection | None = None
        self.greeted_peer: Deferred[IPeer] = Deferred(self._unwanted)

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """The connection to the peer."""
        if self.greeted_peer.called:
            return None
        return self._ends.connection(self._hello, self._handlers, self)

    def made(self, connection: Connection) -> None:
        """The transport is there; the peer's hello is not."""
        self._connection = connection

    def greeted(self, connection: Connection) -> None:
        """There it is."""
        if not self.greeted_peer.called:
            self.greeted_peer.callback(connection)

    def gone(self, connection: Connection, reason: str) -> None:
        """It is over, perhaps before it was greeted."""
        self.fail(reason)

    def fail(self, reason: str) -> None:
        """The peer was not reached."""
        if not self.greeted_peer.called:
            error = GalaxyError(Status.kRpcError, f"{self._address}: {reason}")
            self.greeted_peer.errback(Failure(error))

    def _unwanted(self, _: Deferred[Any]) -> None:
        if self._connection is not None:
            self._connection.abort("the dialling was cancelled")
