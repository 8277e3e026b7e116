"""The calls that the other end of a connection makes. Pure: part of `CallTable`."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define
from google.protobuf.message import DecodeError, Message

from galaxy.protocol.calls import Asked, Credited, Event, Refused, Withdrawn
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.deadlines import Deadlines
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Method
from galaxy.protocol.outbox import Outbox, TooLarge
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Envelope, FrameKind

_ANSWER = FrameKind.kAnswer
_OK = Status.kOk
_MOST_CREDIT = 1 << 20


@define(eq=False)
class _Incoming:
    call_id: int
    method: Method
    credit: int
    open: bool = True


class IncomingCalls:
    """Takes requests or refuses them, and sends what is answered."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        outbox: Outbox,
        limits: Limits,
        counters: WireCounters,
    ) -> None:
        self._methods = methods
        self._outbox = outbox
        self._limits = limits
        self._counters = counters
        self._open: dict[int, _Incoming] = {}
        self._deadlines: Deadlines[_Incoming] = Deadlines()

    def __len__(self) -> int:
        return len(self._open)

    def is_open(self, call_id: int) -> bool:
        """Whether the caller still waits for the answer."""
        return call_id in self._open

    def answer(self, call_id: int, response: Message | None = None) -> None:
        """Answer kOk; a stream ends without a response. A withdrawn call: nothing to do."""
        call = self._open.get(call_id)
        if call is None:
            return
        try:
            payload = b"" if response is None else self._outbox.payload(response, "the answer")
        except TooLarge as large:
            self.fail(call_id, Status.kUnknown, str(large))
            return
        self._close(call, _OK)
        envelope = Envelope()  # filled by hand: keywords take twice as long
        envelope.kind, envelope.call_id, envelope.status = _ANSWER, call_id, _OK
        envelope.payload = payload
        self._outbox.send(envelope)

    def fail(self, call_id: int, status: Status, reason: str) -> None:
        """Answer with another status. A withdrawn call: nothing to do."""
        call = self._open.get(call_id)
        if call is not None:
            self._close(call, status)
            self._outbox.send_failure(call_id, status, reason)

    def credit(self, call_id: int) -> int | None:
        """How many items the reader of a stream takes now; None: the call is over."""
        call = self._open.get(call_id)
        return None if call is None else call.credit

    def item(self, call_id: int, item: Message) -> None:
        """
        Send one item of a stream; there must be credit for it.

        Raises GalaxyError when it is too large.
        """
        call = self._open[call_id]
        assert call.credit > 0
        try:
            payload = self._outbox.payload(item, "the item")
        except TooLarge as large:
            raise GalaxyError(Status.kUnknown, str(large)) from None
        call.credit -= 1
        self._outbox.send(Envelope(kind=FrameKind.kItem, call_id=call_id, payload=payload))

    def asked(self, envelope: Envelope, now: float, events: list[Event]) -> None:
        """A request came."""
        call_id = envelope.call_id
        method = self._methods.get(envelope.method)
        if call_id in self._open:
            # Any answer would be taken for that of the first call.
            self._counters.refusals[Refused.DUPLICATE_CALL] += 1
        elif method is None:
            reason = f"there is no method {envelope.method[:100]!r} here"
            self._refuse(call_id, Refused.UNKNOWN_METHOD, Status.kUnknownMethod, reason)
        elif len(self._open) >= self._limits.open_calls:
            reason = f"{len(self._open)} calls of this connection are open already"
            self._refuse(call_id, Refused.TOO_MANY_CALLS, Status.kBusy, reason)
        else:
            try:
                request = method.request.FromString(envelope.payload)
            except DecodeError:
                reason = f"the payload is no {method.request.DESCRIPTOR.name}"
                self._refuse(call_id, Refused.BAD_REQUEST, Status.kInputError, reason)
                return
            credit = min(envelope.credit, _MOST_CREDIT)
            call = self._open[call_id] = _Incoming(call_id, method, credit)
            deadline_ms = envelope.deadline_ms
            if deadline_ms:
                self._deadlines.add(now + deadline_ms / 1000, call)
            events.append(Asked(call_id, method, request, envelope.epoch))

    def credited(self, envelope: Envelope, events: list[Event]) -> None:
        """The reader of a stream takes more."""
        call = self._open.get(envelope.call_id)
        if call is not None and envelope.credit:
            call.credit = min(call.credit + envelope.credit, _MOST_CREDIT)
            events.append(Credited(call.call_id))

    def cancelled(self, envelope: Envelope, events: list[Event]) -> None:
        """The caller wants no answer any more. Unknown calls were just answered."""
        call = self._open.get(envelope.call_id)
        if call is not None:
            self._close(call, Status.kCancelled)
            events.append(Withdrawn(call.call_id))

    def expire(self, now: float, events: list[Event]) -> None:
        """Answer the calls whose time has passed."""
        for call in self._deadlines.expired(now):
            self.fail(call.call_id, Status.kDeadline, "the deadline passed before the answer")
            events.append(Withdrawn(call.call_id))

    def next_deadline(self) -> float | None:
        """When `expire` is due."""
        return self._deadlines.next()

    def end(self, events: list[Event]) -> None:
        """The connection is gone: nobody waits for answers."""
        for call in tuple(self._open.values()):
            self._close(call, Status.kRpcError)
            events.append(Withdrawn(call.call_id))

    def _refuse(self, call_id: int, why: Refused, status: Status, reason: str) -> None:
        self._counters.refusals[why] += 1
        self._outbox.send_failure(call_id, status, reason)

    def _close(self, call: _Incoming, status: Status) -> None:
        call.open = False
        del self._open[call.call_id]
        self._counters.served[call.method.wire_name, status] += 1
