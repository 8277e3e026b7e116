"""The calls that we make over one connection. Pure: part of `CallTable`."""

from __future__ import annotations

from typing import Any

from attrs import define
from google.protobuf.message import DecodeError, Message

from galaxy.protocol.calls import Answered, Event, Failed, ItemCame, Refused
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.deadlines import Deadlines
from galaxy.protocol.greeting import inability
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Method
from galaxy.protocol.outbox import Outbox, TooLarge
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Envelope, FrameKind, Hello

_REQUEST = FrameKind.kRequest
_OK = Status.kOk
_KNOWN = frozenset(Status.values())
_FOREVER_MS = 1 << 32  # more than the envelope can say


@define(eq=False)
class _Outgoing:
    call_id: int
    method: Method
    token: Any
    began: float
    granted: int = 0  # items that may still come
    taken: int = 0  # items read and not yet granted again
    open: bool = True


class OutgoingCalls:
    """Asks, and matches what comes back."""

    def __init__(self, outbox: Outbox, limits: Limits, counters: WireCounters) -> None:
        self._outbox = outbox
        self._limits = limits
        self._counters = counters
        self._open: dict[int, _Outgoing] = {}
        self._deadlines: Deadlines[_Outgoing] = Deadlines()
        self._last_id = 0
        self._peer = Hello()
        self._served: frozenset[str] | None = None  # None: the other end did not say

    def greeted(self, peer: Hello) -> None:
        """The other end said who it is, and perhaps what it serves."""
        self._peer = peer
        self._served = frozenset(peer.methods) or None

    def __len__(self) -> int:
        return len(self._open)

    def call(  # noqa: PLR0917  (keywords cost a tenth of a call here)
        self,
        method: Method,
        request: Message,
        deadline_s: float,
        epoch: int,
        now: float,
        token: Any,
    ) -> int:
        """
        Ask the other end; the call's id. `Answered` or `Failed` follows, once, with the token.

        An infinite deadline is none. Raises GalaxyError when the other end has no such
        method, when the request is too large, or when too much waits to be sent already.
        """
        if self._served is not None and method.wire_name not in self._served:
            raise self._cannot(method)
        outbox = self._outbox
        try:
            payload = outbox.payload(request, "the request")
        except TooLarge as large:
            raise GalaxyError(Status.kInputError, str(large)) from None
        if outbox.unsent + len(payload) > self._limits.output_bytes:
            reason = f"{outbox.unsent} bytes wait already to be sent to this peer"
            raise GalaxyError(Status.kBusy, reason)
        call_id = self._last_id = self._last_id + 1
        call = _Outgoing(call_id, method, token, now)
        envelope = Envelope()  # filled by hand: keywords take twice as long
        envelope.kind, envelope.call_id = _REQUEST, call_id
        envelope.method, envelope.payload = method.wire_name, payload
        if method.streams:
            envelope.credit = call.granted = self._limits.window
        deadline_ms = deadline_s * 1000
        if deadline_ms < _FOREVER_MS:
            envelope.deadline_ms = max(1, int(deadline_ms))
            self._deadlines.add(now + deadline_s, call)
        if epoch:
            envelope.epoch = epoch
        self._open[call_id] = call
        outbox.send(envelope)
        return call_id

    def taken(self, call_id: int) -> None:
        """One item of a stream was read: another may come."""
        call = self._open.get(call_id)
        if call is None:
            return
        call.taken += 1
        if call.taken * 2 >= self._limits.window:
            envelope = Envelope(kind=FrameKind.kCredit, call_id=call_id, credit=call.taken)
            self._outbox.send(envelope)
            call.granted += call.taken
            call.taken = 0

    def cancel(self, call_id: int) -> None:
        """Want no answer any more. No event follows."""
        call = self._open.get(call_id)
        if call is not None:
            self._give_up(call, Status.kCancelled)

    def answered(self, envelope: Envelope, now: float, events: list[Event]) -> None:
        """An answer came."""
        call = self._open.get(envelope.call_id)
        if call is None:
            self._count_unmatched(envelope.call_id)
            return
        method, status = call.method, envelope.status
        self._counters.latency.add(now - call.began)
        if status == _OK:
            response = None
            if not method.streams:
                try:
                    response = method.response.FromString(envelope.payload)
                except DecodeError:
                    self._broken(call, Refused.BAD_RESPONSE, "an answer of another type", events)
                    return
            self._close(call, _OK)
            events.append(Answered(call.token, response))
        elif status == Status.kUnset:
            self._broken(call, Refused.BAD_RESPONSE, "an answer without a status", events)
        elif status == Status.kUnknownMethod:
            self._close(call, status)
            events.append(Failed(call.token, self._cannot(method)))
        else:
            # Counters have a key per status: the other end must not invent them.
            self._close(call, status if status in _KNOWN else Status.kUnknown)
            events.append(Failed(call.token, GalaxyError(status, envelope.reason)))

    def item_came(self, envelope: Envelope, events: list[Event]) -> None:
        """An item of a stream came."""
        call = self._open.get(envelope.call_id)
        if call is None:
            self._count_unmatched(envelope.call_id)
            return
        if call.granted <= 0:
            self._broken(call, Refused.OVER_CREDIT, "more items than were asked for", events)
            return
        try:
            item = call.method.response.FromString(envelope.payload)
        except DecodeError:
            self._broken(call, Refused.BAD_RESPONSE, "an item of another type", events)
            return
        call.granted -= 1
        events.append(ItemCame(call.token, item))

    def expire(self, now: float, events: list[Event]) -> None:
        """Give up the calls whose time has passed."""
        for call in self._deadlines.expired(now):
            self._give_up(call, Status.kDeadline)
            reason = f"{call.method.wire_name}: no answer within {now - call.began:.3g} s"
            events.append(Failed(call.token, GalaxyError(Status.kDeadline, reason)))

    def next_deadline(self) -> float | None:
        """When `expire` is due."""
        return self._deadlines.next()

    def end(self, reason: str, events: list[Event]) -> None:
        """The connection is gone: no answer will come."""
        for call in tuple(self._open.values()):
            self._close(call, Status.kRpcError)
            events.append(Failed(call.token, GalaxyError(Status.kRpcError, reason)))

    def _cannot(self, method: Method) -> GalaxyError:
        return GalaxyError(Status.kUnknownMethod, inability(self._peer, method.wire_name))

    def _broken(self, call: _Outgoing, why: Refused, what: str, events: list[Event]) -> None:
        """The other end does not keep to the protocol in this call."""
        self._counters.refusals[why] += 1
        self._give_up(call, Status.kRpcError)
        reason = f"{call.method.wire_name}: the other end sent {what}"
        events.append(Failed(call.token, GalaxyError(Status.kRpcError, reason)))

    def _give_up(self, call: _Outgoing, status: Status) -> None:
        self._close(call, status)
        self._outbox.send(Envelope(kind=FrameKind.kCancel, call_id=call.call_id))

    def _close(self, call: _Outgoing, status: Status) -> None:
        call.open = False
        del self._open[call.call_id]
        self._counters.called[call.method.wire_name, status] += 1

    def _count_unmatched(self, call_id: int) -> None:
        known = 0 < call_id <= self._last_id
        self._counters.refusals[Refused.LATE if known else Refused.UNKNOWN_CALL] += 1
