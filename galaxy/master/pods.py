"""
Pods as the master sees them: the record, its stages, and the one door to change them.

A pod is a slot of a job. It exists for as long as the job wants the slot, or
something of it is left on a machine. Each time it gets a machine it begins
another *incarnation*.

There may be a million of them: the record is slotted, its strings are shared,
and whatever is counted (per job, version and agent) is counted where a stage
changes, which is in `change` alone. Pure.
"""

from __future__ import annotations

from enum import IntEnum

from attrs import define

from galaxy.master.agents import Agent
from galaxy.master.events import Journal
from galaxy.master.jobs import HOLDING, Job, Version
from galaxy.protocol.types_pb2 import (
    PodStage,
    PodState,
    kPodRunning,
    kPodStateUnset,
    kStageDeath,
    kStageFinished,
    kStagePending,
    kStageRemoved,
    kStageRunning,
    kStageUnset,
)


class Event(IntEnum):
    """What can happen to a pod."""

    PLACED = 0
    FOUND = 1
    LEAVES = 2
    DONE = 3
    STOPPED = 4
    GONE = 5
    RENEWED = 6


MEANINGS: dict[Event, str] = {
    Event.PLACED: "a proposal gave it a machine",
    Event.FOUND: "an agent turned out to have it",
    Event.LEAVES: "it must leave its machine, and is to be placed again",
    Event.DONE: "its slot has ended, well or not, and that is on record",
    Event.STOPPED: "its slot is not wanted any more",
    Event.GONE: "nothing of it is left on its machine",
    Event.RENEWED: "its machine is to take it over as another attempt, where it is",
}
"""In words, for people."""

STAGES: dict[tuple[PodStage, Event], PodStage] = {
    (kStagePending, Event.PLACED): kStageRunning,
    (kStagePending, Event.FOUND): kStageRunning,
    (kStagePending, Event.STOPPED): kStageUnset,
    (kStageRunning, Event.RENEWED): kStageRunning,
    (kStageRunning, Event.LEAVES): kStageDeath,
    (kStageRunning, Event.DONE): kStageFinished,
    (kStageRunning, Event.STOPPED): kStageRemoved,
    # It was being stopped, and got done before the command arrived.
    (kStageDeath, Event.DONE): kStageFinished,
    (kStageDeath, Event.STOPPED): kStageRemoved,
    (kStageDeath, Event.GONE): kStagePending,
    (kStageRemoved, Event.GONE): kStageUnset,
    (kStageFinished, Event.GONE): kStageUnset,
}
"""The stage after each event. kStageUnset: there is no such pod any more."""

_NEXT: list[list[PodStage | None]] = [[None] * len(Event) for _ in PodStage.values()]
for (_before, _event), _after in STAGES.items():
    _NEXT[_before][_event] = _after


class IllegalChange(Exception):
    """An event that cannot happen to a pod in its stage: a mistake in the master's code."""

    def __init__(self, pod: Pod, event: Event) -> None:
        super().__init__(
            f"{event.name} cannot happen to pod {pod.job.job_id}.{pod.index}"
            f" in stage {PodStage.Name(pod.stage)}"
        )


@define(eq=False, weakref_slot=False)
class Pod:
    """
    One slot of a job.

    `state`, `healthy`: as its agent said last. `settled`: it was healthy once in
    this incarnation, so it is no longer in motion. Times are since the epoch; 0: never.
    """

    job: Job
    index: int
    version: Version
    incarnation: int  # of the attempt it has or had last
    generation: int  # of the job, when that attempt began
    pending_time: float
    reason: str
    stage: PodStage = kStagePending
    state: PodState = kPodStateUnset
    healthy: bool = False
    settled: bool = False
    agent: Agent | None = None
    sched_time: float = 0.0


def create(journal: Journal, job: Job, index: int, incarnation: int, now: float) -> Pod:
    """A new slot, which wants a machine. `incarnation`: the one before its first."""
    version = job.version_of_new_slots if job.update.state else job.versions[-1]
    incarnation = max(incarnation, job.highest)
    pod = job.pods[index] = Pod(job, index, version, incarnation, job.generation, now, "")
    if version is not job.versions[-1]:
        job.behind.add(index)
    job.tally.stages[kStagePending] += 1
    if job.setbacks:
        _wait(journal, pod, now)
    else:
        version.wait(index, now)
    journal.jobs[job] = None
    return pod


def place(journal: Journal, pod: Pod, agent: Agent, reason: str, now: float) -> None:
    """Give a pending pod a machine: a new incarnation, which the agent is to be told of."""
    pod.agent = agent
    pod.incarnation = max(pod.incarnation, pod.job.highest, pod.job.earlier) + 1
    pod.sched_time = now
    pod.generation = pod.job.generation
    if pod.job.behind:
        _note_behind(pod)
    change(journal, pod, Event.PLACED, reason, now, "scheduler")
    agent.take(pod)
    agent.untold.add(pod)
    journal.outgoing[agent] = None


def adopt(  # noqa: PLR0917 - what an agent says of a pod is this much
    journal: Journal,
    pod: Pod,
    agent: Agent,
    incarnation: int,
    version: Version,
    generation: int,
    now: float,
) -> None:
    """Take a pod as running where an agent says it is."""
    if version is not pod.version:
        pod.version.pending.discard(pod.index)
        pod.version = version
    pod.agent = agent
    pod.incarnation = incarnation
    pod.generation = generation
    pod.sched_time = pod.sched_time or now
    change(journal, pod, Event.FOUND, "its agent has it", now, "agent")
    _note_behind(pod)
    agent.take(pod)


def retarget(journal: Journal, pod: Pod, now: float) -> None:
    """A pending pod takes the wanted version, whose failures it has not seen."""
    job = pod.job
    pod.version.pending.discard(pod.index)
    job.setbacks.pop(pod.index, None)
    pod.version = job.latest
    pod.generation = job.generation
    job.behind.discard(pod.index)
    _wait(journal, pod, now)
    journal.jobs[job] = None


def renew(journal: Journal, pod: Pod, reason: str, now: float) -> None:
    """
    Have its machine run a pod as the wanted version, as another incarnation.

    What runs there is not stopped from here: the agent takes it over. Until the
    agent is known to have done so, `Agent.takeovers` remembers that it is there.
    """
    job, agent = pod.job, pod.agent
    assert agent is not None
    agent.takeovers[pod] = (*agent.takeovers.get(pod, ()), pod.incarnation)
    agent.regrant(pod, job.latest)
    pod.version = job.latest
    pod.generation = job.generation
    pod.incarnation = max(pod.incarnation, job.highest, job.earlier) + 1
    pod.sched_time = now
    change(journal, pod, Event.RENEWED, reason, now)
    journal.moved[agent] = None
    job.behind.discard(pod.index)
    agent.untold.add(pod)
    journal.outgoing[agent] = None


def _note_behind(pod: Pod) -> None:
    if pod.job.is_behind(pod):
        pod.job.behind.add(pod.index)
    else:
        pod.job.behind.discard(pod.index)


def observe(journal: Journal, pod: Pod, state: PodState, healthy: bool) -> None:
    """What the agent says of a pod that has the stage Running."""
    tally = pod.job.tally
    journal.state(pod, state, healthy=healthy)
    tally.running += (state == kPodRunning) - (pod.state == kPodRunning)
    tally.healthy += healthy - pod.healthy
    pod.state = state
    pod.healthy = healthy
    if healthy and not pod.settled:
        pod.settled = True
        tally.settled += 1
        journal.jobs[pod.job] = None


def change(  # noqa: PLR0917 - called a million times: keywords cost
    journal: Journal, pod: Pod, event: Event, reason: str, now: float, actor: str = "master"
) -> None:
    """
    Take a pod to the stage that follows on an event; IllegalChange if none does.

    Every count moves along: of its job, of its version, of its agent. An agent
    that should stop the pod is marked to be told.
    """
    before = pod.stage
    after = _NEXT[before][event]
    if after is None:
        raise IllegalChange(pod, event)
    job = pod.job
    tally = job.tally
    tally.stages[before] -= 1
    tally.stages[after] += 1
    pod.stage = after
    pod.reason = reason
    journal.pod(pod, before, reason, actor)
    agent = pod.agent
    if before == kStagePending:
        pod.version.pending.discard(pod.index)
    elif before == kStageRunning:
        tally.running -= pod.state == kPodRunning
        tally.healthy -= pod.healthy
        tally.settled -= pod.settled
        pod.healthy = pod.settled = False
    if after == kStageRunning:
        if before == kStageRunning:
            pod.state = kPodStateUnset
        elif agent is not None:
            job.count_on(agent, 1)
            journal.moved[agent] = None
        return
    if job.behind and after not in HOLDING:
        job.behind.discard(pod.index)
    if agent is not None:
        if event == Event.GONE:
            _free(journal, pod, agent)
        else:
            _stop(journal, pod, agent)
    if after == kStagePending:
        pod.pending_time = now
        _wait(journal, pod, now)
    elif after == kStageUnset:
        job.highest = max(job.highest, pod.incarnation)
        del job.pods[pod.index]


def _free(journal: Journal, pod: Pod, agent: Agent) -> None:
    agent.drop(pod)
    pod.job.count_on(agent, -1)
    journal.moved[agent] = None
    journal.room = True
    pod.agent = None
    pod.state = kPodStateUnset


def _stop(journal: Journal, pod: Pod, agent: Agent) -> None:
    agent.untold.discard(pod)
    agent.kills.add((pod.job.job_id, pod.index, pod.incarnation))
    if agent.takeovers:
        # It may go before its machine took it over: what was there before is to go too.
        before = agent.takeovers.pop(pod, ())
        earlier = {(pod.job.job_id, pod.index, each) for each in before}
        agent.kills |= earlier
        agent.strangers |= earlier
    journal.outgoing[agent] = None


def _wait(journal: Journal, pod: Pod, now: float) -> None:
    """A pending pod waits for a machine, or first for the end of its back-off."""
    setback = pod.job.setbacks.get(pod.index)
    if setback is None or setback.until <= now:
        pod.version.wait(pod.index, now)
    else:
        journal.resting.append((setback.until, pod.job.job_id, pod.index))


def wake(journal: Journal, pod: Pod, now: float) -> None:
    """If the pod waits for the end of its back-off, and that is over, it waits for a machine."""
    if pod.stage == kStagePending and pod.index not in pod.version.pending:
        _wait(journal, pod, now)
        journal.jobs[pod.job] = None


def vanish(journal: Journal, pod: Pod, reason: str, now: float, actor: str = "agent") -> None:
    """Nothing of the pod is left on its machine, whether that was wanted or not."""
    if pod.stage == kStageRunning:
        change(journal, pod, Event.LEAVES, reason, now, actor)
    if pod.agent is not None:
        pod.agent.kills.discard((pod.job.job_id, pod.index, pod.incarnation))
    change(journal, pod, Event.GONE, reason, now, actor)


def have_stopped(journal: Journal, agent: Agent, attempt: tuple[str, int, int]) -> None:
    """An agent has an attempt that should not be there."""
    agent.strangers.add(attempt)
    agent.kills.add(attempt)
    journal.outgoing[agent] = None
    journal.moved[agent] = None
