"""Keepers, watched by pidfd: the kernel tells when one goes, whoever its parent is."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.gce.interfaces import IKeepers, IKeeperWatch
from galaxy.gce.procfs import descendants, environment, open_process, send_signal
from galaxy.gce.record import Claim


@implementer(IKeepers)
class PidfdKeepers:
    """Watches with one descriptor a keeper."""

    def __init__(self, reactor: IReactorFDSet) -> None:
        self._reactor = reactor

    def watch(self, claim: Claim, gone: Callable[[], None]) -> IKeeperWatch | None:
        """Watch it, unless it has gone."""
        fd = open_process(claim.pid, claim.start)
        return None if fd is None else _Watch(self._reactor, fd, claim.pid, gone)

    def with_setting(self, pids: Collection[int], setting: str) -> list[int]:
        """As /proc tells."""
        wanted = setting.encode()
        return [pid for pid in pids if wanted in environment(pid)]

    def signal(self, pids: Collection[int], number: int) -> None:
        """Send it."""
        send_signal(list(pids), number)


@implementer(IKeeperWatch, IReadDescriptor)
class _Watch:
    def __init__(self, reactor: IReactorFDSet, fd: int, pid: int, gone: Callable[[], None]) -> None:
        self._reactor = reactor
        self._fd = fd
        self._pid = pid
        self._gone = gone
        reactor.addReader(self)

    def signal(self, number: int) -> None:
        send_signal(descendants({self._pid}), number)

    def stop(self) -> None:
        if self._fd >= 0:
            self._reactor.removeReader(self)
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        self.stop()
        self._gone()

    def connectionLost(self, reason: Failure) -> None:
        self.stop()

    def logPrefix(self) -> str:
        return "keeper"
