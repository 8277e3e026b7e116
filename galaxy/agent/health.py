"""
When a task is checked, and what its checks say of it. Pure.

`galaxy.agent.prober` asks; `galaxy.agent.tasks` acts on what `judged` says.
What a check is, and whether a failure counts, is for this module alone.
"""

from __future__ import annotations

import math
from enum import Enum

from attrs import evolve, frozen

DEFAULT_TIMEOUT_S = 2.0
HURRY_S = 1.0  # a task that has yet to pass is asked at least so often


class Kind(Enum):
    """How a task is asked."""

    COMMAND = "command"
    TCP = "tcp"
    HTTP = "http"


@frozen
class HealthSpec:
    """
    How and how often a task is asked how it is.

    `what`: the command, or the port by number or by name. A failure counts when it
    comes later than `grace_s` after the start, or after a check that passed.
    """

    kind: Kind
    what: str
    path: str = "/"
    interval_s: float = 5.0
    timeout_s: float = DEFAULT_TIMEOUT_S
    grace_s: float = 30.0
    failures: int = 3  # so many in a row, and it is restarted


@frozen
class Checks:
    """What was seen of one attempt of a task: `failures` that count, in a row, and the last."""

    attempt: int = 0
    passed: bool = False
    failures: int = 0
    why: str = ""


@frozen
class Judgement:
    """Whether a task is healthy; why it is to be restarted ("": it is not); when to ask next."""

    healthy: bool
    restart: str
    next_check_at: float


def noted(checks: Checks, spec: HealthSpec, failure: str, *, started: float, now: float) -> Checks:
    """The checks after one more, which failed as the sentence says, or ("") passed."""
    if not failure:
        return evolve(checks, passed=True, failures=0, why="")
    counts = checks.passed or now >= started + spec.grace_s
    return evolve(checks, failures=checks.failures + counts, why=failure)


def judged(checks: Checks, spec: HealthSpec, *, phase: float, now: float) -> Judgement:
    """
    What follows from the checks.

    `phase`: where in the interval this task has its turn, from 0 to 1; it is
    what keeps a machine's many checks from being made in one moment.
    """
    failed = checks.failures >= max(1, spec.failures)
    times = "once" if checks.failures == 1 else f"{checks.failures} times in a row"
    return Judgement(
        healthy=checks.passed and not failed,
        restart=f"failed its health check {times}: {checks.why}" if failed else "",
        next_check_at=_turn(checks, spec, phase, now),
    )


def _turn(checks: Checks, spec: HealthSpec, phase: float, now: float) -> float:
    every_s = spec.interval_s if checks.passed else min(spec.interval_s, HURRY_S)
    turn = (math.floor(now / every_s - phase) + 1 + phase) * every_s
    return turn if turn > now else turn + every_s
