"""
One connection on Twisted: moves bytes between a transport and a `CallTable`,
and carries out what the table says happened.

Note: one write. All frames of a reactor turn leave in one write: what is
asked for while bytes are being received goes out at the end of that, the rest
at the end of the turn.

Note: a peer that does not read. While the transport is full the frames stay
in the outbox. Beyond `Limits.backlog_bytes` we stop reading from the peer, so
that it can ask for no more; beyond `Limits.output_bytes` we cut it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from galaxy.protocol.call_table import CallTable
from galaxy.protocol.calls import (
    Answered,
    Asked,
    Credited,
    Event,
    Failed,
    Greeted,
    ItemCame,
    Refused,
    Withdrawn,
)
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.dispatch import Handlers, Verdicts
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Method
from galaxy.protocol.serving import Serving
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.streams import ItemStream
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Hello

_FOREVER = float("inf")


class IConnectionOwner(Interface):
    """Who made a connection and follows its life."""

    def made(connection: Connection) -> None:
        """It has a transport, and nothing was received."""

    def greeted(connection: Connection) -> None:
        """The other end's hello was accepted."""

    def gone(connection: Connection, reason: str) -> None:
        """It is over; called once, and also if it was never greeted."""


class PendingAnswer(Deferred[Any]):
    """The answer to come to one call."""

    call_id = 0

    def answered(self, response: Message | None) -> None:
        """The connection has it."""
        if not self.called:
            self.callback(response)

    def failed(self, error: GalaxyError) -> None:
        """The connection knows that none will come."""
        if not self.called:
            self.errback(Failure(error))


@implementer(IPeer, IPushProducer)
class Connection(Protocol):
    """One end of a connection, dialled or taken."""

    hello: Hello
    transport: Any

    def __init__(
        self,
        *,
        hello: Hello,
        handlers: Handlers,
        clock: IReactorTime,
        limits: Limits,
        counters: WireCounters,
        owner: IConnectionOwner,
    ) -> None:
        self.hello = Hello()
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self._owner = owner
        self._table = CallTable(
            hello, handlers.methods, limits=limits, counters=counters, now=clock.seconds()
        )
        self._outbox = self._table.outbox
        self._outgoing = self._table.outgoing
        self._serving = Serving(
            peer=self,
            handlers=handlers,
            incoming=self._table.incoming,
            verdicts=Verdicts(counters),
            choked=self._is_choked,
            flush=self._soon,
        )
        self._receiving = False  # what is sent now leaves when the received bytes are done
        self._flush_call: IDelayedCall | None = None
        self._tick_call: IDelayedCall | None = None
        self._tick_at = _FOREVER
        self._cut_call: IDelayedCall | None = None
        self._full = False  # the transport takes no more for now
        self._deaf = False  # we stopped reading
        self._ended: str | None = None  # why, from the moment nothing more is taken
        self._lost = False
        self._closed_waiters: list[Deferred[str]] = []

    # IPeer

    def call(
        self, method: Method, request: Message, *, deadline_s: float, epoch: int = 0
    ) -> Deferred[Any]:
        """Call the other end once."""
        answer = PendingAnswer(self._answer_unwanted)
        try:
            answer.call_id = self._ask(method, request, deadline_s, epoch, answer)
        except GalaxyError as error:
            return fail(error)
        return answer

    def stream(self, method: Method, request: Message, *, epoch: int = 0) -> ItemStream:
        """Call a streaming method."""
        stream = ItemStream(self._outgoing, self._soon)
        try:
            stream.call_id = self._ask(method, request, _FOREVER, epoch, stream)
        except GalaxyError as error:
            stream.failed(error)
        return stream

    def close(self, reason: str) -> None:
        """Say goodbye and close."""
        if self._ended is None:
            self._table.goodbye(reason)
            self._part(reason)

    def when_closed(self) -> Deferred[str]:
        """Fire with the reason once the connection has ended."""
        closed: Deferred[str] = Deferred()
        if self._lost:
            closed.callback(self._ended or "")
        else:
            self._closed_waiters.append(closed)
        return closed

    def abort(self, reason: str) -> None:
        """End at once; what was not sent is lost."""
        if self._ended is None:
            self._ended = reason
        self.transport.abortConnection()

    # Protocol

    def connectionMade(self) -> None:
        """The transport is there: introduce ourselves."""
        self._counters.connections += 1
        self.transport.registerProducer(self, True)
        self._owner.made(self)
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        """Bytes came."""
        self._receiving = True
        try:
            self._carry_out(self._table.receive(data, self._clock.seconds()))
        finally:
            self._receiving = False
        self._flush()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The transport is gone."""
        if self._lost:
            return
        if self._ended is None:
            self._ended = _sentence(reason)
        self._lost = True
        for call in (self._flush_call, self._tick_call, self._cut_call):
            if call is not None and call.active():
                call.cancel()
        self._carry_out(self._table.end(self._ended))
        self._owner.gone(self, self._ended)
        waiters, self._closed_waiters = self._closed_waiters, []
        for waiter in waiters:
            if not waiter.called:
                waiter.callback(self._ended)

    # IPushProducer: the transport says whether it takes more.

    def pauseProducing(self) -> None:
        """The transport is full."""
        self._full = True

    def resumeProducing(self) -> None:
        """The transport is empty again."""
        self._full = False
        self._flush()
        if self._deaf and not self._full and self._ended is None:
            self._deaf = False
            self.transport.resumeProducing()
            self._table.reading_resumes(self._clock.seconds())
            self._arm()
        self._serving.wake()

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` says so too."""

    # What we want.

    def _ask(
        self,
        method: Method,
        request: Message,
        deadline_s: float,
        epoch: int,
        token: PendingAnswer | ItemStream,
    ) -> int:
        if self._ended is not None:
            raise GalaxyError(Status.kRpcError, self._ended)
        now = self._clock.seconds()
        call_id = self._outgoing.call(method, request, deadline_s, epoch, now, token)
        self._soon()
        return call_id

    def _answer_unwanted(self, answer: Deferred[Any]) -> None:
        assert isinstance(answer, PendingAnswer)
        self._outgoing.cancel(answer.call_id)
        self._soon()

    # What happens.

    def _carry_out(self, events: Sequence[Event]) -> None:
        # The frequent ones first, and no `match`: that costs a twentieth of a call.
        for event in events:
            if isinstance(event, Answered):
                event.token.answered(event.response)
            elif isinstance(event, Asked):
                self._serving.start(event)
            elif isinstance(event, ItemCame):
                event.token.came(event.item)
            elif isinstance(event, Failed):
                event.token.failed(event.error)
            elif isinstance(event, Credited):
                self._serving.credited(event.call_id)
            elif isinstance(event, Withdrawn):
                self._serving.stop(event.call_id)
            elif isinstance(event, Greeted):
                self.hello = event.hello
                self._owner.greeted(self)
            elif self._ended is None:
                self._part(event.reason)

    def _part(self, reason: str) -> None:
        """Let the last bytes leave, then close. Open calls are over now."""
        self._ended = reason
        transport: Any = self.transport
        transport.unregisterProducer()  # a paused one would hold the closing up
        transport.write(self._outbox.take())
        transport.loseConnection()
        self._cut_call = self._clock.callLater(self._limits.close_s, transport.abortConnection)
        self._carry_out(self._table.end(reason))

    # Bytes out, and the time.

    def _is_choked(self) -> bool:
        return self._outbox.unsent >= self._limits.backlog_bytes

    def _soon(self) -> None:
        """There is something to send, when this turn is over."""
        if not self._receiving and self._flush_call is None and self._ended is None:
            self._flush_call = self._clock.callLater(0, self._flush_later)

    def _flush_later(self) -> None:
        self._flush_call = None
        self._flush()

    def _flush(self) -> None:
        if self._ended is not None:
            return
        unsent = self._outbox.unsent
        if unsent:
            if not self._full:
                self.transport.write(self._outbox.take())
            elif unsent > self._limits.output_bytes:
                self._counters.refusals[Refused.UNREAD] += 1
                self.abort(f"it does not read: {unsent} bytes wait to be sent")
                return
            elif not self._deaf and self._is_choked():
                self._deaf = True
                self._table.reading_stops()
                self.transport.pauseProducing()
        self._arm()

    def _arm(self) -> None:
        wake = self._table.next_wake()
        if wake is None or wake >= self._tick_at:
            return  # a timer that comes too early looks again
        self._tick_at = wake
        delay = max(0.0, wake - self._clock.seconds())
        if self._tick_call is not None and self._tick_call.active():
            self._tick_call.reset(delay)
        else:
            self._tick_call = self._clock.callLater(delay, self._tick)

    def _tick(self) -> None:
        self._tick_at = _FOREVER
        self._tick_call = None
        self._carry_out(self._table.tick(self._clock.seconds()))
        self._flush()


def _sentence(reason: Failure | None) -> str:
    if reason is None or reason.check(ConnectionDone):
        return "the other end closed the connection"
    return f"the connection was lost: {reason.getErrorMessage()}"
