"""The frames that wait to be sent on one connection. Pure."""

from __future__ import annotations

from google.protobuf.message import Message

from galaxy.protocol.counters import WireCounters
from galaxy.protocol.framing import framed
from galaxy.protocol.limits import Limits
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Envelope, FrameKind

_ENVELOPE_BYTES = 4096  # what an envelope may add to its payload
_LONGEST_REASON = 1000  # of characters, which have up to four bytes


class TooLarge(Exception):
    """A message does not fit in a frame; the sentence says by how much."""


class Outbox:
    """Collects frames for one write. Takes nothing more once closed."""

    def __init__(self, limits: Limits, counters: WireCounters) -> None:
        self._largest = limits.frame_bytes - _ENVELOPE_BYTES
        self._counters = counters
        self._frames: list[bytes] = []
        self._unsent = 0
        self._closed = False

    @property
    def unsent(self) -> int:
        """Bytes that wait."""
        return self._unsent

    def payload(self, message: Message, what: str) -> bytes:
        """The message's bytes; raises TooLarge when no frame holds them."""
        payload = message.SerializeToString()
        if len(payload) > self._largest:
            raise TooLarge(f"{what} has {len(payload)} bytes, and a frame holds {self._largest}")
        return payload

    def send(self, envelope: Envelope) -> None:
        """One more frame."""
        if self._closed:
            return
        frame = framed(envelope.SerializeToString())
        self._frames.append(frame)
        self._unsent += len(frame)
        self._counters.frames_out += 1

    def send_failure(self, call_id: int, status: Status, reason: str) -> None:
        """An answer that is no success."""
        reason = reason[:_LONGEST_REASON]
        self.send(Envelope(kind=FrameKind.kAnswer, call_id=call_id, status=status, reason=reason))

    def close(self, reason: str) -> None:
        """The last frame: why the connection ends."""
        self.send(Envelope(kind=FrameKind.kGoodbye, reason=reason[:_LONGEST_REASON]))
        self._closed = True

    def take(self) -> bytes:
        """All that waits, in one piece."""
        data = b"".join(self._frames)
        self._frames.clear()
        self._unsent = 0
        self._counters.bytes_out += len(data)
        return data
