"""
What users have on machines, for schedulers to be fair. Pure.

Told only where several users wait: who waits alone shares with nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from galaxy.master.jobs import Job
from galaxy.protocol.master_pb2 import PendingGroup, UserHolding
from galaxy.protocol.types_pb2 import kStageRunning


def holdings(jobs: Iterable[Job], waiting: Sequence[PendingGroup]) -> list[UserHolding]:
    """
    What each user who waits holds in all.

    A pod of an earlier version counts as one of the wanted version: the difference
    is small, and it is not there for long.
    """
    users = {group.user: UserHolding(user=group.user) for group in waiting}
    if len(users) < 2:
        return []
    for job in jobs:
        holding = users.get(job.user)
        if holding is not None:
            placed, each = job.tally.stages[kStageRunning], job.latest.requirement
            holding.millicores += placed * each.millicores
            holding.memory += placed * each.memory_bytes
    return list(users.values())
