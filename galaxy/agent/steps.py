"""
What the agent can do for a task, and what came of it. Frozen values.

`galaxy.agent.reconcile` says which step is next; `galaxy.agent.runner` carries
it out. Each is safe to repeat: after a crash the same step is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from galaxy.agent.health import Checks
from galaxy.agent.records import End


@frozen
class Fetch:
    """Bring the task's package into the machine's cache."""

    number: int


@frozen
class Execute:
    """Start a process in the task's container. A name runs once, ever."""

    number: int
    name: str


@frozen
class Sweep:
    """End the stray children that an ended attempt left behind."""

    number: int
    attempt: int


@frozen
class Stop:
    """End all processes of the task: TERM now, KILL at the deadline."""

    number: int
    deadline: float


@frozen
class Remove:
    """Take the task's container away."""

    number: int


Step = Fetch | Execute | Sweep | Stop | Remove


@frozen
class Done:
    """The step was carried out."""


@frozen
class Failed:
    """The step was refused. `final`: repeating it cannot help."""

    reason: str
    final: bool = False


Outcome = Done | Failed


class Life(Enum):
    """How far a process has come; it only ever moves forward."""

    STARTING = 1
    RUNNING = 2
    ENDED = 3


@frozen
class Process:
    """A process as gce reports it. `end` is set if and only if it has ended."""

    life: Life
    pid: int = 0
    start_time: float = 0.0
    end: End | None = None
    cgroup: str = ""


@frozen
class Sight:
    """
    What is observed of one task: its processes by name, the outcomes of its steps,
    and what its health checks said.
    """

    processes: Mapping[str, Process] = field(factory=dict)
    outcomes: Mapping[Step, Outcome] = field(factory=dict)
    checks: Checks | None = None
