"""
Frames: a 4-byte big-endian length, then so many bytes. Pure.

The law: the same frames come out however the bytes were split, in time linear
in their number; and a length over the limit is refused before a byte of its
frame is kept.
"""

from __future__ import annotations

_LENGTH_BYTES = 4


class Framer:
    """Turns the bytes of one connection into frames."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._awaited = _LENGTH_BYTES  # bytes that must be there before anything can be done
        self._refused: int | None = None

    @property
    def refused(self) -> int | None:
        """The length that was over the limit. From then on nothing is taken."""
        return self._refused

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._pending)

    def receive(self, data: bytes) -> list[bytes]:
        """The frames that these bytes complete, in order."""
        if self._refused is not None:
            return []
        pending = self._pending
        if not pending:
            frames, end = self._split(data)
            if end < len(data) and self._refused is None:
                pending += memoryview(data)[end:]
            return frames
        pending += data
        if len(pending) < self._awaited:
            return []
        with memoryview(pending) as view:
            frames, end = self._split(view)
        if self._refused is None:
            del pending[:end]
        else:
            pending.clear()
        return frames

    def _split(self, data: bytes | memoryview) -> tuple[list[bytes], int]:
        """The whole frames in data, and where what is left begins."""
        frames: list[bytes] = []
        position, size = 0, len(data)
        while True:
            begin = position + _LENGTH_BYTES
            if begin > size:
                self._awaited = _LENGTH_BYTES
                return frames, position
            length = int.from_bytes(data[position:begin], "big")
            if length > self._limit:
                self._refused = length
                return frames, position
            end = begin + length
            if end > size:
                self._awaited = _LENGTH_BYTES + length
                return frames, position
            frames.append(bytes(data[begin:end]))
            position = end


def framed(body: bytes) -> bytes:
    """The body as a frame."""
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body
