"""
The boundaries of the wire: a peer to call, a network to find it on.

Daemons are handed an `INetwork` and never import sockets, so that a whole
cluster can run in one process on one clock (`galaxy.protocol.loopback`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from google.protobuf.message import Message
from zope.interface import Attribute, Interface

from galaxy.protocol.methods import Method, Served
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello

if TYPE_CHECKING:  # the command line imports this, and not Twisted
    from twisted.internet.defer import Deferred

T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol[T_co]):
    """
    The items of a streaming call, to be iterated over once.

    Whoever stops before the end closes it (`contextlib.aclosing`), which
    cancels the call. An async generator has this shape too.
    """

    def __aiter__(self) -> Self: ...

    def __anext__(self) -> Awaitable[T_co]:
        """Give the next item; StopAsyncIteration at the end, or GalaxyError."""

    def aclose(self) -> Awaitable[None]:
        """Want no more items. Closing twice is harmless."""


class BlockingStream(Protocol[T_co]):
    """The same for one who waits: the next item blocks."""

    def __iter__(self) -> Self: ...

    def __next__(self) -> T_co: ...

    def close(self) -> None:
        """Want no more items. Closing twice is harmless."""


class IPeer(Interface):
    """
    One live connection, seen from one end. Both ends may call.

    When the connection ends, for whatever reason, every open call fails with
    `GalaxyError(kRpcError)`; whether the other end carried the call out is
    then not known.
    """

    hello: Hello = Attribute("What the other end said of itself.")

    def call(
        method: Method, request: Message, *, deadline_s: float, epoch: int = 0
    ) -> Deferred[Any]:
        """
        Call the other end once.

        Fires with the response message, or fails with `GalaxyError`: the
        status the other end answered, `kDeadline` after `deadline_s` seconds,
        or `kRpcError`. Cancelling it cancels the call at the other end, and with
        it the handler there (see `galaxy.protocol.shield`). An infinite
        deadline is none.
        """

    def stream(method: Method, request: Message, *, epoch: int = 0) -> Stream[Any]:
        """
        Call a streaming method, at once; iterate over its items.

        The other end sends no more than a bounded number of items ahead of the
        reader. Ends normally on kOk, else raises `GalaxyError`. Closing the
        iterator (`aclose`) cancels the call.
        """

    def close(reason: str) -> None:
        """Say goodbye with the reason and close. Closing twice is harmless."""

    def when_closed() -> Deferred[str]:
        """Fire with the reason once the connection has ended; at once if it has."""


class IBlockingPeer(Interface):
    """
    A connection of a program without a reactor: the same calls, but they wait.

    Whatever fails raises `GalaxyError`, with the same statuses as for `IPeer`.
    """

    hello: Hello = Attribute("What the other end said of itself.")

    def call(method: Method, request: Message, *, deadline_s: float, epoch: int = 0) -> Any:
        """Call the other end once; the response message."""

    def stream(method: Method, request: Message, *, epoch: int = 0) -> BlockingStream[Any]:
        """Call a streaming method; iterate over its items."""

    def begin(
        method: Method, request: Message, answered: Callable[[Message | GalaxyError], None]
    ) -> None:
        """
        Call the other end, and do not wait: `answered` is told the outcome while something
        else is waited for.
        """

    def attend(descriptor: int, ready: Callable[[], None]) -> None:
        """
        While something is waited for, call `ready` whenever the descriptor can be read.

        What `ready` raises comes out of the wait.
        """

    def ignore(descriptor: int) -> None:
        """Attend to a descriptor no more; harmless if nobody did."""

    def close() -> None:
        """End the connection. Closing twice is harmless."""


class IListening(Interface):
    """A port that takes connections."""

    address: str = Attribute("Where, as others dial it: with the real port if 0 was asked for.")

    def stop() -> Deferred[None]:
        """Take no more connections, close those taken."""


class INetwork(Interface):
    """
    Finds peers by address: "HOST:PORT", "[V6]:PORT" or "unix:PATH".
    """

    def listen(address: str, hello: Hello, serve: Sequence[Served]) -> Deferred[IListening]:
        """
        Serve the given services to whoever connects.

        Fails with `OSError` when the address cannot be taken.
        """

    def dial(address: str, hello: Hello, serve: Sequence[Served] = ()) -> Deferred[IPeer]:
        """
        Connect; fires when the other end's hello has come and was accepted.

        `serve` is what the other end may call over this connection. Fails
        with `GalaxyError(kRpcError)`, its reason naming the address.
        """
