"""
The connection to whoever reigns, left when another does.

Called by the scheduler's service only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from galaxy.nexus.following import Following
from galaxy.nexus.interfaces import IDiscovery, Leader
from galaxy.protocol.interfaces import INetwork, IPeer
from galaxy.protocol.methods import Served
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello


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
        self._following = Following(discovery, clock, rng, self._moved)
        self._network = network
        self._hello = hello
        self._serve = serve
        self._peer: IPeer | None = None
        self._endpoint = ""

    def start(self) -> None:
        """Begin to watch who reigns."""
        self._following.start()

    def stop(self) -> None:
        """Watch no more and close the connection."""
        self._following.stop()
        self._close("the scheduler stops")

    async def connect(self) -> IPeer:
        """A new connection to the leader, however long that takes."""
        while True:
            leader = await self._following.next()
            self._endpoint = leader.endpoint
            try:
                peer = await self._network.dial(leader.endpoint, self._hello, self._serve)
            except GalaxyError as error:
                self.give_up(error)
                continue
            now = self._following.leader
            if now is not None and now.endpoint != leader.endpoint:
                peer.close("another master leads")
                continue
            self._peer = peer
            self._log.info("connected to the master at {endpoint}", endpoint=leader.endpoint)
            return peer

    def works(self) -> None:
        """The master answers: the next failure is the first again."""
        self._following.works()

    def give_up(self, error: Exception) -> None:
        """Leave the master that failed so: `connect` waits a while, or finds another."""
        self._close("the scheduler starts over")
        if self._following.failed() == 1:  # said once, however long it lasts
            self._log.warn(
                "no use of the master at {endpoint}: {error}", endpoint=self._endpoint, error=error
            )

    def _moved(self, leader: Leader) -> None:
        self._close("another master leads")

    def _close(self, reason: str) -> None:
        if self._peer is not None:
            peer, self._peer = self._peer, None
            peer.close(reason)
