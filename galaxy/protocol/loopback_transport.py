"""
What stands in for a socket in the loopback network: a pipe each way, and the
transport between a pipe pair and a protocol.

A pipe delivers in order, on the clock, and never while the one who wrote is
still running. It holds everything back while it is cut, and bytes also while
the receiving end does not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from attrs import frozen
from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IProducer,
    IProtocol,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

_FULL_BYTES = 1 << 16  # as Twisted's own transports


@frozen
class _Parcel:
    due: float
    size: int  # 0: not of the stream of bytes
    deliver: Callable[[], None]


class Pipe:
    """One direction of a connection."""

    def __init__(
        self, clock: IReactorTime, delay: Callable[[], float], is_cut: Callable[[], bool]
    ) -> None:
        self.receiver: LoopbackTransport | None = None
        self.held = False  # the receiving end does not read
        self.waiting = 0  # bytes on their way
        self.drained: Callable[[], None] = _nothing
        self._clock = clock
        self._delay = delay
        self._is_cut = is_cut
        self._parcels: deque[_Parcel] = deque()
        self._due = 0.0  # the latest time that a timer has announced
        self._last = 0.0
        self._delivering = False

    def push(self, deliver: Callable[[], None], size: int = 0) -> None:
        """Something is to happen at the other end, after all that was pushed before."""
        now = self._clock.seconds()
        self._last = max(self._last, now + self._delay())
        self._parcels.append(_Parcel(self._last, size, deliver))
        self.waiting += size
        self._clock.callLater(max(0.0, self._last - now), self._arrive, self._last)

    def push_bytes(self, data: bytes) -> None:
        """Bytes for the other end."""
        self.push(partial(self._deliver_bytes, data), len(data))

    def push_end(self, *, clean: bool) -> None:
        """Nothing follows."""
        self.push(partial(self._deliver_end, clean))

    def discard_bytes(self) -> None:
        """What was on its way is lost."""
        self._parcels = deque(parcel for parcel in self._parcels if parcel.size == 0)
        self.waiting = 0

    def stir(self) -> None:
        """A cut was healed, or the receiving end reads again: look, soon."""
        self._clock.callLater(0, self._arrive, self._due)

    def _arrive(self, due: float) -> None:
        self._due = max(self._due, due)
        if self._delivering:
            return
        self._delivering = True
        parcels = self._parcels
        while parcels and parcels[0].due <= self._due and not self._is_cut():
            if self.held and parcels[0].size:
                break
            parcel = parcels.popleft()
            self.waiting -= parcel.size
            parcel.deliver()
            parcels = self._parcels
        self._delivering = False
        if not self.waiting:
            self.drained()

    def _deliver_bytes(self, data: bytes) -> None:
        if self.receiver is not None:
            self.receiver.bytes_came(data)

    def _deliver_end(self, clean: bool) -> None:
        if self.receiver is not None:
            self.receiver.lose(ConnectionDone() if clean else ConnectionLost())


@implementer(ITransport, IConsumer, IPushProducer)
class LoopbackTransport:
    """One end of a loopback connection."""

    disconnecting = False

    def __init__(
        self,
        protocol: IProtocol,
        *,
        inward: Pipe,
        outward: Pipe,
        clock: IReactorTime,
        lost: Callable[[], None],
    ) -> None:
        self._protocol = protocol
        self._inward = inward
        self._outward = outward
        self._clock = clock
        self._lost = lost
        self.gone = False
        self._producer: IPushProducer | None = None
        self._producer_paused = False
        inward.receiver = self
        outward.drained = self._drained

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self.gone or self.disconnecting or not data:
            return
        self._outward.push_bytes(data)
        if self._outward.waiting > _FULL_BYTES and self._producer and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once what was written is on its way."""
        self._leave(ConnectionDone(), clean=True)

    def abortConnection(self) -> None:
        """Close at once."""
        if not self.gone and not self.disconnecting:
            self._outward.discard_bytes()
            self._leave(ConnectionAborted(), clean=False)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Tell the producer when to pause."""
        assert streaming, "the loopback knows push producers only"
        self._producer = IPushProducer(producer)

    def unregisterProducer(self) -> None:
        """Tell it no more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Deliver no bytes here."""
        self._inward.held = True

    def resumeProducing(self) -> None:
        """Deliver them again."""
        self._inward.held = False
        self._inward.stir()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def getPeer(self) -> IAddress:
        """No address: names tell who is who."""
        return UNIXAddress(None)

    def getHost(self) -> IAddress:
        """No address either."""
        return UNIXAddress(None)

    def bytes_came(self, data: bytes) -> None:
        """The pipe delivers."""
        if not self.gone and not self.disconnecting:
            self._protocol.dataReceived(data)

    def lose(self, why: Exception) -> None:
        """The connection is gone, seen from here."""
        if not self.gone:
            self.vanish()
            self._protocol.connectionLost(Failure(why))
            self._lost()

    def vanish(self) -> None:
        """The process at this end is dead: nothing reaches it, nothing comes from it."""
        self.gone = True
        self._inward.receiver = None

    def _leave(self, why: Exception, *, clean: bool) -> None:
        if not self.gone and not self.disconnecting:
            self.disconnecting = True
            self._outward.push_end(clean=clean)
            self._clock.callLater(0, self.lose, why)

    def _drained(self) -> None:
        if self._producer is not None and self._producer_paused and not self.gone:
            self._producer_paused = False
            self._producer.resumeProducing()


def _nothing() -> None:
    pass
