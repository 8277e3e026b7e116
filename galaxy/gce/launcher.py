"""gce's end of the cradle's socket; a cradle that dies is replaced."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.gce.cradle import BOX, HOST, JOIN, READY
from galaxy.gce.interfaces import ILauncher
from galaxy.gce.record import ProcessId, Spec
from galaxy.gce.spawn import Cradle
from galaxy.gce.templates import TemplateKeys

_LONGEST = 4096
_BURST = 64  # messages read before others get their turn
_RESPAWN_S = 0.5


class LauncherReactor(IReactorFDSet, IReactorTime):
    """What a launcher needs of a reactor."""


class Spawn(Protocol):
    """Starts a cradle."""

    def __call__(self) -> Cradle:
        """A new one."""


@implementer(ILauncher, IReadWriteDescriptor)
class CradleLauncher:
    """Launches through one cradle at a time."""

    _log = Logger()

    def __init__(self, reactor: LauncherReactor, spawn: Spawn, first: Cradle | None = None) -> None:
        """`first`: a cradle that was started already."""
        self._reactor = reactor
        self._spawn = spawn
        self._cradle = first
        self._keys = TemplateKeys()
        self._requests: deque[bytes] = deque()
        self._ready: Callable[[], None] = _nobody
        self._news: Callable[[ProcessId], None] = _nobody
        self._stopped = False

    def start(self, ready: Callable[[], None], news: Callable[[ProcessId], None]) -> None:
        """Listen to the cradle."""
        self._ready = ready
        self._news = news
        self._use(self._cradle or self._spawn())

    def launch(self, process: ProcessId, spec: Spec) -> None:
        """Ask the cradle. Without one, it is asked for again when the next is ready."""
        if self._cradle is not None:
            self._requests.append(asked_of_cradle(process, spec, self._keys))
            self.doWrite()

    def stop(self) -> None:
        """Hang up; the cradle goes."""
        if not self._stopped:
            self._keys.close()
        self._stopped = True
        self._hang_up()

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return -1 if self._cradle is None else self._cradle.socket.fileno()

    def doRead(self) -> None:
        """Take what the cradle and its keepers say."""
        for _ in range(_BURST):
            if self._cradle is None:
                return
            try:
                message = self._cradle.socket.recv(_LONGEST)
            except BlockingIOError:
                return
            except ConnectionError:
                message = b""
            if not message:
                self._replace()
            elif message == READY:
                self._ready()
            else:
                container, _, name = message.decode().partition("/")
                self._news(ProcessId(container, name))

    def doWrite(self) -> None:
        """Ask for what is waiting, as far as the cradle takes it."""
        while self._requests and self._cradle is not None:
            try:
                self._cradle.socket.send(self._requests[0])
            except BlockingIOError:
                self._reactor.addWriter(self)
                return
            except ConnectionError:
                return  # reading tells the same, after what was said last
            self._requests.popleft()
        self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        """Begin again with another cradle: something went wrong here, or the reactor stops."""
        self._replace()

    def logPrefix(self) -> str:
        """Whose events these are in the log."""
        return "cradle"

    def _use(self, cradle: Cradle) -> None:
        self._cradle = cradle
        self._reactor.addReader(self)

    def _hang_up(self) -> None:
        self._requests.clear()
        if self._cradle is not None:
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._cradle.socket.close()
            self._cradle = None

    def _replace(self) -> None:
        cradle = self._cradle
        self._hang_up()
        if cradle is not None and not self._stopped:
            status = cradle.process.poll()
            self._log.warn("the cradle has gone (status {status}); starting another", status=status)
            self._reactor.callLater(_RESPAWN_S, self._respawn)

    def _respawn(self) -> None:
        if self._stopped:
            return
        try:
            cradle = self._spawn()
        except OSError as error:
            self._log.error("cannot start a cradle: {error}", error=error)
            self._reactor.callLater(_RESPAWN_S, self._respawn)
        else:
            self._use(cradle)


def asked_of_cradle(process: ProcessId, spec: Spec, keys: TemplateKeys) -> bytes:
    """The message that has a process launched."""
    name = str(process).encode()
    if spec.neighbour is not None:
        return JOIN + name
    return HOST + name if spec.box is None else BOX + name + b" " + keys.key(spec.box)


def _nobody(*_: object) -> None:
    """Stand in until `start`."""
