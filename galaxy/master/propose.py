"""
Whether what a scheduler proposes can be, by the master's own picture. Pure.

Schedulers work with a picture that may be late, and race with each other. So
each part of a placement is checked again; as many pods are taken as fit, the
rest is refused with the reason and the agent as it is now.
Law (safety): what was accepted never exceeds a machine, whoever proposes what.
"""

from __future__ import annotations

from attrs import frozen

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import place
from galaxy.master.reconcile import launchable
from galaxy.master.room import room_on
from galaxy.protocol.master_pb2 import Placement, ProposalAnswer, Refusal, Unplaced
from galaxy.protocol.types_pb2 import JobState, Status, kJobNormal


@frozen
class Taken:
    """How many pods of a part were accepted; what keeps the rest out."""

    accepted: int
    status: Status = Status.kOk
    reason: str = ""


def dispose(cluster: Cluster, reign: str, placement: Placement, now: float) -> ProposalAnswer:
    """Accept of a placement what can be, and say what of it cannot, and why."""
    job = cluster.jobs.get(placement.job_id)
    refused = refused_whole(cluster, reign, job, placement.job_id)
    if refused is not None:
        return refused
    if len(placement.agent) != len(placement.count):
        return ProposalAnswer(
            status=Status.kInputError, reason="a placement names as many counts as agents"
        )
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


def refused_whole(
    cluster: Cluster, reign: str, job: Job | None, job_id: str
) -> ProposalAnswer | None:
    """Why nothing is placed for that job now; None: pods of it may be."""
    if reign != cluster.reign:
        return ProposalAnswer(
            status=Status.kConflict, reason="the proposal is about the picture of another reign"
        )
    if cluster.safe_mode.on:
        return ProposalAnswer(status=Status.kSafeMode, reason=cluster.safe_mode.reason)
    if job is None:
        return ProposalAnswer(status=Status.kJobNotFound, reason=f"there is no job {job_id}")
    if job.state != kJobNormal:
        return ProposalAnswer(
            status=Status.kInputError, reason=f"the job is {JobState.Name(job.state)}"
        )
    return None


def waiting(job: Job, version: Version) -> int:
    """How many pods of a version may be placed now, those left out that are claimed."""
    spoken_for = len(version.pending & (job.finishing | version.claimed))
    allowed = launchable(job) - sum(len(each.claimed) for each in job.versions)
    return max(0, min(allowed, len(version.pending) - spoken_for))


def _dispose_part(  # noqa: PLR0917 - the inner loop of a million placements
    cluster: Cluster, job: Job, version: Version, agent: Agent, wanted: int, now: float
) -> Taken:
    there = waiting(job, version)
    room, tightest = room_on(job, version, agent, min(wanted, there), now)
    for index in _first(version, job.finishing | version.claimed, room):
        place(cluster.journal, job.pods[index], agent, "", now)
    if tightest is not None:
        # Now that those are placed, what the next would lack is the reason.
        return Taken(room, tightest.status, tightest.reason(job, version, agent, now))
    if room < wanted:
        return Taken(room, Status.kConflict, f"only {there} pods of the group wait now")
    return Taken(room)


def _first(version: Version, but: set[int], count: int) -> list[int]:
    """Some waiting indexes, none of `but`."""
    spared = version.pending & but
    version.pending -= spared
    found = [version.pending.pop() for _ in range(count)]
    version.pending |= spared
    return found
