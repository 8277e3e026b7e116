"""
What the master is told of an agent and its machine: how far it is, and what it is like.

`galaxy.agent.master_link` sends it; how the pods stand the master asks (`galaxy.agent.ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from galaxy.agent.accounting import Accounts
from galaxy.agent.admission import Isolation
from galaxy.agent.machine import Capacity
from galaxy.agent.runner import Runner
from galaxy.agent.storage.disks import Disk
from galaxy.agent.vitals import Vitals
from galaxy.protocol.master_pb2 import HeartBeatRequest, PodsUse
from galaxy.protocol.types_pb2 import AgentFacts, Resource, Volume


@frozen(eq=False)
class Heartbeats:
    """Of one agent, as it is whenever it is asked."""

    endpoint: str
    hostname: str
    build: str
    labels: Sequence[str]
    capacity: Capacity
    accounts: Accounts
    isolation: Callable[[], Isolation]
    vitals: Vitals
    runner: Runner

    def heartbeat(self) -> HeartBeatRequest:
        """The next, without facts."""
        ledger, used = self.runner.ledger, self.vitals.meter.total
        return HeartBeatRequest(
            endpoint=self.endpoint,
            instance=ledger.instance,
            revision=ledger.revision,
            used=PodsUse(millicores=used.millicores, memory=used.memory_bytes),
        )

    def facts(self) -> AgentFacts:
        """What changes seldom, and is sent when it does."""
        book, isolation, wellness = self.runner.book, self.isolation(), self.vitals.wellness
        return AgentFacts(
            hostname=self.hostname,
            total=Resource(
                millicores=self.capacity.millicores,
                memory=self.capacity.memory_bytes,
                disks=map(_volume, self.capacity.disks),
                ssds=map(_volume, self.capacity.ssds),
            ),
            isolation=isolation.kind,
            isolation_reason=isolation.reason,
            build=self.build,
            labels=self.labels,
            foreign_ports=sorted(self.accounts.foreign_ports),
            unhealthy=wellness.unhealthy,
            drain=wellness.drain,
            epoch=book.epoch,
            stale_refusals=self.runner.stale_refusals,
            cluster=book.cluster,
            bound=bool(book.pods),
        )


def _volume(disk: Disk) -> Volume:
    return Volume(quota=disk.size_bytes, path=disk.path)
