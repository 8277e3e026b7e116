"""
The picture as people are shown it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy import names
from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job
from galaxy.master.pods import Pod
from galaxy.master.progress import standstill
from galaxy.master.safemode import Cause
from galaxy.master.selection import Dead
from galaxy.protocol.agent_pb2 import PodStatus
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    GetStatusResponse,
    JobOverview,
    JobVersion,
    PodOverview,
    ShowJobResponse,
)
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    kAlive,
    kDead,
    kInit,
    kOffline,
    kSourceTypeBinary,
    kStageDeath,
    kStagePending,
    kStageRemoved,
    kStageRunning,
)


def job_overview(job: Job, awaited: int = 0) -> JobOverview:
    """One line about a job; `awaited`: how many agents that may have pods of it are silent."""
    stages, tally = job.tally.stages, job.tally
    why = job.why() or standstill(job)
    if awaited:
        silent = f"{awaited} agents have" if awaited > 1 else "an agent has"
        why = "; ".join(filter(None, (f"{silent} not reported yet", why)))
    return JobOverview(
        job_id=job.job_id,
        name=job.name,
        user=job.user,
        type=job.type,
        priority=job.priority,
        state=job.state,
        update_state=job.update_state,
        version=job.latest.name,
        replica=job.replica,
        deploy_step=job.deploy_step,
        running=tally.running,
        deploying=stages[kStageRunning] - tally.running,
        pending=stages[kStagePending],
        death=stages[kStageDeath] + stages[kStageRemoved],
        finished=len(job.finished),
        failed=len(job.failed),
        cpu_used_millicores=job.used_millicores,
        memory_used_bytes=job.used_memory,
        create_time=job.create_time,
        update_time=job.update_time,
        reason=why,
        healthy=tally.healthy,
        updated=tally.healthy - sum(job.pods[index].healthy for index in job.behind),
        breakpoint=job.update.breakpoint,
        awaited=awaited,
    )


def job_in_full(job: Job, awaited: int = 0) -> ShowJobResponse:
    """A job with its description, packages inside it left out, and its versions."""
    spec = JobDescriptor()
    spec.CopyFrom(job.descriptor)
    spec.pod.CopyFrom(job.latest.pod)
    for task in spec.pod.tasks:
        if task.source_type == kSourceTypeBinary:
            task.ClearField("binary")
    counts: dict[str, int] = {}
    for pod in job.pods.values():
        counts[pod.version.name] = counts.get(pod.version.name, 0) + 1
    return ShowJobResponse(
        job=job_overview(job, awaited),
        spec=spec,
        versions=[
            JobVersion(version=version.name, time=version.time, pods=counts.get(version.name, 0))
            for version in job.versions
        ],
    )


def pod_overview(pod: Pod, status: PodStatus | None) -> PodOverview:
    """One line about a pod, with what its agent says of it, if it does."""
    requirement = pod.version.requirement
    return PodOverview(
        pod_id=names.pod_id(pod.job.job_id, pod.index),
        job_id=pod.job.job_id,
        job_name=pod.job.name,
        index=pod.index,
        incarnation=pod.incarnation,
        stage=pod.stage,
        state=pod.state,
        healthy=pod.healthy,
        version=pod.version.name,
        endpoint=pod.agent.endpoint if pod.agent is not None else "",
        reason=_word_about_pod(pod),
        cpu_assigned_millicores=requirement.millicores,
        memory_assigned_bytes=requirement.memory_bytes,
        pending_time=pod.pending_time,
        sched_time=pod.sched_time,
        status=status,
    )


def dead_pod(cluster: Cluster, endpoint: str, status: PodStatus) -> PodOverview:
    """One line about an attempt that is forgotten, as the agent tells that has what it left."""
    job = cluster.jobs.get(status.job_id)
    return PodOverview(
        pod_id=status.pod_id,
        job_id=status.job_id,
        job_name=job.name if job is not None else status.job_id.rpartition("_")[0],
        index=status.index,
        incarnation=status.incarnation,
        state=status.state,
        version=status.version,
        endpoint=endpoint,
        reason=status.reason,
        status=status,
        dead=True,
    )


def remains(dead: Dead) -> PodOverview:
    """One line about a pod of which no more is known than where something of it is left."""
    return PodOverview(
        pod_id=dead.pod_id,
        job_id=dead.job_id,
        job_name=dead.job_name,
        index=dead.place.index,
        incarnation=dead.place.incarnation,
        endpoint=dead.place.endpoint,
        dead=True,
    )


def _word_about_pod(pod: Pod) -> str:
    """Why it is not as it should be; of one that is, there is nothing to say."""
    if pod.stage == kStageRunning and pod.healthy:
        return ""
    waits = pod.stage == kStagePending and pod.index not in pod.version.claimed
    return (pod.version.unplaced if waits else "") or pod.reason


def agent_overview(agent: Agent) -> AgentOverview:
    """One line about an agent."""
    return AgentOverview(
        endpoint=agent.endpoint,
        facts=agent.facts,
        state=agent.state,
        labels=sorted(agent.labels),
        pods=len(agent.pods),
        cpu_assigned_millicores=agent.assigned_millicores,
        cpu_used_millicores=agent.used_millicores,
        memory_assigned_bytes=agent.assigned_memory,
        memory_used_bytes=agent.used_memory,
        disk_assigned_bytes=agent.assigned_disk,
        ssd_assigned_bytes=agent.assigned_ssd,
        reason=_word_about(agent),
        heartbeat_time=agent.heard,
    )


def _word_about(agent: Agent) -> str:
    if agent.state == kDead or (agent.missed and not agent.offline):
        return agent.reason
    left = f"draining: {len(agent.pods)} left" if agent.pods else "drained"
    if agent.offline:
        return left
    if agent.facts.unhealthy:
        return f"unwell: {agent.facts.unhealthy}" + (f"; {left}" if agent.ailing else "")
    return "" if agent.state == kAlive else agent.reason


def status(cluster: Cluster, leader: str, build: str) -> GetStatusResponse:
    """The whole in one answer. Amounts are of the agents that are there."""
    fleet = cluster.fleet
    answer = GetStatusResponse(
        leader=leader,
        epoch=cluster.epoch,
        safe_mode=cluster.safe_mode.on,
        safe_mode_reason=cluster.safe_mode.reason,
        safe_mode_share=cluster.safe_mode.heard,
        safe_mode_by_hand=cluster.safe_mode.cause == Cause.MANUAL,
        agents_total=len(fleet),
        agents_alive=fleet.count(kAlive) - sum(agent.missed for agent in fleet),
        agents_dead=fleet.count(kDead),
        agents_offline=fleet.count(kOffline),
        jobs=len(cluster.jobs),
        build=build,
    )
    _add_amounts(answer, (agent for agent in fleet if agent.state not in {kDead, kInit}))
    for job in cluster.jobs:
        stages = job.tally.stages
        answer.pods_running += job.tally.running
        answer.pods_deploying += stages[kStageRunning] - job.tally.running
        answer.pods_pending += stages[kStagePending]
        answer.pods_death += stages[kStageDeath] + stages[kStageRemoved]
        answer.pods_finished += len(job.finished)
    return answer


def _add_amounts(answer: GetStatusResponse, agents: Iterable[Agent]) -> None:
    cpu, memory = answer.cpu, answer.memory
    for agent in agents:
        cpu.total += agent.total.millicores
        cpu.assigned += agent.assigned_millicores
        cpu.used += agent.used_millicores
        memory.total += agent.total.memory_bytes
        memory.assigned += agent.assigned_memory
        memory.used += agent.used_memory
