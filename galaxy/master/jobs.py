"""
Jobs as the master sees them: the record, its versions, its counts, its states. Pure.

What is kept in the nexus and what is only in memory: `stored.py`. Which jobs there
are, and by which names people find them: `directory.py`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from attrs import define, field

from galaxy.master.agents import Agent
from galaxy.master.backoff import Setback
from galaxy.master.events import Journal
from galaxy.master.rollout import MOVING, NO_UPDATE, Update
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobState,
    JobType,
    JobUpdateState,
    PodDescriptor,
    PodStage,
    kBatch,
    kJobFailed,
    kJobFinished,
    kJobNormal,
    kJobSuspended,
    kJobTerminated,
    kRestartAlways,
    kStageDeath,
    kStagePending,
    kStageRunning,
    kSystem,
    kUpdateNormal,
    kUpdateSuspend,
)
from galaxy.resources import Resources, from_message

if TYPE_CHECKING:
    from galaxy.master.pods import Pod
    from galaxy.master.refusals import Refusal

JOB_STATES: dict[JobState, frozenset[JobState]] = {
    kJobNormal: frozenset({kJobSuspended, kJobFinished, kJobFailed, kJobTerminated}),
    kJobSuspended: frozenset({kJobNormal, kJobTerminated}),
    kJobFinished: frozenset({kJobTerminated}),
    kJobFailed: frozenset({kJobTerminated}),
    kJobTerminated: frozenset(),
}
"""The states that may follow each."""

LIVE = frozenset({kJobNormal, kJobSuspended})
"""The states of jobs that own their name."""

ENDED = frozenset({kJobFinished, kJobFailed})

HOLDING = frozenset({kStagePending, kStageRunning, kStageDeath})
"""The stages of pods that hold their slot; the others are on their way out."""


class IllegalState(Exception):
    """A job cannot go from its state to that one: a mistake in the master's code."""

    def __init__(self, job: Job, state: JobState) -> None:
        super().__init__(
            f"job {job.job_id} cannot go from {JobState.Name(job.state)} to {JobState.Name(state)}"
        )


@define(eq=False)
class Version:
    """One version of a job's pod description, and the slots that wait with it."""

    number: int  # counts within the job; names the description in the nexus
    name: str
    time: float
    pod: PodDescriptor
    requirement: Resources
    labels: tuple[str, ...]
    pending: set[int] = field(factory=set)  # the indexes of its pods in stage Pending
    pending_since: float = 0.0  # when the first of them began to wait
    claimed: set[int] = field(factory=set)  # those of them for which room is being made
    unplaced: str = ""  # why, as a scheduler said last
    refusals: dict[Agent, Refusal] = field(factory=dict)  # of machines, in this reign
    description: Description | None = None  # as agents are sent it, built once
    later: bytes = b""  # what a later build has on record of it besides

    @classmethod
    def of(cls, number: int, pod: PodDescriptor, time: float, later: bytes = b"") -> Version:
        """The version that a pod description is."""
        requirement, labels = from_message(pod.requirement), tuple(sorted(set(pod.labels)))
        return cls(number, pod.version, time, pod, requirement, labels, later=later)

    def wait(self, index: int, now: float) -> None:
        """One more slot waits for a machine."""
        if not self.pending:
            self.pending_since = now
            self.unplaced = ""
        self.pending.add(index)


def _stages() -> list[int]:
    return [0] * len(PodStage.values())


@define(eq=False)
class Tally:
    """How many of a job's pods are how; kept up to date by `galaxy.master.pods`."""

    stages: list[int] = field(factory=_stages)  # by PodStage; [0] counts those that are gone
    # Of those in stage Running:
    running: int = 0  # in state kPodRunning
    healthy: int = 0
    settled: int = 0  # were healthy once since they were placed


@define(eq=False)
class Job:
    """
    One job.

    `descriptor` is complete (`defaults.with_defaults`) but for its pod, which
    each version has. What is looked at often stands beside it as a plain value.
    """

    job_id: str
    descriptor: JobDescriptor
    versions: list[Version]
    create_time: float
    update_time: float
    state: JobState = kJobNormal
    request_id: str = ""
    end_time: float = 0.0
    reason: str = ""
    loaded: bool = False  # from the nexus: agents may have pods of it that were not heard of yet
    # Slots that ended for good, never to run again, if its slots end:
    finished: set[int] = field(factory=set)  # did what they were for
    failed: set[int] = field(factory=set)  # were given up
    finishing: set[int] = field(factory=set)  # those of both that are being written down
    failing: dict[int, str] = field(factory=dict)  # those of them that failed, and why
    evidence: str = ""  # why the first index failed that did
    setbacks: dict[int, Setback] = field(factory=dict)  # slots that failed lately
    update: Update = NO_UPDATE
    generation: int = 0  # pods of an earlier one are to be restarted
    restart_step: int = 0  # how many of them at once; 0: as in an update
    requests: tuple[str, ...] = ()  # the ids of the latest that changed it
    behind: set[int] = field(factory=set)  # held slots of another version or generation
    complaint: str = ""  # what speaks against the update that goes on
    updating_since: float = 0.0  # when that began, or went on, in this reign: by its clock
    beyond: int = 0  # ended slots with indexes that replica does not reach any more
    highest: int = 0  # the highest incarnation of slots and attempts that are no more
    earlier: int = 0  # no reign before this one gave a higher incarnation
    pods: dict[int, Pod] = field(factory=dict)
    tally: Tally = field(factory=Tally)
    on_agents: dict[Agent, int] = field(factory=dict)  # pods per machine, if max_per_host is set
    homes: set[Agent] = field(factory=set)  # of a kSystem: the machines that should have a pod
    astray: set[Agent] = field(factory=set)  # and those that have one and should not
    used_millicores: int = 0
    used_memory: int = 0
    name: str = field(init=False)
    user: str = field(init=False)
    type: JobType = field(init=False)
    priority: int = field(init=False)
    replica: int = field(init=False)
    deploy_step: int = field(init=False)
    max_per_host: int = field(init=False)
    ends: bool = field(init=False)  # whether its slots end, or are kept for ever

    def __attrs_post_init__(self) -> None:
        self.name = self.descriptor.name
        self.user = self.descriptor.user
        self.type = self.descriptor.type
        self.replica = self.descriptor.replica
        self.read_descriptor()

    def read_descriptor(self) -> None:
        """Take over what of the descriptor may change."""
        self.priority = self.descriptor.priority
        self.deploy_step = self.descriptor.deploy_step
        self.max_per_host = 1 if self.type == kSystem else self.descriptor.max_per_host
        self.ends = self.type != kSystem and self.descriptor.restart != kRestartAlways
        if self.type != kSystem:
            self.replica = self.descriptor.replica
            self.beyond = sum(i >= self.replica for i in chain(self.finished, self.failed))

    @property
    def update_state(self) -> JobUpdateState:
        """Whether an update goes on."""
        return self.update.state

    @property
    def latest(self) -> Version:
        """The version that new pods get."""
        return self.versions[-1]

    @property
    def version_of_new_slots(self) -> Version:
        """While an update is held, the version that has proved itself."""
        update = self.update
        if update.state == kUpdateSuspend or (update.state == kUpdateNormal and update.breakpoint):
            return self.version(update.back_to) or self.latest
        return self.latest

    @property
    def step(self) -> int:
        """How many of its pods may be out at once for an update or a drain."""
        return self.restart_step or self.deploy_step or max(1, self.replica // 10)

    def is_behind(self, pod: Pod) -> bool:
        """Whether a pod is not what the job wants its pods to be."""
        if pod.stage not in HOLDING:
            return False
        return pod.version is not self.latest or pod.generation < self.generation

    def complain(self, pod: Pod, reason: str) -> None:
        """A pod was given up: that speaks against the update, if it is of the wanted version."""
        if self.update.state in MOVING and not self.is_behind(pod):
            self.complaint = f"pod {pod.index} of version {pod.version.name}: {reason}"

    def has_ended(self, index: int) -> bool:
        """Whether that index is never to run again."""
        return index in self.finished or index in self.failed

    def version(self, name: str) -> Version | None:
        """The version of that name, if it is kept."""
        for version in reversed(self.versions):
            if version.name == name:
                return version
        return None

    def count_on(self, agent: Agent, difference: int) -> None:
        """One more or less of the job's pods on a machine; matters to max_per_host only."""
        if not self.max_per_host:
            return
        count = self.on_agents.get(agent, 0) + difference
        if count:
            self.on_agents[agent] = count
        else:
            self.on_agents.pop(agent, None)
        if self.type == kSystem:
            self.note_stray(agent)

    def note_stray(self, agent: Agent) -> None:
        """Of a kSystem: note whether the machine has a pod that it should not have."""
        if agent in self.on_agents and agent not in self.homes:
            self.astray.add(agent)
        else:
            self.astray.discard(agent)

    def in_motion(self) -> int:
        """How many pods are on their way, as deploy_step counts them."""
        placed = self.tally.stages[kStageRunning]
        # A batch runs deploy_step at a time: a pod that runs well still takes its place.
        return placed if self.type == kBatch else placed - self.tally.settled

    def why(self) -> str:
        """The most useful sentence about the job's state."""
        if self.reason or self.update.reason:
            return self.reason or self.update.reason
        if self.evidence:
            return self.evidence
        for version in self.versions:
            if version.pending and version.unplaced:
                return version.unplaced
        return ""


def turn(  # noqa: PLR0917 - the door of jobs, in the shape of the door of pods
    journal: Journal, job: Job, state: JobState, reason: str, actor: str, now: float
) -> None:
    """Take a job to another state; IllegalState if it cannot follow."""
    before = job.state
    if state not in JOB_STATES[before]:
        raise IllegalState(job, state)
    job.state = state
    job.reason = reason
    job.update_time = now
    if state in ENDED:
        job.end_time = now
    journal.job(job, before, reason, actor, now)


def description(job: Job, version: Version) -> Description:
    """What an agent must know to run pods of a version. Built once."""
    if version.description is None:
        version.description = Description(
            job_id=job.job_id,
            version=version.name,
            pod=version.pod,
            job_name=job.name,
            user=job.user,
            type=job.type,
            restart=job.descriptor.restart,
            retries=job.descriptor.retries,
            replica=job.replica,
            priority=job.priority,
            min_healthy_s=job.descriptor.update.min_healthy_s,
        )
    return version.description
