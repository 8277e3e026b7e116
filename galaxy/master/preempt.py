"""
Whether a preemption that somebody proposes can be, and does no more than it must. Pure.

A scheduler (`judge`) or a person (`preempt`) names pods that wait, a machine, and
victims on it. The master checks it by its own picture as it checks any proposal: the
victims must be there and be outranked, and the pods must fit where they leave, and
must not fit without. Victims beyond what is needed are spared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from galaxy import names
from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import Event, Pod, change
from galaxy.master.propose import Taken, refused_whole, waiting
from galaxy.master.rank import displaces
from galaxy.master.room import BUT_RESOURCES, room_on
from galaxy.protocol.master_pb2 import (
    Preemption,
    PreemptRequest,
    ProposalAnswer,
    Refusal,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kBatch, kStageRunning
from galaxy.resources import room_for, shortfall


def judge(cluster: Cluster, reign: str, asked: Preemption, now: float) -> ProposalAnswer:
    """Take what a scheduler proposes, whole or not at all."""
    job = cluster.jobs.get(asked.job_id)
    refused = refused_whole(cluster, reign, job, asked.job_id)
    if refused is not None:
        return refused
    assert job is not None
    version = job.version(asked.version)
    agent = cluster.fleet.numbered(asked.agent)
    if version is None or agent is None:
        missing = f"agent {asked.agent}" if agent is None else f"version {asked.version}"
        return ProposalAnswer(status=Status.kNotFound, reason=f"there is no {missing}")
    there = sorted(version.pending - version.claimed - job.finishing)
    taken = _too_many(job, version, asked.count)
    if taken is None:
        victims = _named(agent, asked)
        taken = (
            victims
            if isinstance(victims, Taken)
            else _claim(cluster, job, version, agent, there[: asked.count], victims, now)
        )
    answer = ProposalAnswer(status=taken.status, accepted=taken.accepted, reason=taken.reason)
    if taken.status != Status.kOk:
        answer.refusals.append(
            Refusal(
                agent=asked.agent,
                count=asked.count,
                status=taken.status,
                reason=taken.reason,
                fresh=agent.snapshot(now),
            )
        )
    return answer


def preempt(cluster: Cluster, asked: PreemptRequest, actor: str, now: float) -> None:
    """Take what a person asks for; GalaxyError with the reason if that cannot be."""
    job, index = cluster.jobs.resolve_slot(asked.pod_id)
    agent = cluster.fleet.find(asked.endpoint)
    if agent is None:
        raise GalaxyError(Status.kAgentNotFound, f"there is no agent {asked.endpoint}")
    refused = refused_whole(cluster, cluster.reign, job, job.job_id)
    if refused is not None:
        raise GalaxyError(refused.status, refused.reason)
    version = job.pods[index].version
    if index not in version.pending or index in version.claimed or index in job.finishing:
        raise GalaxyError(
            Status.kInputError, f"{asked.pod_id} does not wait for a machine: {_where(job, index)}"
        )
    victims = []
    for word in asked.victim_ids:
        other, number = cluster.jobs.resolve_slot(word)
        victims.append(other.pods[number])
    taken = _too_many(job, version, 1)
    if taken is None:
        taken = _claim(cluster, job, version, agent, [index], victims, now, actor)
    if taken.status != Status.kOk:
        raise GalaxyError(taken.status, taken.reason)


def _named(agent: Agent, asked: Preemption) -> Sequence[Pod] | Taken:
    """The pods that a proposal means: of each group the youngest, the sick before the well."""
    found: dict[Pod, None] = {}
    for group in asked.victims:
        there = sorted(
            (
                pod
                for pod in agent.pods
                if pod.job.job_id == group.job_id
                and pod.version.name == group.version
                and pod.stage == kStageRunning
                and pod.index not in pod.job.finishing
                and pod not in found
            ),
            key=lambda pod: (pod.healthy, -pod.sched_time, -pod.index),
        )
        if len(there) < group.count:
            said = f"{len(there)} pods of {group.job_id} {group.version} are there"
            return Taken(0, Status.kConflict, f"only {said} to be displaced")
        found.update(dict.fromkeys(there[: group.count]))
    return list(found)


def _too_many(job: Job, version: Version, count: int) -> Taken | None:
    there = waiting(job, version)
    if 0 < count <= there:
        return None
    return Taken(0, Status.kConflict, f"only {there} pods of the group wait now")


def _claim(  # noqa: PLR0917 - all that is to be checked
    cluster: Cluster,
    job: Job,
    version: Version,
    agent: Agent,
    indexes: list[int],
    victims: Iterable[Pod],
    now: float,
    actor: str = "scheduler",
) -> Taken:
    count, requirement = len(indexes), version.requirement
    room, tightest = room_on(job, version, agent, count, now, BUT_RESOURCES)
    if tightest is not None and room < count:
        return Taken(0, tightest.status, tightest.reason(job, version, agent, now))
    # Those that leave already make room too, and are not to be counted twice.
    leaving = {pod: None for pod in agent.pods if pod.stage != kStageRunning}
    before = len(leaving)
    if room_for(agent.free_without(leaving), requirement, count) >= count:
        words = "as soon as those that leave are gone" if before else "as it is"
        return Taken(0, Status.kConflict, f"there is room {words}, without displacing anybody")
    for victim in victims:
        fault = _fault(job, agent, victim)
        if fault:
            return Taken(0, Status.kInputError, fault)
        if room_for(agent.free_without(leaving), requirement, count) < count:
            leaving[victim] = None
    free = agent.free_without(leaving)
    if room_for(free, requirement, count) < count:
        lacks = ", ".join(str(lack) for lack in shortfall(free, requirement))
        return Taken(
            0, Status.kQuota, f"without them the agent {lacks or f'has no room for {count}'}"
        )
    for victim in islice(leaving, before, None):
        reason = f"displaced by job {job.name} ({job.job_id}) of priority {job.priority}"
        change(cluster.journal, victim, Event.LEAVES, reason, now, actor)
    cluster.claims.make(cluster.journal, job, version, agent, indexes, now)
    return Taken(count)


def _fault(job: Job, agent: Agent, victim: Pod) -> str:
    """Why that pod is no victim; empty: it is one."""
    name = names.pod_id(victim.job.job_id, victim.index)
    if victim.agent is not agent or victim.stage != kStageRunning:
        return f"{name} does not run on {agent.endpoint}: {_where(victim.job, victim.index)}"
    if victim.index in victim.job.finishing:
        return f"{name} has ended"
    if not displaces(job, victim):
        kind = "a batch job" if victim.job.type == kBatch else "a service"
        return (
            f"{name} may not be displaced: it belongs to {kind} of priority"
            f" {victim.job.priority}, and {job.name} has priority {job.priority}"
        )
    return ""


def _where(job: Job, index: int) -> str:
    pod = job.pods[index]
    if pod.agent is not None:
        return f"it is on {pod.agent.endpoint}"
    return pod.reason or "it waits"
