"""
Who would have to leave, and where, for pods that wait: what schedulers choose from. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Version
from galaxy.master.pods import Pod
from galaxy.master.rank import may_leave, rank
from galaxy.master.room import BUT_RESOURCES, room_on
from galaxy.protocol.master_pb2 import (
    AgentTenants,
    GetVictimsRequest,
    GetVictimsResponse,
    Tenant,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kStageRunning
from galaxy.resources import fits

MOST_AGENTS = 1000
"""Of how many machines a scheduler is told: enough to choose from."""


def tenants(cluster: Cluster, asked: GetVictimsRequest, now: float) -> GetVictimsResponse:
    """
    Who may have to leave for a group, machine by machine.

    Only machines that would do for it if they left. GalaxyError: kConflict about
    another reign, kJobNotFound, kNotFound.
    """
    if asked.reign != cluster.reign:
        raise GalaxyError(Status.kConflict, "that is about the picture of another reign")
    job = cluster.jobs.get(asked.job_id)
    version = job.version(asked.version) if job is not None else None
    if job is None or version is None:
        status = Status.kJobNotFound if job is None else Status.kNotFound
        raise GalaxyError(status, f"there is no {asked.job_id} {asked.version}")
    answer = GetVictimsResponse()
    lower = {each for each in cluster.jobs if rank(each) < rank(job)}
    for agent in cluster.fleet if lower else ():
        there = [pod for pod in agent.pods if pod.job in lower and may_leave(pod)]
        if not (there and room_on(job, version, agent, 1, now, BUT_RESOURCES)[0]):
            continue
        leaving = [pod for pod in agent.pods if pod.stage != kStageRunning]
        if fits(agent.free_without((*there, *leaving)), version.requirement):
            answer.agents.append(AgentTenants(agent=agent.number, tenants=_grouped(there)))
            if len(answer.agents) == MOST_AGENTS:
                break
    return answer


def _grouped(pods: Iterable[Pod]) -> list[Tenant]:
    grouped: dict[Version, Tenant] = {}
    for pod in pods:
        tenant = grouped.get(pod.version)
        if tenant is None:
            tenant = grouped[pod.version] = Tenant(
                job_id=pod.job.job_id,
                version=pod.version.name,
                priority=pod.job.priority,
                type=pod.job.type,
                requirement=pod.version.pod.requirement,
            )
        tenant.count += 1
        tenant.youngest = max(tenant.youngest, pod.sched_time)
    return list(grouped.values())
