"""The handlers that run for one connection: started, stopped, their ends told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from galaxy.protocol.calls import Asked, Call
from galaxy.protocol.dispatch import Handlers, Verdicts
from galaxy.protocol.incoming import IncomingCalls
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.streams import ItemSender


class Serving:
    """Answers what the other end asks."""

    def __init__(
        self,
        *,
        peer: IPeer,
        handlers: Handlers,
        incoming: IncomingCalls,
        verdicts: Verdicts,
        choked: Callable[[], bool],
        flush: Callable[[], None],
    ) -> None:
        """
        `choked`: whether more waits to be sent than the connection can get rid
        of. `flush`: there is something to send.
        """
        self._peer = peer
        self._handlers = handlers
        self._incoming = incoming
        self._verdicts = verdicts
        self._choked = choked
        self._flush = flush
        self._running: dict[int, Deferred[None]] = {}
        self._senders: dict[int, ItemSender] = {}

    def credited(self, call_id: int) -> None:
        """The reader of a stream takes more."""
        sender = self._senders.get(call_id)
        if sender is not None:
            sender.wake()

    def stop(self, call_id: int) -> None:
        """Nobody waits for the answer any more."""
        running = self._running.pop(call_id, None)
        if running is not None:
            running.cancel()

    def wake(self) -> None:
        """The connection takes more again."""
        for sender in tuple(self._senders.values()):
            sender.wake()

    def start(self, asked: Asked) -> None:
        """A call came: begin to answer it."""
        call_id, method, request, epoch = asked
        if not self._incoming.is_open(call_id):
            return  # withdrawn before it was begun
        call = Call(self._peer, method, epoch)
        if method.streams:
            sender = ItemSender(self._incoming, call_id, self._choked, self._flush)
            self._senders[call_id] = sender
            coroutine = self._handlers.streaming(call, request, sender)
        else:
            coroutine = self._handlers.coroutine(call, request)
        # Most handlers answer without waiting: those need no Deferred.
        try:
            coroutine.send(None)
        except StopIteration as done:
            self._succeeded(done.value, call_id, call)
            return
        except Exception:  # noqa: BLE001  (any fault of a handler becomes an answer)
            self._failed(Failure(), call_id, call)
            return
        # It waits for a Deferred. Being resumed before that has fired is harmless: it is
        # handed out once more, now to the Deferred that runs the rest.
        running = self._running[call_id] = Deferred.fromCoroutine(coroutine)
        running.addCallbacks(
            self._succeeded, self._failed, callbackArgs=(call_id, call), errbackArgs=(call_id, call)
        )

    def _succeeded(self, response: Any, call_id: int, call: Call) -> None:
        method = call.method
        if method.streams:
            self._forget(call_id)
            self._incoming.answer(call_id)
        elif isinstance(response, method.response):
            self._running.pop(call_id, None)
            self._incoming.answer(call_id, response)
        else:
            wanted = method.response.DESCRIPTOR.name
            fault = TypeError(f"the handler returned {type(response).__name__}, not {wanted}")
            self._failed(Failure(fault), call_id, call)
            return
        self._flush()

    def _failed(self, failure: Failure, call_id: int, call: Call) -> None:
        self._forget(call_id)
        error = self._verdicts.of(call, failure)
        self._incoming.fail(call_id, error.status, error.reason)
        self._flush()

    def _forget(self, call_id: int) -> None:
        self._running.pop(call_id, None)
        self._senders.pop(call_id, None)
