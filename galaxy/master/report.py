"""
Merging what agents report into the master's picture. Pure.

An agent reports the attempts it has: (job, index, incarnation), alike ones in
packed groups. Almost all are as expected, and the loop over them is tight. A
copy that is not expected is judged by `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from attrs import define, field, frozen

from galaxy import names
from galaxy.master.agents import Agent
from galaxy.master.backoff import longest_wait_s, setback
from galaxy.master.cluster import Cluster, last_incarnation_before
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import Event, Pod, adopt, change, create, observe, vanish
from galaxy.protocol.agent_pb2 import PodGroup, QueryResponse
from galaxy.protocol.types_pb2 import (
    PodState,
    kPodError,
    kPodFinish,
    kPodTerminate,
    kStageDeath,
    kStagePending,
    kStageRunning,
    kSystem,
)

_ENDS = frozenset({kPodError, kPodFinish, kPodTerminate})

LOST = "its agent does not have it any more"


class Judgement(Enum):
    """What to do with a copy that was not expected."""

    ADOPT = "take it as the slot's"
    SUPERSEDE = "take it as the slot's, and stop the one that was taken for it"
    REFUSE = "have it stopped"
    LEAVE = "nothing: it is being taken over where it is"


@frozen
class Copy:
    """An attempt that an agent has and that is not the one its slot is known by."""

    job: Job | None
    version: Version | None
    index: int
    incarnation: int
    slot: Pod | None
    incomplete: bool  # slots of the job may be missing because their agents were not heard
    never_placed: int  # the incarnation of slots that had no machine in this reign
    overtaken: bool = False  # its agent is to take its slot over in place, or does so
    at_home: bool = False  # of a kSystem, on a machine that should have one and has no other


@frozen
class Rule:
    """The first rule that applies to a copy says what becomes of it."""

    why: str
    applies: Callable[[Copy], bool]
    judgement: Judgement


RULES: tuple[Rule, ...] = (
    Rule("its job is not known", lambda copy: copy.job is None, Judgement.REFUSE),
    Rule("its version is not kept", lambda copy: copy.version is None, Judgement.REFUSE),
    Rule(
        "its index has ended",
        lambda copy: copy.job is not None and copy.job.has_ended(copy.index),
        Judgement.REFUSE,
    ),
    Rule("its slot is taken over in place", lambda copy: copy.overtaken, Judgement.LEAVE),
    Rule(
        "its machine should have one",
        lambda copy: copy.slot is None and copy.at_home,
        Judgement.ADOPT,
    ),
    Rule(
        "slots are known by who has them, until all were heard",
        lambda copy: copy.slot is None and copy.incomplete,
        Judgement.ADOPT,
    ),
    Rule("its slot is not wanted", lambda copy: copy.slot is None, Judgement.REFUSE),
    Rule(
        "its slot had no machine yet in this reign",
        lambda copy: (
            copy.slot is not None
            and copy.slot.stage == kStagePending
            and copy.slot.incarnation == copy.never_placed
        ),
        Judgement.ADOPT,
    ),
    Rule(
        "its slot was not placed again",
        lambda copy: (
            copy.slot is not None
            and copy.slot.stage == kStagePending
            and copy.incarnation >= copy.slot.incarnation
        ),
        Judgement.ADOPT,
    ),
    Rule(
        "it is later than the one that was taken for it",
        lambda copy: (
            copy.slot is not None
            and copy.slot.stage == kStageRunning
            and copy.incarnation > copy.slot.incarnation
        ),
        Judgement.SUPERSEDE,
    ),
    Rule("its slot was placed again", lambda _: True, Judgement.REFUSE),
)


def judge(copy: Copy) -> tuple[Judgement, str]:
    """What becomes of a copy, and why."""
    for rule in RULES:
        if rule.applies(copy):
            return rule.judgement, rule.why
    raise AssertionError("the last rule applies to everything")


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
    return all(
        len(group.index) == len(group.incarnation)
        for groups in (report.groups, report.removed)
        for group in groups
    )


def finish(cluster: Cluster, job: Job, indexes: Iterable[int], now: float) -> None:
    """These indexes are on record as ended: their agents may forget them."""
    job.evidence = job.evidence or evidence(job, indexes)
    for index in indexes:
        job.finishing.discard(index)
        failure = job.failing.pop(index, None)
        if failure is None:
            job.finished.add(index)
            reason = "all its tasks are done"
        else:
            job.failed.add(index)
            reason = f"given up: {failure}"
        job.setbacks.pop(index, None)
        job.beyond += index >= job.replica
        pod = job.pods.get(index)
        if pod is None:
            continue
        if pod.stage == kStagePending:
            change(cluster.journal, pod, Event.STOPPED, reason, now, "agent")
        elif pod.stage in {kStageRunning, kStageDeath}:
            change(cluster.journal, pod, Event.DONE, reason, now, "agent")
    cluster.journal.jobs[job] = None


def evidence(job: Job, indexes: Iterable[int]) -> str:
    """What is to be kept of the first of these indexes that fails; empty: none does."""
    first = min((index for index in indexes if index in job.failing), default=None)
    return f"index {first} has failed: {job.failing[first]}" if first is not None else ""


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
        pod = job.pods.get(index) if job is not None else None
        if pod is not None and pod.agent is agent and pod.incarnation == incarnation:
            reason = LOST if pod.stage == kStageRunning else pod.reason
            vanish(cluster.journal, pod, reason, now)
            continue
        attempt = (job_id, index, incarnation)
        agent.kills.discard(attempt)
        if attempt in agent.strangers:
            agent.strangers.discard(attempt)
            cluster.journal.room = True
            cluster.journal.moved[agent] = None


def refuse(cluster: Cluster, agent: Agent, pod: Pod, reason: str, now: float) -> None:
    """The agent did not take a pod that it was told to run."""
    vanish(cluster.journal, pod, f"agent {agent.endpoint} refused it: {reason}", now)


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
            _merge_end(cluster, pod, group, merged, now)


def _merge_end(cluster: Cluster, pod: Pod, group: PodGroup, merged: Merged, now: float) -> None:
    job = pod.job
    if job.ends and _ends_slot(pod, group):
        if pod.stage in {kStageRunning, kStageDeath} and pod.index not in job.finishing:
            job.finishing.add(pod.index)
            if group.state == kPodError:
                job.failing[pod.index] = group.reason or "its agent gave it up"
                job.complain(pod, job.failing[pod.index])
            if pod.agent is not None:
                # Not before it is on record, though it was to be stopped.
                pod.agent.kills.discard((job.job_id, pod.index, pod.incarnation))
            merged.ended.setdefault(job, []).append(pod.index)
        return
    if pod.stage != kStageRunning:
        return
    if group.state == kPodTerminate:
        reason = group.reason or "its agent is stopping it"
    else:
        finished = "its tasks have ended, and the job is to be kept running"
        reason = finished if group.state == kPodFinish else group.reason or "its agent gave it up"
        job.complain(pod, reason)
        reason = _set_back(pod, reason, now)
    change(cluster.journal, pod, Event.LEAVES, reason, now, "agent")


def _ends_slot(pod: Pod, group: PodGroup) -> bool:
    """Whether this end is one for good. A pod that fails while it is stopped has not failed."""
    return group.state == kPodFinish or (group.state == kPodError and pod.stage == kStageRunning)


def _set_back(pod: Pod, reason: str, now: float) -> str:
    """Have the slot wait before it is placed again; the reason, with how long that is."""
    setbacks = pod.job.setbacks
    slot = names.pod_id(pod.job.job_id, pod.index)
    noted = setbacks[pod.index] = setback(setbacks.get(pod.index), slot, pod.sched_time, now)
    wait_s = longest_wait_s(noted.count)
    times = f"{noted.count} times in a row: " if noted.count > 1 else ""
    return f"{times}{reason}; it is placed again within {wait_s:.0f} s"


def _merge_copy(  # noqa: PLR0917 - the fields of a packed group
    cluster: Cluster, agent: Agent, group: PodGroup, index: int, incarnation: int, now: float
) -> Pod | None:
    job = cluster.jobs.get(group.job_id)
    version = job.version(group.version) if job is not None else None
    slot = job.pods.get(index) if job is not None else None
    never_placed = last_incarnation_before(cluster.epoch)
    incomplete = job is not None and not cluster.is_complete(job)
    copy = Copy(
        job,
        version,
        index,
        incarnation,
        slot,
        incomplete,
        never_placed,
        overtaken=_is_overtaken(slot, agent, incarnation, group.state),
        at_home=job is not None and job.type == kSystem and agent not in job.on_agents,
    )
    judgement, _ = judge(copy)
    if judgement == Judgement.LEAVE:
        return None
    if judgement == Judgement.REFUSE or job is None or version is None:
        _have_stopped(cluster, agent, (group.job_id, index, incarnation))
        return None
    if slot is None:
        slot = create(cluster.journal, job, index, incarnation, now)
    elif judgement == Judgement.SUPERSEDE and slot.agent is not None:
        earlier = slot.agent
        attempt = (job.job_id, index, slot.incarnation)
        vanish(cluster.journal, slot, "a later copy of it was found", now)
        if earlier is not agent:
            _have_stopped(cluster, earlier, attempt)
    adopt(cluster.journal, slot, agent, incarnation, version, group.generation, now)
    return slot


def _is_overtaken(slot: Pod | None, agent: Agent, incarnation: int, state: PodState) -> bool:
    """Whether a copy is the attempt that the slot's present one takes over from, in place."""
    return (
        slot is not None
        and slot.agent is agent
        and slot.stage == kStageRunning
        and incarnation < slot.incarnation
        and (slot in agent.takeovers or state == kPodTerminate)
    )


def _have_stopped(cluster: Cluster, agent: Agent, attempt: tuple[str, int, int]) -> None:
    agent.strangers.add(attempt)
    agent.kills.add(attempt)
    cluster.journal.outgoing[agent] = None
    cluster.journal.moved[agent] = None
