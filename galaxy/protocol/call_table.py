"""
The state of one connection, apart from any I/O.

Bytes and the time go in, events come out (`galaxy.protocol.calls`); intentions
(call, answer, cancel) go in, and bytes to send come out. The Twisted
connection, the loopback and the blocking client are all thin around this.

Note: whose call ids. Each end numbers its own calls. A request, a credit and a
cancel name a call of their sender; an answer and an item name one of their
receiver.

Its law: no bytes make it raise, and what it keeps is bounded by its `Limits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from google.protobuf.message import DecodeError

from galaxy.protocol.calls import Ended, Event, Greeted, Refused
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.framing import Framer
from galaxy.protocol.greeting import discord, introduction
from galaxy.protocol.incoming import IncomingCalls
from galaxy.protocol.limits import Limits
from galaxy.protocol.methods import Method
from galaxy.protocol.outbox import Outbox
from galaxy.protocol.outgoing import OutgoingCalls
from galaxy.protocol.wire_pb2 import Envelope, FrameKind, Hello

_REQUEST, _ANSWER = FrameKind.kRequest, FrameKind.kAnswer


class Phase(Enum):
    """Where in its life a connection is."""

    GREETING = "waits for the other end's hello"
    OPEN = "calls"
    ENDED = "takes nothing more"


class CallTable:
    """What stands between the two ends of a connection, seen from one of them."""

    def __init__(
        self,
        hello: Hello,
        methods: Mapping[str, Method],
        *,
        limits: Limits,
        counters: WireCounters,
        now: float,
    ) -> None:
        self._limits = limits
        self._counters = counters
        self._framer = Framer(limits.frame_bytes)
        self._phase = Phase.GREETING
        self._hello_by = now + limits.hello_s
        self._frame_by: float | None = None
        self.outbox = Outbox(limits, counters)
        self.outgoing = OutgoingCalls(self.outbox, limits, counters)
        self.incoming = IncomingCalls(methods, self.outbox, limits, counters)
        self._mine = introduction(hello, methods)
        self.outbox.send(Envelope(kind=FrameKind.kHello, hello=self._mine))

    @property
    def phase(self) -> Phase:
        """Where in its life the connection is."""
        return self._phase

    def goodbye(self, reason: str) -> None:
        """Say why the connection ends; nothing is taken from now on."""
        if not self._over():
            self.outbox.close(reason)
            self._phase = Phase.ENDED

    def end(self, reason: str) -> list[Event]:
        """The connection is gone: what becomes of the calls that were open."""
        self._phase = Phase.ENDED
        events: list[Event] = []
        self.outgoing.end(reason, events)
        self.incoming.end(events)
        return events

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Bytes came."""
        events: list[Event] = []
        if self._over():
            return events
        frames = self._framer.receive(data)
        self._counters.bytes_in += len(data)
        self._counters.frames_in += len(frames)
        for frame in frames:
            try:
                envelope = Envelope.FromString(frame)
            except DecodeError:
                self._leave(Refused.GARBAGE, "this frame is not one of Galaxy's", events)
                return events
            if self._phase is Phase.OPEN:
                self._take(envelope, now, events)
            else:
                self._greet(envelope, events)
            if self._phase is not Phase.OPEN:
                return events
        self._watch_frame(bool(frames), now, events)
        return events

    def reading_stops(self) -> None:
        """We do not read for now: a frame that has begun is not late for that."""
        self._frame_by = None

    def reading_resumes(self, now: float) -> None:
        """We read again: a frame that has begun gets its time anew."""
        if self._framer.partial:
            self._frame_by = now + self._limits.frame_s

    def tick(self, now: float) -> list[Event]:
        """It is `now`: see what has had its time."""
        events: list[Event] = []
        if self._over():
            return events
        if self._phase is Phase.GREETING and now >= self._hello_by:
            self._leave(Refused.NO_HELLO, f"no hello within {self._limits.hello_s:g} s", events)
        elif self._frame_by is not None and now >= self._frame_by:
            limit = self._limits.frame_s
            self._leave(Refused.FRAME_TOO_SLOW, f"a frame took more than {limit:g} s", events)
        self.outgoing.expire(now, events)
        self.incoming.expire(now, events)
        return events

    def next_wake(self) -> float | None:
        """When `tick` is due; None: nothing waits for the time."""
        if self._over():
            return None
        wakes = (
            self.outgoing.next_deadline(),
            self.incoming.next_deadline(),
            self._frame_by,
            self._hello_by if self._phase is Phase.GREETING else None,
        )
        return min((wake for wake in wakes if wake is not None), default=None)

    def _over(self) -> bool:
        return self._phase is Phase.ENDED

    def _watch_frame(self, progressed: bool, now: float, events: list[Event]) -> None:
        refused = self._framer.refused
        if refused is not None:
            reason = f"a frame of {refused} bytes, and {self._limits.frame_bytes} are the most"
            if self._phase is Phase.GREETING:
                reason = f"this is a Galaxy port, and that was no hello: {reason}"
            self._leave(Refused.FRAME_TOO_LONG, reason, events)
        elif not self._framer.partial:
            self._frame_by = None
        elif progressed or self._frame_by is None:
            self._frame_by = now + self._limits.frame_s

    def _greet(self, envelope: Envelope, events: list[Event]) -> None:
        kind, hello = envelope.kind, envelope.hello
        if kind == FrameKind.kGoodbye:
            self._part(envelope, events)
        elif kind != FrameKind.kHello:
            self._leave(Refused.STRANGER, "the first frame must be a hello", events)
        elif reason := discord(self._mine, hello):
            self._leave(Refused.WRONG_VERSION, reason, events)
        else:
            self._phase = Phase.OPEN
            self.outgoing.greeted(hello)
            events.append(Greeted(hello))

    def _take(self, envelope: Envelope, now: float, events: list[Event]) -> None:
        kind = envelope.kind
        if kind == _REQUEST:
            self.incoming.asked(envelope, now, events)
        elif kind == _ANSWER:
            self.outgoing.answered(envelope, now, events)
        elif kind == FrameKind.kItem:
            self.outgoing.item_came(envelope, events)
        elif kind == FrameKind.kCredit:
            self.incoming.credited(envelope, events)
        elif kind == FrameKind.kCancel:
            self.incoming.cancelled(envelope, events)
        elif kind == FrameKind.kGoodbye:
            self._part(envelope, events)
        elif kind == FrameKind.kHello:
            self._counters.refusals[Refused.SECOND_HELLO] += 1
        else:
            self._counters.refusals[Refused.UNKNOWN_KIND] += 1

    def _part(self, envelope: Envelope, events: list[Event]) -> None:
        self._phase = Phase.ENDED
        events.append(Ended(envelope.reason or "the other end said goodbye"))

    def _leave(self, why: Refused, reason: str, events: list[Event]) -> None:
        self._counters.refusals[why] += 1
        self.goodbye(reason)
        events.append(Ended(reason))
