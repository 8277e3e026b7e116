"""
What a job lacks, and what it has too much of. Pure.

`shortfall` looks at one job whose pods changed; it runs for every job that a
report touched, so its rules ask counts, and look at slots only when they have
to act. Law: applied to its own result, it says nothing (safety: what is begun
twice is run twice).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice

from attrs import frozen

from galaxy.master.jobs import ENDED, Job
from galaxy.protocol.types_pb2 import (
    JobState,
    kJobFailed,
    kJobFinished,
    kJobSuspended,
    kJobTerminated,
    kStageDeath,
    kStagePending,
    kStageRunning,
    kSystem,
)


@frozen
class Ignorance:
    """What the master knows that it does not know."""

    safe_mode: bool = False
    # Some agents known from the nexus were not heard of yet: they may have pods.
    unheard_agents: bool = False


@frozen
class Shortfall:
    """What is to be done about a job: indexes to begin and to stop, a state to take, an end."""

    why: str
    create: tuple[int, ...] = ()
    stop: tuple[int, ...] = ()
    state: JobState | None = None
    forget: bool = False  # nothing is left of it: its record may go


@frozen
class Rule:
    """The first rule that applies to a job says what it lacks."""

    name: str
    applies: Callable[[Job, Ignorance], bool]
    shortfall: Callable[[Job], Shortfall]


def held(job: Job) -> int:
    """How many slots the job holds, those on their way out not counted."""
    stages = job.tally.stages
    return stages[kStagePending] + stages[kStageRunning] + stages[kStageDeath]


def wanted(job: Job) -> int:
    """How many slots the job should hold: each index that has not ended."""
    return job.replica + job.beyond - len(job.finished) - len(job.failed)


def _nothing(why: str) -> Callable[[Job], Shortfall]:
    answer = Shortfall(why)
    return lambda _: answer


def _stop_all(why: str) -> Callable[[Job], Shortfall]:
    return lambda job: Shortfall(why, stop=_stoppable(job, held(job)))


def _surplus(job: Job) -> Shortfall:
    beyond = _stoppable(job, held(job) - wanted(job))
    return Shortfall(f"the job wants {wanted(job)} pods", stop=beyond)


def _missing(job: Job) -> Shortfall:
    missing = wanted(job) - held(job)
    # A machine does not wait until the pod of another one has gone.
    indexes = count() if job.type == kSystem else range(job.replica)
    absent = (i for i in indexes if i not in job.pods and not job.has_ended(i))
    return Shortfall(f"the job wants {wanted(job)} pods", create=tuple(islice(absent, missing)))


def _strays(job: Job) -> tuple[int, ...]:
    """A kSystem's pods on machines that should have none."""
    pods = (pod for agent in job.astray for pod in agent.pods if pod.job is job)
    return tuple(sorted(pod.index for pod in pods if pod.stage in {kStageDeath, kStageRunning}))


def _verdict(job: Job) -> Shortfall:
    if not job.failed:
        return Shortfall("every index has finished", state=kJobFinished)
    said = f"{len(job.failed)} of {job.replica} indexes have failed"
    return Shortfall(f"{said}; {job.evidence}" if job.evidence else said, state=kJobFailed)


def _stoppable(job: Job, number: int) -> tuple[int, ...]:
    """
    `number` slots: those first whose stopping costs least, of these the highest indexes.

    Where each index has its own work, those that are not wanted any more come before all.
    """
    cost = {kStageDeath: 0, kStagePending: 1, kStageRunning: 2}
    ranked = sorted(
        (job.ends and index < job.replica, cost[pod.stage], pod.healthy, -index)
        for index, pod in job.pods.items()
        if pod.stage in cost
    )
    return tuple(-minus_index for *_, minus_index in islice(ranked, number))


RULES: tuple[Rule, ...] = (
    Rule(
        "ignorant",
        lambda _, ignorance: ignorance.safe_mode,
        _nothing("in safe mode what was not heard of is not missing"),
    ),
    Rule(
        "forgotten",
        lambda job, _: job.state == kJobTerminated and not job.pods,
        lambda _: Shortfall("its last pod is gone", forget=True),
    ),
    Rule(
        "terminated",
        lambda job, _: job.state == kJobTerminated,
        _stop_all("the job was terminated"),
    ),
    Rule(
        "suspended",
        lambda job, _: job.state == kJobSuspended,
        _stop_all("the job is suspended"),
    ),
    Rule(
        "ended",
        lambda job, _: job.state in ENDED,
        _stop_all("the job has ended"),
    ),
    Rule(
        "complete",
        lambda job, _: job.ends and wanted(job) <= 0,
        _verdict,
    ),
    Rule(
        "strayed",
        lambda job, _: bool(_strays(job)),
        lambda job: Shortfall("its machine is not to have one", stop=_strays(job)),
    ),
    Rule(
        "surplus",
        lambda job, _: held(job) > wanted(job),
        _surplus,
    ),
    Rule(
        "unheard",
        lambda job, ignorance: job.loaded and ignorance.unheard_agents,
        _nothing("an agent that was not heard of yet may have what seems to be missing"),
    ),
    Rule(
        "missing",
        lambda job, _: held(job) < wanted(job),
        _missing,
    ),
)
"""In order; the first that applies is the one. None applies: nothing is amiss."""

BALANCED = Shortfall("nothing is amiss")


def shortfall(job: Job, ignorance: Ignorance) -> Shortfall:
    """What is to be done about a job."""
    for rule in RULES:
        if rule.applies(job, ignorance):
            return rule.shortfall(job)
    return BALANCED


def launchable(job: Job) -> int:
    """How many of the job's waiting pods may be placed now, by its deploy_step."""
    waiting = job.tally.stages[kStagePending]
    if not job.deploy_step:
        return waiting
    return max(0, min(waiting, job.deploy_step - job.in_motion()))
