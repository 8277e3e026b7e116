"""
Merging what agents report into the master's picture. Pure.

An agent reports the attempts it has: (job, index, incarnation), alike ones in
packed groups. Almost all are as expected, and the loop over them is tight. A
copy that is not expected is judged by `copies`, a pod that has ended by `ends`.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster, last_incarnation_before
from galaxy.master.copies import REPLACING, Copy, Judgement, is_overtaken, judge
from galaxy.master.ends import merge_end
from galaxy.master.jobs import Job
from galaxy.master.pods import (
    Event,
    Pod,
    adopt,
    change,
    create,
    have_stopped,
    observe,
    vanish,
)
from galaxy.protocol.agent_pb2 import PodGroup, QueryResponse
from galaxy.protocol.types_pb2 import (
    kPodError,
    kPodFinish,
    kPodRunning,
    kPodTerminate,
    kStageRunning,
    kSystem,
)

_ENDS = frozenset({kPodError, kPodFinish, kPodTerminate})

LOST = "its agent does not have it any more"


@define
class Merged:
    """What a report asks the shell to do: indexes to record as ended, then `finish`."""

    ended: dict[Job, list[int]] = field(factory=dict)


def merge(cluster: Cluster, agent: Agent, report: QueryResponse, now: float) -> Merged:
    """
    Take in what an agent says.

    A full report also says what the agent does not have. Pods whose RunPods was
    not answered yet are not missed: they are still to be told. A delta to
    something else than what is known is of no use.
    """
    merged = Merged()
    if not report.full and report.instance != agent.instance:
        return merged
    missed: set[Pod] = set()
    if report.full:
        missed = agent.pods - agent.untold
        agent.strangers.clear()
    if report.instance != agent.instance:
        agent.described.clear()
    # Removals first: an attempt may make room for the next one of its slot.
    for group in report.removed:
        remove(cluster, agent, group.job_id, group.index, group.incarnation, now)
    for group in report.groups:
        _merge_group(cluster, agent, group, missed, merged, now)
    for pod in missed:
        vanish(cluster.journal, pod, LOST, now)
    if report.full:
        agent.kills &= agent.strangers | {
            (pod.job.job_id, pod.index, pod.incarnation) for pod in agent.pods
        }
    _merge_task_changes(cluster, agent, report, now)
    cluster.remains.take(agent.endpoint, report)
    cluster.count_usage(agent, report)
    if not agent.instance:
        cluster.journal.room = True
    agent.instance, agent.merged = report.instance, report.revision
    cluster.journal.moved[agent] = None
    if agent.untold or agent.kills:
        cluster.journal.outgoing[agent] = None
    cluster.reported(agent, now)
    return merged


def is_sound(report: QueryResponse) -> bool:
    """Whether each group has as many incarnations as indexes."""
    pods, remains = (*report.groups, *report.removed), (*report.remains, *report.collected)
    return all(len(group.index) == len(group.incarnation) for group in pods) and all(
        len(group.index) == len(group.incarnation) for group in remains
    )


def remove(  # noqa: PLR0917 - the fields of a packed group
    cluster: Cluster,
    agent: Agent,
    job_id: str,
    indexes: Iterable[int],
    incarnations: Iterable[int],
    now: float,
) -> None:
    """The agent has no more of these attempts."""
    job = cluster.jobs.get(job_id)
    for index, incarnation in zip(indexes, incarnations, strict=True):
        attempt = (job_id, index, incarnation)
        agent.kills.discard(attempt)
        if attempt in agent.strangers:
            agent.strangers.discard(attempt)
            cluster.journal.room = True
            cluster.journal.moved[agent] = None
        pod = job.pods.get(index) if job is not None else None
        if pod is not None and pod.agent is agent and pod.incarnation == incarnation:
            reason = LOST if pod.stage == kStageRunning else pod.reason
            vanish(cluster.journal, pod, reason, now)


def refuse(cluster: Cluster, agent: Agent, pod: Pod, reason: str, now: float) -> None:
    """
    The agent did not take a pod that it was told to run.

    If it was to take it over in place, what was there goes on: that is to leave.
    """
    why = f"agent {agent.endpoint} refused it: {reason}"
    there = agent.takeovers.get(pod, ())
    if len(there) == 1:
        del agent.takeovers[pod]
        (pod.incarnation,) = there
        change(cluster.journal, pod, Event.LEAVES, why, now)
    else:
        vanish(cluster.journal, pod, why, now)


def _merge_group(  # noqa: PLR0917 - the tight loop
    cluster: Cluster,
    agent: Agent,
    group: PodGroup,
    missed: set[Pod],
    merged: Merged,
    now: float,
) -> None:
    job = cluster.jobs.get(group.job_id)
    slots = job.pods if job is not None else {}
    state, healthy = group.state, group.healthy
    ends = state in _ENDS
    journal, untold, takeovers = cluster.journal, agent.untold, agent.takeovers
    for index, incarnation in zip(group.index, group.incarnation, strict=True):
        pod = slots.get(index)
        if pod is None or pod.agent is not agent or pod.incarnation != incarnation:
            pod = _merge_copy(cluster, agent, group, index, incarnation, now)
            if pod is None:
                continue
        missed.discard(pod)
        untold.discard(pod)
        if takeovers:
            takeovers.pop(pod, None)
        if pod.stage == kStageRunning:
            if pod.state != state or pod.healthy != healthy:
                observe(journal, pod, state, healthy)
        elif state != kPodTerminate:
            # It was to be stopped, and is not being stopped: say so again.
            agent.kills.add((group.job_id, index, incarnation))
        if ends:
            merge_end(cluster.journal, pod, group, merged.ended, now)


def _merge_copy(  # noqa: PLR0917 - the fields of a packed group
    cluster: Cluster, agent: Agent, group: PodGroup, index: int, incarnation: int, now: float
) -> Pod | None:
    job = cluster.jobs.get(group.job_id)
    version = job.version(group.version) if job is not None else None
    slot = job.pods.get(index) if job is not None else None
    never_placed = last_incarnation_before(cluster.epoch)
    incomplete = job is not None and not cluster.is_complete(job)
    attempt = (group.job_id, index, incarnation)
    copy = Copy(
        job,
        version,
        index,
        incarnation,
        slot,
        incomplete,
        never_placed,
        overtaken=is_overtaken(slot, agent, incarnation, group.state),
        condemned=attempt in agent.kills or attempt in agent.strangers,
        stopping=group.state == kPodTerminate,
        well=group.healthy and group.state == kPodRunning,
        at_home=job is not None and job.type == kSystem and agent not in job.on_agents,
    )
    judgement, _ = judge(copy)
    if judgement == Judgement.LEAVE:
        return None
    if judgement == Judgement.REFUSE or job is None or version is None:
        have_stopped(cluster.journal, agent, attempt)
        return None
    if slot is None:
        slot = create(cluster.journal, job, index, incarnation, now)
    elif judgement in REPLACING:
        # What comes after it is to be higher than any that was.
        job.highest = max(job.highest, slot.incarnation)
        other, replaced = slot.agent, (job.job_id, index, slot.incarnation)
        if other is not None:
            vanish(cluster.journal, slot, REPLACING[judgement], now)
            if other is not agent:
                have_stopped(cluster.journal, other, replaced)
    adopt(cluster.journal, slot, agent, incarnation, version, group.generation, now)
    return slot


def _merge_task_changes(cluster: Cluster, agent: Agent, report: QueryResponse, now: float) -> None:
    """
    What befell tasks of jobs that there are; what people did, whatever became of the job.

    That is told again with everything, until the agent is asked for what came after it.
    """
    for told in report.task_changes:
        known = cluster.jobs.get(told.job_id) is not None
        if told.number not in agent.deeds if told.number else known:
            cluster.journal.task(agent, told, now)
    deeds = frozenset(told.number for told in report.task_changes if told.number)
    agent.deeds = deeds | agent.deeds if report.full else deeds
