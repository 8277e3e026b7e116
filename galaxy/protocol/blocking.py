"""
The client of programs that wait: the command line, scripts.

The same call table as everywhere, around a plain socket. Twisted is not
imported, which is most of what a short command would spend its time on.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from google.protobuf.message import Message
from zope.interface import implementer

from galaxy.protocol.addresses import UnixAddress, parse_address
from galaxy.protocol.call_table import CallTable, Phase
from galaxy.protocol.calls import Answered, Ended, Event, Failed, Greeted, ItemCame
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.interfaces import IBlockingPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Method
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Hello

_CHUNK = 1 << 18
_FOREVER = float("inf")
# Python heeds a signal that comes just before a system call when that call is over.
_SIGNALS_HEEDED_S = 1.0
_KEEPALIVE_IDLE_S, _KEEPALIVE_EVERY_S, _KEEPALIVE_PROBES = 20, 5, 4


class _Reply:
    """What became of one call so far. `then` is called when it is over."""

    def __init__(self, then: Callable[[_Reply], None] | None = None) -> None:
        self.items: deque[Message] = deque()
        self.over = False
        self.response: Message | None = None
        self.error: GalaxyError | None = None
        self._then = then

    def something(self) -> bool:
        return self.over or bool(self.items)

    def end(self, response: Message | None, error: GalaxyError | None) -> None:
        self.response, self.error, self.over = response, error, True
        if self._then is not None:
            self._then(self)


class BlockingItems:
    """The items of a streaming call: a `BlockingStream`."""

    def __init__(self, peer: BlockingPeer, call_id: int, reply: _Reply) -> None:
        self._peer = peer
        self._call_id = call_id
        self._reply = reply

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        reply = self._reply
        self._peer.wait(reply.something)
        if reply.items:
            self._peer.taken(self._call_id)
            return reply.items.popleft()
        error, reply.error = reply.error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Want no more items."""
        reply = self._reply
        reply.items.clear()
        reply.error = None
        if not reply.over:
            reply.over = True
            self._peer.cancel(self._call_id)


@implementer(IBlockingPeer)
class BlockingPeer:
    """
    A connection to one address. It is there, with the hello exchanged, once
    this is constructed; raises GalaxyError(kRpcError), naming the address.
    """

    def __init__(
        self,
        address: str,
        hello: Hello,
        *,
        timeout_s: float = 10.0,
        limits: Limits | None = None,
        counters: WireCounters | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hello = Hello()
        self._address = address
        self._now = now
        self._ended: str | None = None
        self._writing = memoryview(b"")
        self._attended: dict[int, Callable[[], None]] = {}
        self._table = CallTable(
            hello, {}, limits=limits or Limits(), counters=counters or WireCounters(), now=now()
        )
        by = now() + timeout_s
        try:
            self._socket = _connected(address, timeout_s)
        except (OSError, ValueError) as problem:
            reason = f"{address}: {getattr(problem, 'strerror', None) or problem}"
            raise GalaxyError(Status.kRpcError, reason) from None
        self._socket.setblocking(False)
        self.wait(lambda: self._table.phase is not Phase.GREETING, by)
        if self._table.phase is not Phase.OPEN:
            self._hang_up("no hello in time")
            raise GalaxyError(Status.kRpcError, f"{address}: {self._ended}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, method: Method, request: Message, *, deadline_s: float, epoch: int = 0) -> Any:
        """Call the other end once, and wait."""
        reply = _Reply()
        self._ask(method, request, deadline_s, epoch, reply)
        self.wait(reply.something)
        if reply.error is not None:
            raise reply.error
        return reply.response

    def stream(self, method: Method, request: Message, *, epoch: int = 0) -> BlockingItems:
        """Call a streaming method; iterate over its items."""
        reply = _Reply()
        return BlockingItems(self, self._ask(method, request, _FOREVER, epoch, reply), reply)

    def begin(
        self,
        method: Method,
        request: Message,
        answered: Callable[[Message | GalaxyError], None],
    ) -> None:
        """Call the other end; `answered` is told the outcome while something else is waited for."""

        def over(reply: _Reply) -> None:
            outcome = reply.response if reply.error is None else reply.error
            assert outcome is not None
            answered(outcome)

        self._ask(method, request, _FOREVER, 0, _Reply(over))

    def attend(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever there is something to read, while something is waited for."""
        self._attended[descriptor] = ready

    def ignore(self, descriptor: int) -> None:
        """Attend to it no more; harmless if nobody did."""
        self._attended.pop(descriptor, None)

    def close(self) -> None:
        """End the connection."""
        if self._ended is None:
            self._table.goodbye("done")
            self._hang_up("closed")

    # For BlockingItems.

    def wait(self, until: Callable[[], bool], by: float = _FOREVER) -> None:
        """Move bytes until it is so, or the connection has ended, or it is `by`."""
        while not until() and self._ended is None:
            now = self._now()
            if now >= by:
                return
            self._carry_out(self._table.tick(now))
            if until():
                return
            wake = self._table.next_wake()
            self._exchange(min(by, _FOREVER if wake is None else wake) - now)

    def taken(self, call_id: int) -> None:
        """An item was read."""
        self._table.outgoing.taken(call_id)

    def cancel(self, call_id: int) -> None:
        """A stream is not wanted any more."""
        self._table.outgoing.cancel(call_id)
        if self._ended is None:
            self._exchange(0.0)

    def _ask(
        self, method: Method, request: Message, deadline_s: float, epoch: int, reply: _Reply
    ) -> int:
        if self._ended is not None:
            raise GalaxyError(Status.kRpcError, f"{self._address}: {self._ended}")
        return self._table.outgoing.call(method, request, deadline_s, epoch, self._now(), reply)

    def _exchange(self, seconds: float) -> None:
        """Write what can be written, read what has come, waiting for a while, at most so long."""
        if not self._writing:
            self._writing = memoryview(self._table.outbox.take())
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._writing else 0))
        for descriptor in self._attended:
            poll.register(descriptor, select.POLLIN)
        ready = dict(poll.poll(min(_SIGNALS_HEEDED_S, max(0.0, seconds)) * 1000))
        self._transfer(ready.pop(self._socket.fileno(), 0))
        for descriptor in ready:
            if descriptor in self._attended:
                self._attended[descriptor]()

    def _transfer(self, what: int) -> None:
        try:
            if what & select.POLLOUT:
                self._writing = self._writing[self._socket.send(self._writing) :]
            if what & ~select.POLLOUT:
                self._read()
        except BlockingIOError:
            return
        except OSError as problem:
            self._hang_up(f"the connection was lost: {problem.strerror}")

    def _read(self) -> None:
        data = self._socket.recv(_CHUNK)
        if data:
            self._carry_out(self._table.receive(data, self._now()))
        else:
            self._hang_up("the other end closed the connection")

    def _carry_out(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Answered(reply, response):
                    reply.end(response, None)
                case ItemCame(reply, item):
                    reply.items.append(item)
                case Failed(reply, error):
                    reply.end(None, error)
                case Greeted(hello):
                    self.hello = hello
                case Ended(reason):
                    self._hang_up(reason)
                case _:
                    pass  # nothing is served here: no calls come, and none are withdrawn

    def _hang_up(self, reason: str) -> None:
        if self._ended is None:
            self._ended = reason
            with suppress(OSError):  # the last words; nobody waits for them
                self._socket.send(bytes(self._writing) + self._table.outbox.take())
            self._socket.close()
            self._carry_out(self._table.end(f"{self._address}: {reason}"))


def _connected(text: str, timeout_s: float) -> socket.socket:
    address = parse_address(text)
    if isinstance(address, UnixAddress):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            connection.connect(address.path)
        except OSError:
            connection.close()
            raise
        return connection
    connection = socket.create_connection((address.host, address.port), timeout=timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A machine that vanished is noticed within a minute.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
    return connection
