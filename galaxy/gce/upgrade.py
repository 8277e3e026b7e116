"""
gce becomes the gce that is installed now, on SIGUSR1.

By exec, so the process stays what it is: its pid, its lock on the records, and its
listening socket, in whose queue whoever connects meanwhile waits. Its connections end; those
who watched dial again. Its cradle is hung up on, starts what it was asked for, and
goes; that of the new gce waits for it. Keepers and tasks have no part in any of it.

What is installed is tried first, in a process of its own: what cannot even be
imported takes nobody's place.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.gce.options import HANDED_OVER
from galaxy.gce.supervisor import Supervisor
from galaxy.protocol.tcp import TcpListening

_PROGRAM = "galaxy.gce"
_TRIAL = f"import {_PROGRAM}.cradle, {_PROGRAM}.main, {_PROGRAM}.run"


@define(eq=False)
class Upgrade:
    """What is handed over, and to whom. `arguments` are those that gce was started with."""

    reactor: Any
    arguments: tuple[str, ...]
    lock: int
    listening: TcpListening
    supervisor: Supervisor
    under_way: bool = False

    _log = Logger()

    def await_signal(self) -> None:
        """From now on SIGUSR1 begins it."""
        signal.signal(signal.SIGUSR1, self._signalled)

    def _signalled(self, *_: object) -> None:
        self.reactor.callFromThread(self._begin)

    def _begin(self) -> None:
        if not self.under_way:
            self.under_way = True
            Deferred.fromCoroutine(self._upgrade()).addErrback(self._failed)

    async def _upgrade(self) -> None:
        if not await self._can_be_started():
            self.under_way = False
            return
        self._log.info("making room for the gce that is installed now")
        listening = await self.listening.hand_over()
        self.supervisor.stop()
        os.set_inheritable(self.lock, True)
        handed = f"{HANDED_OVER}{self.lock},{listening}"
        arguments = [sys.executable, "-m", _PROGRAM, *self.arguments, handed]
        os.execv(sys.executable, arguments)  # noqa: S606  (ours, as we were started)

    async def _can_be_started(self) -> bool:
        _, said, status = await getProcessOutputAndValue(
            sys.executable, ["-c", _TRIAL], env=os.environ, path="/"
        )
        if status != 0:
            self._log.error(
                "what is installed cannot be started, so this gce stays: {said}",
                said=said.decode(errors="replace"),
            )
        return bool(status == 0)

    def _failed(self, failure: Failure) -> None:
        """Make room in the other way: an agent starts a gce where none answers."""
        self._log.failure("the upgrade failed", failure)
        self.reactor.stop()


def reap_predecessors() -> None:
    """Reap what the gce that this process was has left: its cradle, which has gone by now."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return
