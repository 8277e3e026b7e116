"""
The master that reigns, as a command sees it: asked, followed, asked again.

Every request of the command line is safe to repeat (a submission carries its
request id), so a connection that breaks costs a second try and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from galaxy.client.whereabouts import Whereabouts
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.services import BlockingMasterStub
from galaxy.protocol.statuses import GalaxyError

if TYPE_CHECKING:
    from galaxy.protocol.interfaces import IBlockingPeer

Answer = TypeVar("Answer")
Dial = Callable[[str], "IBlockingPeer"]
"""Connects to an address, or raises `GalaxyError(kRpcError)`."""

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}\b")
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0)


class Unreachable(Exception):
    """Nobody answered at any address; the sentence names them and what to do."""


class Leader:
    """Asks whoever reigns."""

    def __init__(
        self, whereabouts: Whereabouts, dial: Dial, sleep: Callable[[float], object]
    ) -> None:
        self._whereabouts = whereabouts
        self._dial = dial
        self._sleep = sleep
        self._peer: IBlockingPeer | None = None

    def ask(self, call: Callable[[BlockingMasterStub], Answer]) -> Answer:
        """
        The leader's answer to one call.

        Raises `GalaxyError` when it refuses, `Unreachable` when there is none
        to be found. The call may be made more than once.
        """
        for pause in (*_PAUSES_S, None):
            try:
                return call(self._stub())
            except GalaxyError as error:
                if pause is None or not self._worth_another_try(error):
                    raise
            self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Hang up."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def _worth_another_try(self, error: GalaxyError) -> bool:
        if error.status == pb.kBusy:
            return True
        if error.status not in (pb.kRpcError, pb.kNotLeader):
            return False
        self.close()
        if error.status == pb.kNotLeader and (named := _ADDRESS.findall(error.reason)):
            self._try_to_reach(named[-1])
        return True

    def _try_to_reach(self, address: str) -> None:
        try:
            self._peer = self._dial(address)
        except GalaxyError:
            # The leader that was named is gone; whoever follows it is found
            # by asking all again.
            self._peer = None

    def _stub(self) -> BlockingMasterStub:
        if self._peer is None:
            self._peer = self._reached()
        return BlockingMasterStub(self._peer)

    def _reached(self) -> IBlockingPeer:
        reasons = []
        for address in self._whereabouts.masters:
            try:
                return self._dial(address)
            except GalaxyError as error:
                reasons.append(error.reason)
        origin = self._whereabouts.origin
        raise Unreachable(
            f"no master answers at {', '.join(self._whereabouts.masters)}"
            f" (said by {origin}): {'; '.join(reasons)}."
            " `galaxy up` starts what is missing of a cluster on this machine;"
            " --master HOST:PORT names another"
        )
