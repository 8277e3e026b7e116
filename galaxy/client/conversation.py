"""
A command in a pod, and whoever runs it: what is typed goes there, what it writes comes here.

One thread, one connection: what the command writes is waited for, and meanwhile the
input is attended to, piece by piece, each when the one before has gone. So neither
side holds more than a few pieces, however fast the other is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from attrs import define

from galaxy.protocol.agent_pb2 import ExecItem, ExecRequest, FeedExecRequest
from galaxy.protocol.services import CONSOLE_FEED_EXEC, BlockingConsoleStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kRpcError

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from galaxy.protocol.interfaces import IBlockingPeer

_PIECE = 256 << 10
_INTERRUPT = b"\x03"  # Ctrl-C, to a terminal


class Write(Protocol):
    """Where what the command writes goes."""

    def __call__(self, data: bytes, *, stderr: bool) -> None:
        """Write it, however long that takes."""


@define
class Conversation:
    """
    `stdin`: what is typed, a descriptor; None: nothing. `signals`: from where SIGWINCH and
    SIGINT are read, for a command that has a terminal; `size` says what the terminal's is.
    """

    peer: IBlockingPeer
    request: ExecRequest
    write: Write
    stdin: int | None = None
    signals: int | None = None
    size: Callable[[], tuple[int, int]] = lambda: (0, 0)

    def run(self) -> ExecItem:
        """How the command ended. Raises `GalaxyError`."""
        stream = BlockingConsoleStub(self.peer).exec(self.request)
        if self.stdin is not None:
            self.peer.attend(self.stdin, self._typed)
        if self.signals is not None:
            self.peer.attend(self.signals, self._signalled)
        try:
            for item in stream:
                if item.stdout:
                    self.write(item.stdout, stderr=False)
                if item.stderr:
                    self.write(item.stderr, stderr=True)
                if item.ended:
                    return item
        finally:
            for descriptor in (self.stdin, self.signals):
                if descriptor is not None:
                    self.peer.ignore(descriptor)
            stream.close()
        raise GalaxyError(kRpcError, "the agent did not say how the command ended")

    def _typed(self) -> None:
        assert self.stdin is not None
        data = os.read(self.stdin, _PIECE)
        self.peer.ignore(self.stdin)
        self._feed(FeedExecRequest(stdin=data, eof=not data), self._fed if data else _no_matter)

    def _fed(self, outcome: Message | GalaxyError) -> None:
        # A command that takes no more, or that has ended, need not be fed. If anything
        # else is wrong, the stream says so.
        if self.stdin is not None and not isinstance(outcome, GalaxyError):
            self.peer.attend(self.stdin, self._typed)

    def _signalled(self) -> None:
        assert self.signals is not None
        numbers = os.read(self.signals, 1024)
        if signal.SIGWINCH in numbers:
            rows, columns = self.size()
            self._feed(FeedExecRequest(rows=rows, columns=columns), _no_matter)
        if signal.SIGINT in numbers:
            self._feed(FeedExecRequest(stdin=_INTERRUPT), _no_matter)

    def _feed(
        self, request: FeedExecRequest, answered: Callable[[Message | GalaxyError], None]
    ) -> None:
        request.session = self.request.session
        self.peer.begin(CONSOLE_FEED_EXEC, request, answered)


def _no_matter(_outcome: Message | GalaxyError) -> None:
    """Whatever it is: the stream tells of the end."""
