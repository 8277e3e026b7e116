"""
The schedulers that can be asked where pods would go.

Schedulers open their connections; who asks for pending jobs on one is a scheduler,
and answers the service Scheduler there.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.master_pb2 import PendingGroup
from galaxy.protocol.scheduler_pb2 import DryRunRequest, DryRunResponse
from galaxy.protocol.services import SchedulerStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

DEADLINE_S = 5.0


class NoAdvice(GalaxyError):
    """No scheduler could be asked. The reason is for people: nothing is placed meanwhile."""


class Advisers:
    """The connections of schedulers, as long as they last."""

    _log = Logger()

    def __init__(self) -> None:
        self._peers: dict[IPeer, None] = {}  # the latest last

    def heard(self, peer: IPeer) -> None:
        """A scheduler speaks over this connection."""
        if peer not in self._peers:
            self._peers[peer] = None
            peer.when_closed().addCallback(lambda _: self._peers.pop(peer))

    async def dry_run(self, groups: Sequence[PendingGroup]) -> DryRunResponse:
        """Where these would go, as the first scheduler that answers says. Else NoAdvice."""
        failure = "no scheduler is connected to the master, and so nothing is placed"
        for peer in reversed(tuple(self._peers)):
            try:
                return await SchedulerStub(peer).dry_run(
                    DryRunRequest(groups=groups), deadline_s=DEADLINE_S
                )
            except GalaxyError as error:
                self._log.info(
                    "scheduler {name} gave no advice: {error}", name=peer.hello.name, error=error
                )
                failure = f"the scheduler {peer.hello.name} does not answer: {error.reason}"
        raise NoAdvice(Status.kRpcError, failure)
