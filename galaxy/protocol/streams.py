"""
Both ends of a streaming call.

Note: back-pressure. The reader grants items (`Limits.window`), and grants more
as they are read; the sender waits when it has no credit, and also while the
connection has more to send than it can get rid of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Self

from google.protobuf.message import Message
from twisted.internet.defer import CancelledError, Deferred

from galaxy.protocol.incoming import IncomingCalls
from galaxy.protocol.outgoing import OutgoingCalls
from galaxy.protocol.statuses import GalaxyError


class ItemStream:
    """The reader's end: a `Stream`. One reader at a time."""

    def __init__(self, outgoing: OutgoingCalls, flush: Callable[[], None]) -> None:
        self.call_id = 0
        self._outgoing = outgoing
        self._flush = flush
        self._items: deque[Message] = deque()
        self._waiting: Deferred[None] | None = None
        self._over = False
        self._error: GalaxyError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._items:
            if self._over:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            assert self._waiting is None, "a stream has one reader"
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
        item = self._items.popleft()
        self._outgoing.taken(self.call_id)
        self._flush()
        return item

    async def aclose(self) -> None:
        """Want no more items."""
        self._items.clear()
        self._error = None
        if not self._over:
            self._over = True
            self._outgoing.cancel(self.call_id)
            self._flush()
        self._wake()

    def came(self, item: Message) -> None:
        """The connection has an item."""
        if not self._over:
            self._items.append(item)
            self._wake()

    def answered(self, response: Message | None) -> None:
        """The connection says: that was all."""
        self._over = True
        self._wake()

    def failed(self, error: GalaxyError) -> None:
        """The connection says: no more, and why."""
        if not self._over:
            self._over = True
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)


class ItemSender:
    """The callee's end: what a handler is given as `send`."""

    def __init__(
        self,
        incoming: IncomingCalls,
        call_id: int,
        choked: Callable[[], bool],
        flush: Callable[[], None],
    ) -> None:
        self._incoming = incoming
        self._call_id = call_id
        self._choked = choked
        self._flush = flush
        self._waiting: deque[Deferred[None]] = deque()

    async def __call__(self, item: Message) -> None:
        """Send one item, once the reader and the connection take it."""
        while not self._may_send():
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn
        self._incoming.item(self._call_id, item)
        self._flush()

    def wake(self) -> None:
        """Something changed: let those who wait look again."""
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            if not turn.called:
                turn.callback(None)

    def _may_send(self) -> bool:
        credit = self._incoming.credit(self._call_id)
        if credit is None:
            raise CancelledError  # its withdrawal is on its way to the handler
        return credit > 0 and not self._choked()
