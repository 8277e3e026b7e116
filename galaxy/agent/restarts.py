"""
What follows the end of a process: another attempt, when, or none. Pure.
"""

from __future__ import annotations

from random import Random

from attrs import frozen

from galaxy.agent.records import End
from galaxy.agent.specs import Restart, TaskSpec
from galaxy.agent.steps import Failed

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
QUIET_S = 300.0  # a run of this length wipes out the failures before it
MOST_RESTARTS = 10  # without a quiet time between them
DEPLOY_TRIES = 3


@frozen
class Again:
    """Start once more at `time`; it is the `streak`-th restart in a row."""

    time: float
    streak: int


@frozen
class Finished:
    """It did what it was for."""


@frozen
class GivenUp:
    """No more attempts on this machine."""

    reason: str


Verdict = Again | Finished | GivenUp


def delay_s(streak: int, rng: Random) -> float:
    """Seconds before the `streak`-th restart in a row: doubling, bounded, a quarter either way."""
    plain = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(streak - 1, 16))
    return plain * (0.75 + 0.5 * rng.random())


def verdict(
    spec: TaskSpec,
    end: End,
    *,
    ran_s: float,
    restarts: int,
    streak: int,
    now: float,
    rng: Random,
) -> Verdict:
    """
    What follows the end of a main process that ran for `ran_s` seconds.

    `restarts` of its task were there before, `streak` of them without a quiet time
    between them. Retries are counted for good; what is to run always is given up, to
    be placed elsewhere, when it fails too often in a row.
    """
    if spec.restart is not Restart.ALWAYS and end.well:
        return Finished()
    if spec.restart is Restart.NEVER:
        return GivenUp(f"{end}, and is not to be restarted")
    if spec.restart is Restart.ON_FAILURE and restarts >= spec.retries:
        tried = f", after {restarts} of {spec.retries} retries" if spec.retries else ""
        return GivenUp(f"{end}{tried}")
    streak = 0 if ran_s >= QUIET_S else streak
    if spec.restart is Restart.ALWAYS and streak >= MOST_RESTARTS:
        return GivenUp(f"{end}, after {streak} restarts in a row")
    return Again(now + delay_s(streak + 1, rng), streak + 1)


def deploy_verdict(failure: Failed, *, tries: int, now: float, rng: Random) -> Verdict:
    """What follows a deployment that failed, the `tries`-th."""
    if failure.final or tries >= DEPLOY_TRIES:
        return GivenUp(failure.reason)
    return Again(now + delay_s(tries, rng), tries)
