"""
Descriptors that are read when somebody takes, and written to a piece at a time.

For both ends of a command: neither is ever ahead of whoever is at the other side.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

CHUNK = 128 << 10

Ring = Callable[[], None]


class NoReader(Exception):
    """The command takes no more input."""


@implementer(IReadDescriptor)
class Source:
    """A descriptor that is read when somebody takes; rings when there may be more."""

    def __init__(self, reactor: IReactorFDSet, descriptor: int, ring: Ring) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._ring = ring
        self._at_end = False
        os.set_blocking(descriptor, False)

    def take(self) -> bytes:
        """What is there, up to a chunk."""
        pieces: list[bytes] = []
        room = CHUNK
        while room and not self._at_end:
            piece = self._read(room)
            if piece is None:
                if not pieces:
                    self._reactor.addReader(self)
                break
            self._at_end = not piece
            pieces.append(piece)
            room -= len(piece)
        return b"".join(pieces)

    def _read(self, most: int) -> bytes | None:
        """A piece; empty at the end; None if there is none now."""
        try:
            return os.read(self._descriptor, most)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""  # a terminal that nobody has open any more

    def close(self) -> None:
        """Take no more."""
        self._reactor.removeReader(self)
        os.close(self._descriptor)
        self._descriptor = -1

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def doRead(self) -> None:
        """There is more: say so, once."""
        self._reactor.removeReader(self)
        self._ring()

    def connectionLost(self, reason: Failure) -> None:
        """Nobody writes any more, and there is nothing left."""
        self.doRead()

    def logPrefix(self) -> str:
        """Whose events these are in the log."""
        return "exec"


@implementer(IWriteDescriptor)
class Sink:
    """A descriptor that is written to, one piece after the other has gone."""

    def __init__(self, reactor: IReactorFDSet, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._left = memoryview(b"")
        self._gone: Deferred[None] | None = None
        os.set_blocking(descriptor, False)

    def write(self, data: bytes) -> Deferred[None]:
        """Fires when it has gone."""
        assert self._gone is None, "one piece after the other"
        gone = self._gone = Deferred(lambda _: self._done(None))
        self._left = memoryview(data)
        self.doWrite()
        return gone

    def close(self) -> None:
        """Write no more."""
        self._done(NoReader())
        os.close(self._descriptor)
        self._descriptor = -1

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def doWrite(self) -> None:
        """There is room: write on."""
        try:
            while self._left:
                self._left = self._left[os.write(self._descriptor, self._left) :]
        except BlockingIOError:
            self._reactor.addWriter(self)
        except OSError:
            self._done(NoReader())
        else:
            self._done(None)

    def connectionLost(self, reason: Failure) -> None:
        """Nobody reads any more."""
        self._done(NoReader())

    def logPrefix(self) -> str:
        """Whose events these are in the log."""
        return "exec"

    def _done(self, error: NoReader | None) -> None:
        self._reactor.removeWriter(self)
        self._left = memoryview(b"")
        gone, self._gone = self._gone, None
        if gone is not None and not gone.called:
            if error is None:
                gone.callback(None)
            else:
                gone.errback(error)
