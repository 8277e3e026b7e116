"""
The way to whoever reigns: found by discovery, dialled, left when another reigns.

Called by the scheduler's service only. Waits between attempts grow and are
blurred, so that many schedulers do not come back at the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from galaxy.nexus.interfaces import IDiscovery, IWatch, Leader
from galaxy.protocol.interfaces import INetwork, IPeer
from galaxy.protocol.methods import Served
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


def pause_s(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row; `chance` is from [0, 1)."""
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(failures, 10))
    return longest * (0.5 + chance / 2)


class LeaderLink:
    """
    At most one connection, to the leader discovery tells of.

    `serve`: what the leader may ask over it.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        network: INetwork,
        discovery: IDiscovery,
        hello: Hello,
        rng: random.Random,
        *,
        serve: Sequence[Served] = (),
    ) -> None:
        self._clock = clock
        self._network = network
        self._discovery = discovery
        self._hello = hello
        self._serve = serve
        self._rng = rng
        self._failures = 0
        self._leader: Leader | None = None
        self._watch: IWatch | None = None
        self._waiting: Deferred[Leader] | None = None
        self._peer: IPeer | None = None
        self._endpoint = ""

    def start(self) -> None:
        """Begin to watch who reigns."""
        self._watch = self._discovery.watch_leader(self._changed)

    def stop(self) -> None:
        """Watch no more and close the connection."""
        if self._watch is not None:
            self._watch.stop()
        self._close("the scheduler stops")

    async def connect(self) -> IPeer:
        """A new connection to the leader, however long that takes."""
        while True:
            leader = await self._known()
            self._endpoint = leader.endpoint
            try:
                peer = await self._network.dial(leader.endpoint, self._hello, self._serve)
            except GalaxyError as error:
                await self.give_up(error)
                continue
            if self._leader is not None and self._leader.endpoint != leader.endpoint:
                peer.close("another master leads")
                continue
            self._peer = peer
            self._log.info("connected to the master at {endpoint}", endpoint=leader.endpoint)
            return peer

    def works(self) -> None:
        """The master answers: the next failure is the first again."""
        self._failures = 0

    async def give_up(self, error: Exception) -> None:
        """Leave the master that failed so, tell discovery, and wait a while."""
        self._close("the scheduler starts over")
        wait = pause_s(self._failures, self._rng.random())
        self._failures += 1
        self._log.warn(
            "no use of the master at {endpoint}: {error}; next attempt in {wait:.1f} s",
            endpoint=self._endpoint,
            error=error,
            wait=wait,
        )
        self._discovery.unreachable(self._endpoint)
        await deferLater(self._clock, wait)

    def _known(self) -> Deferred[Leader]:
        waiting: Deferred[Leader] = Deferred()
        if self._leader is None:
            self._waiting = waiting
        else:
            waiting.callback(self._leader)
        return waiting

    def _changed(self, leader: Leader | None) -> None:
        self._leader = leader
        if leader is None:
            return
        if self._peer is not None and leader.endpoint != self._endpoint:
            self._close("another master leads")
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(leader)

    def _close(self, reason: str) -> None:
        if self._peer is not None:
            peer, self._peer = self._peer, None
            peer.close(reason)
