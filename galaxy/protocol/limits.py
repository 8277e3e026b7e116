"""What one end of a connection allows the other."""

from __future__ import annotations

from attrs import frozen

MIB = 1 << 20


@frozen
class Limits:
    """
    Bounds of one connection; `unproven` bounds a listening port.

    A peer that reaches `backlog_bytes` of unsent output is no longer read from,
    so that it cannot ask for more than it takes; at `output_bytes` new calls to
    it are refused, and an answer or item that comes on top closes the connection.
    """

    frame_bytes: int = 32 * MIB
    open_calls: int = 4096  # that the other end may have open here
    hello_s: float = 10.0  # from the first moment to the other end's hello
    frame_s: float = 60.0  # from a frame's first byte to its last
    window: int = 32  # items of a stream sent ahead of their reader
    backlog_bytes: int = 1 * MIB
    output_bytes: int = 128 * MIB
    unproven: int = 1024  # connections of a port that have not said hello
    close_s: float = 5.0  # for the last bytes to leave, then the connection is cut
