"""
What waits for a machine, as schedulers are told: groups of like pods, and counts. Pure.

A group is offered only as far as the job's `deploy_step` allows. The revision
grows when there is more to place than before, not when there is less: whoever
placed it knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

from galaxy.master.jobs import Job, Version
from galaxy.master.rank import Rank, rank
from galaxy.master.reconcile import launchable
from galaxy.master.refusals import refusals
from galaxy.protocol.master_pb2 import AgentCount, PendingGroup
from galaxy.protocol.types_pb2 import kJobNormal, kStageRunning


def offers(job: Job) -> Iterator[tuple[Version, int]]:
    """Of each version, how many pods may be placed now; what is claimed is nobody else's."""
    allowed = launchable(job) if job.state == kJobNormal else 0
    allowed = max(0, allowed - sum(len(version.claimed) for version in job.versions))
    for version in job.versions:
        count = min(len(version.pending) - len(version.pending & version.claimed), allowed)
        allowed -= count
        yield version, count


@define(eq=False)
class _Offer:
    job: Job
    version: Version
    count: int
    message: PendingGroup | None = None  # built when asked for, dropped when stale


class Queue:
    """The groups that wait. `revision` begins above that of any earlier reign."""

    def __init__(self, epoch: int) -> None:
        self.revision = epoch << 32 | 1
        self._offers: dict[Version, _Offer] = {}

    def __len__(self) -> int:
        return len(self._offers)

    def update(self, job: Job) -> None:
        """Offer what a job has to place now."""
        for version, count in offers(job):
            offer = self._offers.get(version)
            if not count:
                if offer is not None:
                    del self._offers[version]
            elif offer is None:
                self._offers[version] = _Offer(job, version, count)
                self.revision += 1
            else:
                if count > offer.count:
                    self.revision += 1
                offer.count = count
                offer.message = None

    def room_appeared(self) -> None:
        """There is more room than before: what could not be placed is worth another look."""
        if self._offers:
            self.revision += 1

    def groups(self, now: float, lowest: Rank | None = None) -> list[PendingGroup]:
        """
        All that wait: by priority, then who waits longest.

        `lowest`: the rank of the lowest job that has pods on machines; who ranks
        higher may displace some.
        """
        ordered = sorted(
            self._offers.values(),
            key=lambda offer: (
                -offer.job.priority,
                offer.version.pending_since,
                offer.job.job_id,
                offer.version.number,
            ),
        )
        groups = [_message(offer, now) for offer in ordered]
        for offer, group in zip(ordered, groups, strict=True):
            group.may_preempt = lowest is not None and lowest < rank(offer.job)
            group.refusers[:] = _refusers(offer.version, now)
        return groups


def pending_group(job: Job, version: Version, count: int, now: float) -> PendingGroup:
    """So many pods of a job and version, as schedulers are told of them."""
    return PendingGroup(
        job_id=job.job_id,
        version=version.name,
        count=count,
        requirement=version.pod.requirement,
        labels=version.labels,
        max_per_host=job.max_per_host,
        occupied=[
            AgentCount(agent=agent.number, count=count) for agent, count in job.on_agents.items()
        ],
        priority=job.priority,
        user=job.user,
        type=job.type,
        pending_since=version.pending_since,
        needs_isolation=version.pod.require_isolation,
        running=job.tally.stages[kStageRunning],
        refusers=_refusers(version, now),
    )


def _refusers(version: Version, now: float) -> list[int]:
    return [agent.number for agent, _ in refusals(version, now)]


def _message(offer: _Offer, now: float) -> PendingGroup:
    if offer.message is None:
        offer.message = pending_group(offer.job, offer.version, offer.count, now)
    return offer.message
