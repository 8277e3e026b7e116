"""
What goes in and out of a command that people run in a task: pipes, or a terminal.

They are made below the agent's own directory and found by gce by their paths. What
the command writes is taken piece by piece, when there is room for it further on: a
command that writes faster than it is read waits, as it would for any reader.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import secrets
import shutil
import struct
import termios
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFDSet
from zope.interface import Interface, implementer

from galaxy.agent.console.descriptors import NoReader, Ring, Sink, Source
from galaxy.agent.console.requests import Ends
from galaxy.agent.console.terminals import pseudo_terminal
from galaxy.agent.steps import Process

_PIPE_BYTES = 256 << 10
_END_OF_INPUT = b"\x04"  # to a terminal


@frozen
class Window:
    """The size of a terminal."""

    rows: int
    columns: int


class IChannel(Interface):
    """The ends of one command."""

    def ends() -> Ends:
        """By which paths the command's own ends are opened."""

    def began() -> None:
        """The command has opened its ends."""

    def take() -> tuple[bytes, bytes]:
        """
        What has come on stdout and stderr, a piece of each. If that is nothing, whoever
        opened the channel is rung when there is more.
        """

    def write(data: bytes) -> Deferred[None]:
        """Pass input on, when what was passed before has gone; fires when it has. `NoReader`."""

    def end_input() -> None:
        """There is no more input."""

    def resize(window: Window) -> None:
        """The terminal, if it is one, has another size."""

    def close() -> None:
        """Hang up."""


class IChannels(Interface):
    """Where channels come from."""

    def prepare() -> None:
        """Remove what earlier agents left. Raises `OSError`."""

    def open(
        user: str,
        window: Window | None,
        *,
        interactive: bool,
        ring: Ring,
        task: Process | None = None,
    ) -> IChannel:
        """
        Pipes, or with a window a terminal, that belong to a user; the terminal is in the box
        of the task, if it is in one. Without `interactive` pipes have no input. Raises
        `OSError`, and `KeyError` when there is no such user.
        """


@implementer(IChannels)
class Channels:
    """Real ones, in a directory of their own."""

    def __init__(self, reactor: IReactorFDSet, directory: Path) -> None:
        self._reactor = reactor
        self._directory = directory

    def prepare(self) -> None:
        """Remove what earlier agents left. Raises `OSError`."""
        if self._directory.exists():
            shutil.rmtree(self._directory)
        self._directory.mkdir(mode=0o700, parents=True)

    def open(
        self,
        user: str,
        window: Window | None,
        *,
        interactive: bool,
        ring: Ring,
        task: Process | None = None,
    ) -> IChannel:
        """Open one."""
        owner = pwd.getpwnam(user).pw_uid if user else None
        if window is not None:
            return _Terminal(self._reactor, owner, window, ring, task)
        # No path twice, also under the next agent: gce may begin a command of the last one late.
        base = self._directory / secrets.token_hex(8)
        return _Pipes(self._reactor, base, owner, ring, interactive=interactive)


@implementer(IChannel)
class _Pipes:
    """Two or three FIFOs, which are gone as soon as both sides have them open."""

    def __init__(
        self,
        reactor: IReactorFDSet,
        base: Path,
        owner: int | None,
        ring: Ring,
        *,
        interactive: bool,
    ) -> None:
        self._reactor = reactor
        self._paths: list[Path] = []
        self._sources: list[Source] = []
        self._stand_in: int | None = None
        self._sink: Sink | None = None
        try:
            for name in ("stdout", "stderr"):
                descriptor = os.open(self._fifo(base, name, owner), os.O_RDONLY | os.O_NONBLOCK)
                self._sources.append(Source(reactor, descriptor, ring))
            if interactive:
                # The command finds somebody at the other end, whoever opens first.
                path = self._fifo(base, "stdin", owner)
                self._stand_in = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            self.close()
            raise

    def ends(self) -> Ends:
        """The FIFOs."""
        stdout, stderr, *stdin = map(str, self._paths)
        return Ends(stdout, stderr, *stdin)

    def began(self) -> None:
        """From now on the command is the only reader of its input."""
        if self._stand_in is not None:
            try:
                descriptor = os.open(self._paths[-1], os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # it has closed its input already, or ended
                    raise
            else:
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                self._sink = Sink(self._reactor, descriptor)
        self._clear()

    def take(self) -> tuple[bytes, bytes]:
        """A piece of each."""
        stdout, stderr = self._sources
        return stdout.take(), stderr.take()

    def write(self, data: bytes) -> Deferred[None]:
        """Pass it on."""
        return fail(NoReader()) if self._sink is None else self._sink.write(data)

    def end_input(self) -> None:
        """Close it."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def resize(self, window: Window) -> None:
        """It is no terminal."""

    def close(self) -> None:
        """Close all, remove what is left."""
        self.end_input()
        for source in self._sources:
            source.close()
        self._sources.clear()
        self._clear()

    def _fifo(self, base: Path, name: str, owner: int | None) -> Path:
        path = base.with_suffix(f".{name}")
        os.mkfifo(path, mode=0o600)
        self._paths.append(path)
        if owner is not None:
            os.chown(path, owner, -1)  # it may be opened again, as /dev/stdout
        return path

    def _clear(self) -> None:
        if self._stand_in is not None:
            os.close(self._stand_in)
            self._stand_in = None
        for path in self._paths:
            path.unlink(missing_ok=True)


@implementer(IChannel)
class _Terminal:
    """A pseudo-terminal. Its device is held open until the command has it."""

    def __init__(
        self,
        reactor: IReactorFDSet,
        owner: int | None,
        window: Window,
        ring: Ring,
        task: Process | None,
    ) -> None:
        master, self._device, self._name = pseudo_terminal(task)
        if owner is not None:
            os.fchown(self._device, owner, -1)
        os.fchmod(self._device, 0o620)
        # A reactor knows one reader or writer by each descriptor.
        self._sink = Sink(reactor, os.dup(master))
        self._source = Source(reactor, master, ring)
        self._line_open = False
        self.resize(window)

    def ends(self) -> Ends:
        """The device."""
        return Ends(self._name, self._name, terminal=self._name)

    def began(self) -> None:
        """Let go of the device, so that its end is seen."""
        if self._device >= 0:
            os.close(self._device)
            self._device = -1

    def take(self) -> tuple[bytes, bytes]:
        """A piece of what is shown."""
        return self._source.take(), b""

    def write(self, data: bytes) -> Deferred[None]:
        """Type it."""
        self._line_open = not data.endswith((b"\n", b"\r", b"\4"))
        return self._sink.write(data)

    def end_input(self) -> None:
        """Type an end of file: twice after a line that has no end."""
        typed = self._sink.write(_END_OF_INPUT * (1 + self._line_open))
        typed.addErrback(lambda failure: failure.trap(NoReader) and None)

    def resize(self, window: Window) -> None:
        """Tell the kernel, and it the command."""
        size = struct.pack("4H", min(window.rows, 0xFFFF), min(window.columns, 0xFFFF), 0, 0)
        fcntl.ioctl(self._source.fileno(), termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """Hang up: the command gets SIGHUP."""
        self.began()
        self._sink.close()
        self._source.close()
