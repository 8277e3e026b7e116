"""
What a job file would do, before anything is done: the part the master can tell. Pure.

Where new pods would go a scheduler is asked: `groups`. Pods whose machine would
do for the new version stay there; what is promised to one is not promised to another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import frozen

from galaxy.master.agents import Agent
from galaxy.master.amend import Amendment
from galaxy.master.cluster import Cluster
from galaxy.master.differences import differences
from galaxy.master.jobs import Job, Version
from galaxy.master.moves import Rooms
from galaxy.master.pods import Pod
from galaxy.master.queue import pending_group
from galaxy.master.reconcile import held, wanted
from galaxy.master.submission import new_job
from galaxy.master.system import is_home
from galaxy.protocol.master_pb2 import AgentCount, Difference, PendingGroup, PlannedPods
from galaxy.protocol.types_pb2 import JobDescriptor, kStageRunning, kSystem


@frozen
class Forecast:
    """What would happen, as far as the master knows."""

    job_id: str = ""  # of the live job of that name; empty: there is none
    differences: tuple[Difference, ...] = ()
    in_place: tuple[PlannedPods, ...] = ()
    stops: int = 0
    groups: tuple[PendingGroup, ...] = ()


def of_submission(cluster: Cluster, asked: JobDescriptor, now: float) -> Forecast:
    """What submitting a sound job would do that has a name of its own."""
    job = new_job(asked.name, asked, "", now)
    count = job.replica
    if job.type == kSystem:
        count = sum(is_home(job, agent) for agent in cluster.fleet)
    group = pending_group(job, job.latest, count, now)
    return Forecast(groups=(group,) if count else ())


def of_update(job: Job, amendment: Amendment | None, now: float) -> Forecast:
    """What it would do to a live job to be amended so; None: nothing."""
    if amendment is None:
        return Forecast(job.job_id)
    version = amendment.versions[-1]
    changes = differences(_whole(job.descriptor, job.latest), _whole(amendment.descriptor, version))
    ended = sum(index < amendment.descriptor.replica for index in job.finished | job.failed)
    wants = amendment.descriptor.replica - ended if job.type != kSystem else wanted(job)
    stops = max(0, held(job) - wants)
    placed = [pod for _, pod in sorted(job.pods.items()) if pod.stage == kStageRunning]
    # Pods without a machine cost the least to stop.
    placed = placed[: len(placed) - max(0, stops - (held(job) - len(placed)))]
    moves = version is not job.latest
    staying = _staying(job, placed, version, now) if moves else placed
    where = Counter(pod.agent for pod in staying if pod.agent is not None)
    group = _group(job, version, amendment.descriptor, where, now)
    group.count = max(0, wants - len(staying))
    return Forecast(
        job.job_id,
        tuple(changes),
        tuple(
            PlannedPods(endpoint=agent.endpoint, count=count, in_place=True)
            for agent, count in sorted(where.items(), key=lambda item: item[0].number)
            if moves
        ),
        stops,
        (group,) if group.count else (),
    )


def _whole(descriptor: JobDescriptor, version: Version) -> JobDescriptor:
    whole = JobDescriptor()
    whole.CopyFrom(descriptor)
    whole.pod.CopyFrom(version.pod)
    return whole


def _group(
    job: Job, version: Version, descriptor: JobDescriptor, where: Mapping[Agent, int], now: float
) -> PendingGroup:
    """Pods of the job as it would be, which has these pods on machines already."""
    group = pending_group(job, version, 0, now)
    group.priority, group.max_per_host = descriptor.priority, descriptor.max_per_host
    del group.occupied[:]
    if group.max_per_host:
        group.occupied.extend(
            AgentCount(agent=agent.number, count=count) for agent, count in where.items()
        )
    return group


def _staying(job: Job, pods: Iterable[Pod], version: Version, now: float) -> list[Pod]:
    """Those whose machine can run them as the new version."""
    rooms = Rooms(now)
    return [pod for pod in pods if not job.ends and rooms.takes_over(pod, version)]
