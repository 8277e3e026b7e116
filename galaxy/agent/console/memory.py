"""Ends of commands that are nothing but memory: for tests on a Clock."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from galaxy.agent.console.channels import IChannel, IChannels, Window
from galaxy.agent.console.descriptors import NoReader, Ring
from galaxy.agent.console.requests import Ends
from galaxy.agent.steps import Process


@implementer(IChannel)
@define(eq=False)
class MemoryChannel:
    """`say` is what the command writes; `got` what it was given. `stuffed`: it reads nothing."""

    user: str
    window: Window | None
    interactive: bool
    ring: Ring
    got: bytes = b""
    input_ended: bool = False
    stuffed: bool = False
    begun: bool = False
    closed: bool = False
    _said: tuple[bytes, bytes] = (b"", b"")
    _waiting: Deferred[None] | None = field(default=None, init=False)

    def say(self, stdout: bytes = b"", stderr: bytes = b"") -> None:
        """Write, as the command does."""
        self._said = (self._said[0] + stdout, self._said[1] + stderr)
        self.ring()

    @property
    def untaken(self) -> bytes:
        """What nobody has taken yet of stdout."""
        return self._said[0]

    def ends(self) -> Ends:
        """Names of nothing."""
        if self.window is not None:
            return Ends("/pts/1", "/pts/1", terminal="/pts/1")
        return Ends("/1.stdout", "/1.stderr", "/1.stdin" if self.interactive else "")

    def began(self) -> None:
        """Note it."""
        self.begun = True

    def take(self) -> tuple[bytes, bytes]:
        """All that was said."""
        said, self._said = self._said, (b"", b"")
        return said

    def write(self, data: bytes) -> Deferred[None]:
        """Take it, unless stuffed."""
        if self.input_ended:
            return fail(NoReader())
        if self.stuffed:
            self._waiting = Deferred()
            return self._waiting
        self.got += data
        return succeed(None)

    def end_input(self) -> None:
        """Note it."""
        self.input_ended = True

    def resize(self, window: Window) -> None:
        """Note it."""
        self.window = window

    def close(self) -> None:
        """Note it; what waits is told."""
        self.closed = True
        if self._waiting is not None and not self._waiting.called:
            self._waiting.errback(NoReader())


@implementer(IChannels)
@define
class MemoryChannels:
    """Remembers all that it opened."""

    opened: list[MemoryChannel] = field(factory=list)

    def prepare(self) -> None:
        """Nothing is ever left."""

    def open(
        self,
        user: str,
        window: Window | None,
        *,
        interactive: bool,
        ring: Ring,
        task: Process | None = None,
    ) -> MemoryChannel:
        """Open one."""
        self.opened.append(MemoryChannel(user, window, interactive, ring))
        return self.opened[-1]
