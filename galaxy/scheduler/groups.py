"""
What waits for machines, as values: a shape, and groups of pods of that shape. Pure.

Everything that placing one pod looks at is in its `Shape`; two pods of equal
shape are the same to the fleet, whoever owns them, and share all scoring.
"""

from __future__ import annotations

from attrs import frozen

from galaxy.protocol.master_pb2 import PendingGroup, UserHolding
from galaxy.protocol.types_pb2 import JobType, kBatch
from galaxy.resources import Resources, from_message

MIB = 1 << 20

Rank = tuple[int, bool]
"""Who may displace whom: by priority, then services (and what runs everywhere) before batches."""


@frozen(cache_hash=True)
class Shape:
    """
    What one pod asks of a machine.

    Memory and disks are whole MiB, rounded up, so that the fleet's columns can be 32 bits
    wide. Dynamic ports are the agent's to find and are not looked at.
    """

    millicores: int = 0
    memory_mib: int = 0
    ports: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    needs_isolation: bool = False
    disk_mib: int = 0
    ssd_mib: int = 0
    refusers: tuple[int, ...] = ()  # agents that would not take it now

    @property
    def needs_disks(self) -> bool:
        """Whether there are volumes to be found room for; most pods have none."""
        return bool(self.disk_mib or self.ssd_mib)


@frozen
class Group:
    """`count` pods of one job and version that are alike and wait."""

    job_id: str
    version: str
    count: int
    shape: Shape
    max_per_host: int = 0  # 0: no bound
    occupied: tuple[tuple[int, int], ...] = ()  # where max_per_host: (agent, pods of the job)
    priority: int = 0
    user: str = ""
    running: int = 0  # pods of the job that have a machine
    pending_since: float = 0.0
    rank: Rank = (0, True)
    may_preempt: bool = False  # there are pods it could displace


@frozen
class Holding:
    """What all jobs of a user have on machines."""

    user: str
    millicores: int
    memory_mib: int


def rank_of(priority: int, job_type: JobType) -> Rank:
    """The rank of a job's pods; only a lower one may be displaced."""
    return priority, job_type != kBatch


def shape_of(
    amount: Resources,
    labels: tuple[str, ...],
    needs_isolation: bool,
    refusers: tuple[int, ...] = (),
) -> Shape:
    """
    The shape of a pod that asks for `amount` on a machine with all `labels`, that is none
    of the `refusers`.
    """
    return Shape(
        amount.millicores,
        _mib(amount.memory_bytes),
        tuple(sorted(amount.ports)),
        tuple(sorted(set(labels))),
        needs_isolation,
        _mib(amount.disk_bytes),
        _mib(amount.ssd_bytes),
        tuple(sorted(refusers)),
    )


def _mib(amount_bytes: int) -> int:
    return min(-(-amount_bytes // MIB), (1 << 31) - 1)


def group_from_message(message: PendingGroup) -> Group:
    """The group the master tells of."""
    return Group(
        job_id=message.job_id,
        version=message.version,
        count=message.count,
        shape=shape_of(
            from_message(message.requirement),
            tuple(message.labels),
            message.needs_isolation,
            tuple(message.refusers),
        ),
        max_per_host=message.max_per_host,
        occupied=tuple((item.agent, item.count) for item in message.occupied)
        if message.max_per_host
        else (),
        priority=message.priority,
        user=message.user,
        running=message.running,
        pending_since=message.pending_since,
        rank=rank_of(message.priority, message.type),
        may_preempt=message.may_preempt,
    )


def holding_from_message(message: UserHolding) -> Holding:
    """What the master tells of a user."""
    return Holding(message.user, message.millicores, message.memory // MIB)
