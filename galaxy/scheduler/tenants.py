"""
The master's words about who could leave, as hosts; evictions, as proposals. Pure.

Also whom to ask for again: a proposal that was taken is a claim, which the
master settles or drops by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from galaxy.protocol.master_pb2 import GetVictimsResponse, Preemption, Victims
from galaxy.protocol.master_pb2 import Tenant as TenantMessage
from galaxy.resources import from_message
from galaxy.scheduler.feasibility import lasting_mask
from galaxy.scheduler.fleet import Fleet
from galaxy.scheduler.groups import MIB, Group, Shape, rank_of
from galaxy.scheduler.preemption import Eviction, Host, Tenant

CLAIM_S = 60.0
"""How long a claim may stand, as the master has it."""

NOBODY_S = 5.0
"""How long to let a group alone for which nobody could leave; twice that after the second time."""

_MOST_DOUBLINGS = 3


def hosts_for(fleet: Fleet, group: Group, answer: GetVictimsResponse) -> list[Host]:
    """The machines that meet all that does not change, with those on them who rank lower."""
    shape, occupied = group.shape, dict(group.occupied)
    fits = lasting_mask(fleet, shape)
    if shape.needs_disks:  # nobody is displaced for the room on a disk
        fits &= (fleet.free_disk >= shape.disk_mib) & (fleet.free_ssd >= shape.ssd_mib)
    hosts = []
    for there in answer.agents:
        row = fleet.rows.get(there.agent)
        if row is None or not fits[row]:
            continue
        tenants = (_tenant(one) for one in there.tenants)
        most = 1 if shape.ports else min(group.count, _by_disk(fleet, row, shape, group.count))
        if group.max_per_host:
            most = min(most, max(0, group.max_per_host - occupied.get(there.agent, 0)))
        hosts.append(
            Host(
                agent=there.agent,
                free_cpu=fleet.free_cpu.item(row),
                free_memory=fleet.free_memory.item(row),
                tenants=tuple(one for one in tenants if one.rank < group.rank),
                most=most,
                taken=frozenset(
                    port for port in shape.ports if port in fleet.ports and fleet.ports[port][row]
                ),
            )
        )
    return hosts


def _by_disk(fleet: Fleet, row: int, shape: Shape, most: int) -> int:
    """How many pods the disks of a machine have room for."""
    pairs = ((fleet.free_disk, shape.disk_mib), (fleet.free_ssd, shape.ssd_mib))
    return min([most, *(free.item(row) // asked for free, asked in pairs if asked)])


def is_of_use(fleet: Fleet, shape: Shape) -> bool:
    """Whether any machine could hold a pod if it were empty but for its disks."""
    fits = lasting_mask(fleet, shape)
    fits &= fleet.total_cpu >= shape.millicores
    fits &= fleet.total_memory >= shape.memory_mib
    if shape.needs_disks:
        fits &= (fleet.free_disk >= shape.disk_mib) & (fleet.free_ssd >= shape.ssd_mib)
    return bool(fits.any())


def preemption_message(group: Group, eviction: Eviction) -> Preemption:
    """An eviction, proposed."""
    return Preemption(
        job_id=group.job_id,
        version=group.version,
        agent=eviction.agent,
        count=eviction.count,
        victims=[
            Victims(job_id=one.job_id, version=one.version, count=count)
            for one, count in eviction.victims
        ],
    )


@frozen
class _Attempt:
    """What was waiting when room was asked for, and until when to leave it at that."""

    waiting: int
    until: float
    failures: int  # in a row: nobody could leave


@define(eq=False)
class Attempts:
    """
    For which groups not to ask again yet.

    A group of which as many wait as when it was asked for is let alone: for as
    long as a claim may stand if anything was taken, else for a short while.
    """

    _made: dict[tuple[str, str], _Attempt] = field(factory=dict)

    def is_due(self, group: Group, now: float) -> bool:
        """Whether to ask for room for the group."""
        made = self._made.get((group.job_id, group.version))
        return made is None or made.waiting != group.count or now >= made.until

    def note(self, group: Group, taken: int, now: float) -> None:
        """Room was asked for, and for so many of its pods a claim stands."""
        key = group.job_id, group.version
        before = self._made.get(key)
        if taken:
            self._made[key] = _Attempt(group.count, now + CLAIM_S, 0)
            return
        failures = 0 if before is None or before.waiting != group.count else before.failures + 1
        wait_s = NOBODY_S * 2 ** min(failures, _MOST_DOUBLINGS)
        self._made[key] = _Attempt(group.count, now + wait_s, failures)

    def forget_all_but(self, waiting: Iterable[tuple[str, str]]) -> None:
        """Groups (job, version) that do not wait any more begin anew when they do."""
        if self._made:
            waiting = set(waiting)
            self._made = {key: made for key, made in self._made.items() if key in waiting}


def _tenant(message: TenantMessage) -> Tenant:
    amount = from_message(message.requirement)
    return Tenant(
        message.job_id,
        message.version,
        message.count,
        rank_of(message.priority, message.type),
        amount.millicores,
        amount.memory_bytes // MIB,
        amount.ports,
        message.youngest,
    )
