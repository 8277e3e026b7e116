"""From a request to the coroutine that answers it, and from its end to a status."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from google.protobuf.message import Message
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.protocol.calls import Call
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.methods import Method, Served
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

Send = Callable[[Message], Awaitable[None]]


class Handlers:
    """
    What is served, by the name on the wire; one for all connections of a port.

    Raises AttributeError when an implementation lacks a method of its service.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self.methods: dict[str, Method] = {}
        self._functions: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {}
        for one in served:
            for method in one.service.methods:
                self.methods[method.wire_name] = method
                self._functions[method.wire_name] = getattr(one.implementation, method.python_name)

    def coroutine(self, call: Call, request: Message) -> Coroutine[Any, Any, Any]:
        """What answers the call, not yet begun."""
        return self._functions[call.method.wire_name](request, call)

    def streaming(self, call: Call, request: Message, send: Send) -> Coroutine[Any, Any, Any]:
        """The same for a method that sends items."""
        return self._functions[call.method.wire_name](request, call, send)


class Verdicts:
    """What the caller is told when a handler raised; faults of ours are logged and counted."""

    _log = Logger()

    def __init__(self, counters: WireCounters) -> None:
        self._counters = counters

    def of(self, call: Call, failure: Failure) -> GalaxyError:
        """The status and the reason."""
        error = failure.value
        if isinstance(error, GalaxyError):
            return error
        if isinstance(error, CancelledError):
            return GalaxyError(Status.kCancelled, "the work on this call was cancelled")
        self._counters.failures += 1
        self._log.failure(
            "{method} failed, called by {caller}",
            failure,
            method=call.method.wire_name,
            caller=call.peer.hello.name,
        )
        return GalaxyError(Status.kUnknown, f"{type(error).__name__}: {error}")
