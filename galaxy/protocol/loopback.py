"""
A network in one process, on a clock: for scenarios and for the simulator.

Everything still is serialised, framed and parsed; only the sockets are
missing. Bytes are delivered on the clock, in order, so that a run depends on
nothing else. The network can be cut between names: a cut neither delivers nor
closes, as in a real partition, until it is healed.

Names: one end of a link is known by the `hello.name` it dialled with, the
other by the address it listens on and by its `hello.name`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from galaxy.protocol.addresses import TcpAddress, parse_address
from galaxy.protocol.connection import Connection
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.dispatch import Handlers
from galaxy.protocol.interfaces import IListening, INetwork, IPeer
from galaxy.protocol.limits import Limits
from galaxy.protocol.loopback_transport import LoopbackTransport, Pipe
from galaxy.protocol.methods import Served
from galaxy.protocol.ports import Dialling, Ends, TakingPort
from galaxy.protocol.wire_pb2 import Hello

Names = frozenset[str]
Delay = Callable[[Names, Names], float]

_ANYBODY = "*"
_FIRST_PORT = 40000


@define(eq=False)
class _Link:
    """One connection, or the wish for one."""

    dialler: Names
    listener: Names
    there: Pipe
    back: Pipe
    dialler_end: LoopbackTransport | None = None
    listener_end: LoopbackTransport | None = None

    def ends(self) -> tuple[tuple[Names, LoopbackTransport | None], ...]:
        return (self.dialler, self.dialler_end), (self.listener, self.listener_end)

    def joins(self, one: str, other: str) -> bool:
        ways = ((self.dialler, self.listener), (self.listener, self.dialler))
        return any(_named(one, these) and _named(other, those) for these, those in ways)


@frozen(eq=False)
class _Listener:
    name: str
    taking: TakingPort


@implementer(IListening)
class LoopbackListening:
    """An address that is listened on."""

    def __init__(self, address: str, taking: TakingPort, forget: Callable[[], None]) -> None:
        self.address = address
        self._taking = taking
        self._forget = forget

    def stop(self) -> Deferred[None]:
        """Take no more connections, close those taken."""
        self._forget()
        return Deferred.fromCoroutine(self._taking.close_all("the server stops"))


@implementer(INetwork)
class LoopbackNetwork:
    """
    Peers by any well-formed address, all in this process.

    `delay` gives the seconds that bytes take from one end to the other (by
    default none); a simulator passes one that draws from its seed.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        limits: Limits | None = None,
        counters: WireCounters | None = None,
        delay: Delay | None = None,
        connect_s: float = 10.0,
    ) -> None:
        self.counters = counters or WireCounters()
        self._clock = clock
        self._ends = Ends(clock, limits or Limits(), self.counters)
        self._delay = delay or _at_once
        self._connect_s = connect_s
        self._listeners: dict[str, _Listener] = {}
        self._links: dict[_Link, None] = {}
        self._cuts: set[tuple[str, str]] = set()
        self._next_port = _FIRST_PORT

    def listen(self, address: str, hello: Hello, serve: Sequence[Served]) -> Deferred[IListening]:
        """Serve whoever dials the address."""
        try:
            address = self._free_address(address)
        except OSError as taken:
            return fail(taken)
        taking = TakingPort(self._ends, hello, Handlers(serve))
        listener = self._listeners[address] = _Listener(hello.name, taking)
        return succeed(LoopbackListening(address, taking, partial(self._forget, address, listener)))

    def dial(self, address: str, hello: Hello, serve: Sequence[Served] = ()) -> Deferred[IPeer]:
        """Connect and exchange hellos."""
        dialling = Dialling(address, self._ends, hello, Handlers(serve))
        try:
            address = str(parse_address(address))
        except ValueError as problem:
            dialling.fail(str(problem))
            return dialling.greeted_peer
        link = self._link(frozenset({hello.name}), self._names_at(address))
        link.there.push(partial(self._arrived, link, address, dialling))
        timeout = self._clock.callLater(
            self._connect_s, dialling.fail, f"no answer within {self._connect_s:g} s"
        )
        dialling.greeted_peer.addBoth(_stop, timeout)
        return dialling.greeted_peer

    # Faults. "*", or no second name: anybody.

    def cut(self, one: str, other: str = _ANYBODY) -> None:
        """Deliver nothing between the two, in either direction, until healed."""
        self._cuts |= {(one, other), (other, one)}

    def cut_one_way(self, source: str, target: str) -> None:
        """Deliver nothing from source to target, until healed."""
        self._cuts.add((source, target))

    def heal(self, one: str = _ANYBODY, other: str = _ANYBODY) -> None:
        """Undo the cut of the same names, or every cut. What was held back arrives."""
        if one == other == _ANYBODY:
            self._cuts.clear()
        self._cuts -= {(one, other), (other, one)}
        for link in self._links:
            link.there.stir()
            link.back.stir()

    def drop(self, one: str, other: str = _ANYBODY) -> None:
        """Lose the connections between the two; both ends notice."""
        for link in tuple(self._links):
            if link.joins(one, other):
                for _, end in link.ends():
                    if end is not None:
                        self._clock.callLater(0, end.lose, ConnectionLost())

    def crash(self, name: str) -> None:
        """
        The process of that name is dead: it listens no more, hears and says
        nothing more, and the others lose their connections to it. What it still
        has on the clock is for the caller to stop.
        """
        for address, listener in tuple(self._listeners.items()):
            if name in {address, listener.name}:
                self._forget(address, listener)
        for link in tuple(self._links):
            for names, end in link.ends():
                if end is None or not link.joins(name, _ANYBODY):
                    continue
                if name in names:
                    end.vanish()
                else:
                    self._clock.callLater(0, end.lose, ConnectionLost())

    # The life of a link.

    def _link(self, dialler: Names, listener: Names) -> _Link:
        there = Pipe(
            self._clock,
            delay=lambda: self._delay(link.dialler, link.listener),
            is_cut=lambda: self._is_cut(link.dialler, link.listener),
        )
        back = Pipe(
            self._clock,
            delay=lambda: self._delay(link.listener, link.dialler),
            is_cut=lambda: self._is_cut(link.listener, link.dialler),
        )
        link = _Link(dialler, listener, there, back)
        self._links[link] = None
        return link

    def _arrived(self, link: _Link, address: str, dialling: Dialling) -> None:
        """The wish to connect has come to where it was sent."""
        listener = self._listeners.get(address)
        taken = None if listener is None else listener.taking.buildProtocol(None)
        if taken is None:
            link.back.push(partial(self._refused, link, dialling))
            return
        link.listener = self._names_at(address)
        link.listener_end = self._end(link, taken, inward=link.there, outward=link.back)
        link.back.push(partial(self._accepted, link, dialling))
        taken.makeConnection(link.listener_end)

    def _accepted(self, link: _Link, dialling: Dialling) -> None:
        """The dialler hears that it is connected."""
        made = dialling.buildProtocol(None)
        if made is None:
            link.there.push_end(clean=True)
            return
        link.dialler_end = self._end(link, made, inward=link.back, outward=link.there)
        made.makeConnection(link.dialler_end)

    def _refused(self, link: _Link, dialling: Dialling) -> None:
        self._links.pop(link, None)
        dialling.fail("nobody listens there")

    def _end(
        self, link: _Link, protocol: Connection, *, inward: Pipe, outward: Pipe
    ) -> LoopbackTransport:
        return LoopbackTransport(
            protocol,
            inward=inward,
            outward=outward,
            clock=self._clock,
            lost=partial(self._lost, link),
        )

    def _lost(self, link: _Link) -> None:
        if all(end is None or end.gone for _, end in link.ends()):
            self._links.pop(link, None)

    # Names and addresses.

    def _names_at(self, address: str) -> Names:
        listener = self._listeners.get(address)
        return frozenset({address} if listener is None else {address, listener.name})

    def _is_cut(self, source: Names, target: Names) -> bool:
        return any(_named(one, source) and _named(other, target) for one, other in self._cuts)

    def _free_address(self, text: str) -> str:
        try:
            address = parse_address(text)
        except ValueError as problem:
            raise OSError(str(problem)) from None
        if isinstance(address, TcpAddress) and address.port == 0:
            self._next_port += 1
            address = TcpAddress(address.host, self._next_port)
        if str(address) in self._listeners:
            raise OSError(errno.EADDRINUSE, f"cannot listen on {text}: the address is taken")
        return str(address)

    def _forget(self, address: str, listener: _Listener) -> None:
        if self._listeners.get(address) is listener:
            del self._listeners[address]


def _at_once(source: Names, target: Names) -> float:  # noqa: ARG001  (the shape of a Delay)
    return 0.0


def _named(name: str, names: Names) -> bool:
    return name == _ANYBODY or name in names


def _stop(result: Any, timeout: IDelayedCall) -> Any:
    if timeout.active():
        timeout.cancel()
    return result
