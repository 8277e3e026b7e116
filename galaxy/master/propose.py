"""
Whether what a scheduler proposes can be, by the master's own picture. Pure.

Schedulers work with a picture that may be late, and race with each other. So
each part of a placement is checked again; as many pods are taken as fit, the
rest is refused with the reason and the agent as it is now.
Law (safety): what was accepted never exceeds a machine, whoever proposes what.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import place
from galaxy.master.reconcile import launchable
from galaxy.protocol.master_pb2 import Placement, ProposalAnswer, Refusal, Unplaced
from galaxy.protocol.types_pb2 import JobState, Status, kJobNormal
from galaxy.resources import room_for, shortfall


@frozen
class Check:
    """How many of `wanted` pods a machine can take by one criterion, and why not more."""

    name: str
    status: Status
    room: Callable[[Job, Version, Agent, int, float], int]
    reason: Callable[[Job, Version, Agent, float], str]


def _lacking_labels(version: Version, agent: Agent) -> str:
    return ", ".join(sorted(set(version.labels) - agent.labels))


def _lacking_resources(version: Version, agent: Agent) -> str:
    lacks = shortfall(agent.free, version.requirement)
    said = ", ".join(str(lack) for lack in lacks)
    return f"the agent {said}" if said else "the agent has no room for more of these"


CHECKS: tuple[Check, ...] = (
    Check(
        "agent",
        Status.kAgentError,
        lambda _job, _version, agent, wanted, now: 0 if agent.unfit(now) else wanted,
        lambda _job, _version, agent, now: agent.unfit(now),
    ),
    Check(
        "isolation",
        Status.kInputError,
        lambda _job, version, agent, wanted, _now: (
            wanted if agent.isolated or not version.pod.require_isolation else 0
        ),
        lambda _job, _version, agent, _now: (
            f"the agent cannot isolate: {agent.facts.isolation_reason}"
        ),
    ),
    Check(
        "labels",
        Status.kInputError,
        lambda _job, version, agent, wanted, _now: (
            wanted if agent.labels.issuperset(version.labels) else 0
        ),
        lambda _job, version, agent, _now: (
            f"the agent lacks the label {_lacking_labels(version, agent)}"
        ),
    ),
    Check(
        "max_per_host",
        Status.kQuota,
        lambda job, _version, agent, wanted, _now: (
            min(wanted, max(0, job.max_per_host - job.on_agents.get(agent, 0)))
            if job.max_per_host
            else wanted
        ),
        lambda job, _version, _agent, _now: (
            f"the agent has {job.max_per_host} pods of the job, its max_per_host"
        ),
    ),
    Check(
        "resources",
        Status.kQuota,
        lambda _job, version, agent, wanted, _now: room_for(
            agent.free, version.requirement, wanted
        ),
        lambda _job, version, agent, _now: _lacking_resources(version, agent),
    ),
)
"""In order; the rest of a part is refused by the first that leaves the least room."""


def room_on(
    job: Job, version: Version, agent: Agent, wanted: int, now: float
) -> tuple[int, Check | None]:
    """How many of so many pods the machine can take, and what keeps the others out."""
    room, tightest = wanted, None
    for check in CHECKS:
        found = check.room(job, version, agent, room, now)
        if found < room:
            room, tightest = found, check
            if not room:
                break
    return room, tightest


@frozen
class Taken:
    """How many pods of a part were accepted; what keeps the rest out."""

    accepted: int
    status: Status = Status.kOk
    reason: str = ""


def dispose(cluster: Cluster, reign: str, placement: Placement, now: float) -> ProposalAnswer:
    """Accept of a placement what can be, and say what of it cannot, and why."""
    job = cluster.jobs.get(placement.job_id)
    refused = _refused_whole(cluster, reign, job, placement)
    if refused is not None:
        return refused
    assert job is not None
    version = job.version(placement.version)
    if version is None:
        return ProposalAnswer(
            status=Status.kNotFound, reason=f"the job has no version {placement.version}"
        )
    answer = ProposalAnswer(status=Status.kOk)
    for number, wanted in zip(placement.agent, placement.count, strict=True):
        agent = cluster.fleet.numbered(number)
        if agent is None:
            part = Taken(0, Status.kAgentNotFound, f"there is no agent {number} in this reign")
        else:
            part = _dispose_part(cluster, job, version, agent, wanted, now)
        answer.accepted += part.accepted
        if part.accepted < wanted:
            fresh = agent.snapshot(now) if agent is not None else None
            answer.refusals.append(
                Refusal(
                    agent=number,
                    count=wanted - part.accepted,
                    status=part.status,
                    reason=part.reason,
                    fresh=fresh,
                )
            )
            if answer.status == Status.kOk:
                answer.status, answer.reason = part.status, part.reason
    return answer


def note_unplaced(cluster: Cluster, unplaced: Unplaced) -> None:
    """Keep what a scheduler says of pods that it could not place, for people to read."""
    job = cluster.jobs.get(unplaced.job_id)
    version = job.version(unplaced.version) if job is not None else None
    if version is None:
        return
    version.unplaced = unplaced.reason or ", ".join(
        f"{obstacle.agents} agents: {obstacle.constraint}" for obstacle in unplaced.obstacles
    )


def _refused_whole(
    cluster: Cluster, reign: str, job: Job | None, placement: Placement
) -> ProposalAnswer | None:
    if reign != cluster.reign:
        return ProposalAnswer(
            status=Status.kConflict, reason="the proposal is about the picture of another reign"
        )
    if cluster.safe_mode.on:
        return ProposalAnswer(status=Status.kSafeMode, reason=cluster.safe_mode.reason)
    if job is None:
        return ProposalAnswer(
            status=Status.kJobNotFound, reason=f"there is no job {placement.job_id}"
        )
    if job.state != kJobNormal:
        return ProposalAnswer(
            status=Status.kInputError, reason=f"the job is {JobState.Name(job.state)}"
        )
    if len(placement.agent) != len(placement.count):
        return ProposalAnswer(
            status=Status.kInputError, reason="a placement names as many counts as agents"
        )
    return None


def _dispose_part(  # noqa: PLR0917 - the inner loop of a million placements
    cluster: Cluster, job: Job, version: Version, agent: Agent, wanted: int, now: float
) -> Taken:
    waiting = min(launchable(job), len(version.pending) - len(version.pending & job.finishing))
    room, tightest = room_on(job, version, agent, min(wanted, waiting), now)
    for index in _first(version, job.finishing, room):
        place(cluster.journal, job.pods[index], agent, "", now)
    if tightest is not None:
        # Now that those are placed, what the next would lack is the reason.
        return Taken(room, tightest.status, tightest.reason(job, version, agent, now))
    if room < wanted:
        return Taken(room, Status.kConflict, f"only {waiting} pods of the group wait now")
    return Taken(room)


def _first(version: Version, but: set[int], count: int) -> list[int]:
    """Some waiting indexes, none of `but`."""
    if but:
        return sorted(version.pending - but)[:count]
    return [version.pending.pop() for _ in range(count)]
