"""When the wait for an agent that is being drained is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import frozen

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import AgentOverview


class Drain(Enum):
    """How far an agent is."""

    GOING = "going"
    DONE = "done"
    CALLED_OFF = "called off"


@frozen
class Report:
    """How far, and the same in words."""

    state: Drain
    text: str


def drain(endpoint: str, agents: Iterable[AgentOverview]) -> Report:
    """How far the agent of that endpoint is on its way to have no pods."""
    agent = next((each for each in agents if each.endpoint == endpoint), None)
    if agent is None:
        return Report(Drain.CALLED_OFF, f"there is no agent {endpoint} any more")
    if agent.state == pb.kAlive:
        return Report(Drain.CALLED_OFF, f"{endpoint} is online again")
    if not agent.pods:
        return Report(Drain.DONE, f"{endpoint} is drained")
    return Report(Drain.GOING, f"{endpoint}: {agent.reason or f'draining: {agent.pods} left'}")
