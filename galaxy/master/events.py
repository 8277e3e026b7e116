"""
The one place through which every change of a job, a pod or an agent goes. Pure.

Deciders write down here what they changed; the shell looks here for what is to
be done about it: which jobs to look at again, which agents to talk to, which
agents schedulers should hear of, and what people should be told.

Law: whoever changes a record without a word here has hidden the change.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from galaxy.master.agents import Agent
from galaxy.protocol.agent_pb2 import TaskChange
from galaxy.protocol.types_pb2 import (
    AgentState,
    JobState,
    JobUpdateState,
    PodStage,
    PodState,
    TaskState,
)
from galaxy.protocol.words import word

if TYPE_CHECKING:
    from galaxy.master.jobs import Job
    from galaxy.master.pods import Pod


@define
class Pods:
    """
    (index, endpoint of the machine or "") of pods that changed alike, one after the other.

    Packed, because a million of them are kept for who may ask what happened.
    """

    _indexes: array[int] = field(factory=lambda: array("I"))
    _endpoints: list[str] = field(factory=list)

    def add(self, index: int, agent: Agent | None) -> None:
        """One more, with the machine that it is on."""
        self._indexes.append(index)
        self._endpoints.append(agent.endpoint if agent is not None else "")

    def __len__(self) -> int:
        return len(self._indexes)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return zip(self._indexes, self._endpoints, strict=True)


@frozen
class Happening:
    """
    One thing that happened, or many of a kind: pods of one job that changed alike.

    `before` and `after` are names of stages or states.
    """

    kind: str  # "cluster", "agent", "job", "pod", "task"
    time: float
    before: str
    after: str
    reason: str
    actor: str
    job_id: str = ""
    endpoint: str = ""
    pods: Pods = field(factory=Pods)
    task: int | None = None  # its number in the one pod
    said: tuple[str, ...] = ()  # what the task wrote last


LATE_S = 10.0
"""What an agent tells of sooner, it tells of as it happens."""

_PodKey = tuple["Job", PodStage, PodStage, str, str]
_StateKey = tuple["Job", PodState, PodState, bool, bool]


_HEALTH: dict[tuple[bool, bool], str] = {
    (False, False): "",
    (False, True): "it is healthy",
    (True, False): "it is not healthy any more",
    (True, True): "",
}
"""What is to be said of a pod that was, and is, healthy or not."""


@define(eq=False)
class Journal:
    """What has changed since somebody last looked. Each field is emptied by who acts on it."""

    jobs: dict[Job, None] = field(factory=dict)  # to reconcile, in the order of the changes
    moved: dict[Agent, None] = field(factory=dict)  # what schedulers see of them changed
    outgoing: dict[Agent, None] = field(factory=dict)  # commands wait for them
    room: bool = False  # there is more room on some machine than before
    # Pending slots that are to be looked at again at a time: (time, job, index)
    resting: list[tuple[float, str, int]] = field(factory=list)
    _pods: dict[_PodKey, Pods] = field(factory=dict)
    _states: dict[_StateKey, Pods] = field(factory=dict)
    _others: list[Happening] = field(factory=list)

    def pod(self, pod: Pod, before: PodStage, reason: str, actor: str) -> None:
        """A pod has gone from stage `before` to the one it has now."""
        job = pod.job
        self.jobs[job] = None
        key = (job, before, pod.stage, reason, actor)
        alike = self._pods.get(key)
        if alike is None:
            alike = self._pods[key] = Pods()
        alike.add(pod.index, pod.agent)

    def state(self, pod: Pod, state: PodState, *, healthy: bool) -> None:
        """An agent says of a pod that it is in this state now, and healthy or not."""
        key = (pod.job, pod.state, state, pod.healthy, healthy)
        alike = self._states.get(key)
        if alike is None:
            alike = self._states[key] = Pods()
        alike.add(pod.index, pod.agent)

    def task(self, agent: Agent, change: TaskChange, now: float) -> None:
        """
        An agent says that a task got into trouble, or out of it, or what was done in it.

        If that was a while ago, for want of somebody to tell it to, people read how long.
        """
        late_s = now - change.time if change.time else 0.0
        late = f", {late_s:.0f} s before a master heard of it" if late_s >= LATE_S else ""
        pods = Pods()
        pods.add(change.index, agent)
        self._others.append(
            Happening(
                "task",
                now,
                word(TaskState, change.before) if change.before else "",
                word(TaskState, change.after) if change.after else "",
                change.reason + late,
                change.actor or "agent",
                job_id=change.job_id,
                pods=pods,
                task=change.task,
                said=tuple(change.said),
            )
        )

    def job(self, job: Job, before: JobState | None, reason: str, actor: str, now: float) -> None:
        """A job has gone from state `before` (None: it is new) to the one it has now."""
        self.jobs[job] = None
        self._others.append(
            Happening(
                "job",
                now,
                JobState.Name(before) if before is not None else "",
                JobState.Name(job.state),
                reason,
                actor,
                job_id=job.job_id,
            )
        )

    def amended(
        self, job: Job, before: JobUpdateState, reason: str, actor: str, now: float
    ) -> None:
        """What is wanted of a job has changed; its update was in state `before`."""
        self.jobs[job] = None
        names = JobUpdateState.Name(before), JobUpdateState.Name(job.update.state)
        self._others.append(Happening("job", now, *names, reason, actor, job_id=job.job_id))

    def agent(
        self, agent: Agent, before: AgentState, reason: str, now: float, actor: str = "master"
    ) -> None:
        """An agent has gone from state `before` to the one it has now."""
        self.marked(
            agent, AgentState.Name(before), AgentState.Name(agent.state), reason, actor, now
        )

    def marked(  # noqa: PLR0917 - the fields of a happening
        self, agent: Agent, before: str, after: str, reason: str, actor: str, now: float
    ) -> None:
        """What is said of an agent has changed, be it its state or a word about it."""
        self.moved[agent] = None
        self._others.append(
            Happening("agent", now, before, after, reason, actor, endpoint=agent.endpoint)
        )

    def cluster(self, before: str, after: str, reason: str, actor: str, now: float) -> None:
        """Something that concerns the whole has changed, such as safe mode."""
        self._others.append(Happening("cluster", now, before, after, reason, actor))

    def take_happenings(self, now: float) -> list[Happening]:
        """All that happened since this was last asked; pods that changed alike together."""
        happened, self._others = self._others, []
        pods, self._pods = self._pods, {}
        for (job, before, after, reason, actor), alike in pods.items():
            happened.append(
                Happening(
                    "pod",
                    now,
                    PodStage.Name(before),
                    PodStage.Name(after) if after else "gone",
                    reason,
                    actor,
                    job_id=job.job_id,
                    pods=alike,
                )
            )
        states, self._states = self._states, {}
        for (job, was, now_is, was_healthy, healthy), alike in states.items():
            happened.append(
                Happening(
                    "pod",
                    now,
                    word(PodState, was) if was else "",
                    word(PodState, now_is),
                    _HEALTH[was_healthy, healthy],
                    "agent",
                    job_id=job.job_id,
                    pods=alike,
                )
            )
        return happened
