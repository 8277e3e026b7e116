"""
Which machines refused pods of a version, why, and until when they are asked for no more. Pure.

A machine that refuses a pod knows what the master does not, and would mostly say the same of
the next one like it. So it is offered none of that version for a while, which doubles with
each refusal in a row. Meanwhile the version goes to other machines, and that machine takes
pods of others. Its agent, begun anew, is asked anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from galaxy.master.agents import Agent
from galaxy.master.backoff import FORGOTTEN_S, longest_wait_s
from galaxy.master.jobs import Version

LONGEST_S = 30.0


@frozen
class Refusal:
    """An agent has refused pods of a version so many times in a row."""

    instance: str  # of the agent
    reason: str
    count: int
    until: float


def note(version: Version, agent: Agent, reason: str, now: float) -> None:
    """An agent has refused a pod of a version. What it was asked before that says nothing new."""
    before = version.refusals.get(agent)
    count = 1
    if before is not None and before.instance == agent.instance:
        if now < before.until:
            return
        if now < before.until + FORGOTTEN_S:
            count = before.count + 1
    until = now + min(LONGEST_S, longest_wait_s(count))
    version.refusals[agent] = Refusal(agent.instance, reason, count, until)


def refusal(version: Version, agent: Agent, now: float) -> Refusal | None:
    """Why an agent is offered no pods of a version now; None: it is."""
    there = version.refusals.get(agent)
    return None if there is None or not _stands(there, agent, now) else there


def refusals(version: Version, now: float) -> Iterator[tuple[Agent, Refusal]]:
    """The agents that are offered no pods of a version now."""
    for agent, there in version.refusals.items():
        if _stands(there, agent, now):
            yield agent, there


def _stands(there: Refusal, agent: Agent, now: float) -> bool:
    return there.instance == agent.instance and now < there.until
