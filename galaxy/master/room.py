"""
What a machine can take of a job's pods, and what keeps the others out. Pure.

Asked about each part of a proposal, about each preemption, and again when the room
that was made is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from galaxy.master.agents import Agent
from galaxy.master.jobs import Job, Version
from galaxy.master.refusals import refusal
from galaxy.protocol.types_pb2 import Status
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


def _refused(version: Version, agent: Agent, now: float) -> str:
    there = refusal(version, agent, now)
    return there.reason if there is not None else ""


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
        "refusal",
        Status.kAgentError,
        lambda _job, version, agent, wanted, now: (
            0 if refusal(version, agent, now) is not None else wanted
        ),
        lambda _job, version, agent, now: f"the agent refused one: {_refused(version, agent, now)}",
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

BUT_RESOURCES = tuple(check for check in CHECKS if check.name != "resources")
"""What no other pod's leaving changes."""


def room_on(  # noqa: PLR0917 - the arguments of a check, and which
    job: Job,
    version: Version,
    agent: Agent,
    wanted: int,
    now: float,
    checks: Sequence[Check] = CHECKS,
) -> tuple[int, Check | None]:
    """How many of so many pods the machine can take, and what keeps the others out."""
    room, tightest = wanted, None
    for check in checks:
        found = check.room(job, version, agent, room, now)
        if found < room:
            room, tightest = found, check
            if not room:
                break
    return room, tightest
