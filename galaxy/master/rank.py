"""
Who may displace whom. Pure.

A lower priority gives way to a higher one, and of the same priority a kBatch, which
can go on later, to everything else.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.master.jobs import Job
from galaxy.master.pods import Pod
from galaxy.protocol.types_pb2 import kBatch, kStageRunning

Rank = tuple[int, bool]


def rank(job: Job) -> Rank:
    """What orders jobs: who ranks higher may displace who ranks lower."""
    return job.priority, job.type != kBatch


def lowest_rank(jobs: Iterable[Job]) -> Rank | None:
    """The rank of the lowest job that has pods on machines; None: there is none."""
    return min((rank(job) for job in jobs if job.tally.stages[kStageRunning]), default=None)


def displaces(job: Job, victim: Pod) -> bool:
    """Whether that pod, if it is on a machine and has not ended, may have to leave for the job."""
    return may_leave(victim) and rank(victim.job) < rank(job)


def may_leave(pod: Pod) -> bool:
    """Whether a pod is on a machine, and has not ended."""
    return pod.stage == kStageRunning and pod.index not in pod.job.finishing
