"""
Which pods of a job move, now: to another version, to another life, off a machine. Pure.

Called for every job that changed and has something to move, by `Cluster.settle`.

Note: in and out
    A wanted slot is *in* while its pod runs and is healthy; every other one is
    *out*, whatever the reason. Pods that are out anyway move at once: nobody misses
    them. Of those that are in, only so many are taken out that no more than the
    job's step are out together. Where slots end, one that waits for a machine is
    not out: nobody misses what has not begun.

Laws: no more than `step` are out because of a move (safety); carried out, the
moves leave nothing to move until something else changes (else a pod would be
moved twice); a machine is never promised more than it has.
"""

from __future__ import annotations

from collections.abc import Collection

from attrs import define, evolve, field, frozen

from galaxy.master.agents import Agent
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import Pod
from galaxy.master.reconcile import held, wanted
from galaxy.master.refusals import refusal
from galaxy.master.rollout import MOVING
from galaxy.protocol.types_pb2 import (
    kAlive,
    kJobNormal,
    kPodRunning,
    kStageDeath,
    kStagePending,
    kStageRunning,
    kSystem,
    kUpdateNormal,
    kUpdateSuspend,
)
from galaxy.resources import Free, Resources, fits, take


@frozen
class Moves:
    """Indexes: to take the wanted version while they wait, where they are, or elsewhere."""

    retarget: tuple[int, ...] = ()
    renew: tuple[int, ...] = ()
    leave: tuple[int, ...] = ()


NONE = Moves()


@define
class _Budget:
    """What may still be taken out, and what may still be brought to the wanted version."""

    out: int
    moved: int


@define(eq=False)
class Rooms:
    """What is free on machines, with what this round has promised already taken."""

    now: float
    _free: dict[Agent, Free] = field(factory=dict)

    def takes_over(self, pod: Pod, version: Version) -> bool | None:
        """Whether its machine can run the pod as that version. None: not known now."""
        agent = pod.agent
        assert agent is not None
        if (
            agent.draining
            or not agent.labels.issuperset(version.labels)
            or (version.pod.require_isolation and not agent.isolated)
            or refusal(version, agent, self.now) is not None
        ):
            return False
        if agent.state != kAlive or agent.unfit(self.now):
            return None
        free = self._free.get(agent, agent.free)
        alone = frozenset(p for p in pod.version.requirement.ports if agent.ports.get(p) == 1)
        free = _with(free, pod.version.requirement, alone)
        if not fits(free, version.requirement):
            return False
        self._free[agent] = take(free, version.requirement)
        return True


def _with(free: Free, own: Resources, ports: frozenset[int]) -> Free:
    dynamic = free.dynamic_ports
    return evolve(
        free,
        millicores=free.millicores + own.millicores,
        memory_bytes=free.memory_bytes + own.memory_bytes,
        taken_ports=free.taken_ports - ports,
        dynamic_ports=None if dynamic is None else dynamic + own.dynamic_ports,
        disk_bytes=free.disk_bytes + own.disk_bytes,
        ssd_bytes=free.ssd_bytes + own.ssd_bytes,
    )


def out(job: Job) -> int:
    """How many of the wanted slots are out (Note: in and out)."""
    if job.ends:
        stages = job.tally.stages
        return stages[kStageDeath] + stages[kStageRunning] - job.tally.healthy
    return max(0, wanted(job) - job.tally.healthy)


def at_wanted_version(job: Job) -> int:
    """How many of the held slots are as the job wants them."""
    return held(job) - len(job.behind)


def moves(job: Job, draining: Collection[Agent], now: float) -> Moves:
    """What of the job is to move now. `draining`: the machines that are to be emptied."""
    if job.state != kJobNormal:
        return NONE
    retarget: list[int] = []
    renew: list[int] = []
    leave: list[int] = []
    budget = _Budget(job.step - out(job), _most_moved(job))
    rooms = Rooms(now)
    for pod in _candidates(job, draining, may_take_out=budget.out > 0):
        behind = pod.index in job.behind and _may_update(pod) and _is_within(budget, pod)
        if pod.stage == kStagePending:
            if behind:
                retarget.append(pod.index)
                budget.moved -= 1
            continue
        drained = pod.agent is not None and pod.agent.draining and job.type != kSystem
        if not (behind or drained) or (pod.healthy and budget.out <= 0):
            continue
        in_place = (
            rooms.takes_over(pod, job.latest) if behind and not (drained or job.ends) else False
        )
        if in_place is None:
            continue
        (renew if in_place else leave).append(pod.index)
        budget.out -= pod.healthy
        budget.moved -= behind
    return Moves(tuple(retarget), tuple(renew), tuple(leave))


def _most_moved(job: Job) -> int:
    """How many pods more may be brought to the wanted version."""
    if job.update.state == kUpdateSuspend:
        return 0
    if job.update.state == kUpdateNormal and job.update.breakpoint:
        return max(0, job.update.breakpoint - at_wanted_version(job))
    return len(job.behind)


def _is_within(budget: _Budget, pod: Pod) -> bool:
    """A breakpoint holds up who has yet to take the version, not who is to be restarted at it."""
    job = pod.job
    return budget.moved > 0 or (job.update.state in MOVING and pod.version is job.latest)


def _may_update(pod: Pod) -> bool:
    """What an index of a batch has begun, it ends, unless it is to be restarted."""
    job = pod.job
    if not job.ends or pod.state != kPodRunning:
        return True
    return job.update.state in MOVING and pod.generation < job.generation


def _candidates(job: Job, draining: Collection[Agent], *, may_take_out: bool) -> list[Pod]:
    """Those that wait, those that are ill, the others if they may be taken out; each by index."""
    indexes = set(job.behind)
    if len(job.pods) < len(draining):  # many machines are emptied, and not all of the job's
        indexes.update(pod.index for pod in job.pods.values() if pod.agent in draining)
    else:
        for agent in draining:
            indexes.update(pod.index for pod in agent.pods if pod.job is job)
    pods = [
        pod
        for index in indexes - job.finishing
        if (pod := job.pods[index]).stage in {kStagePending, kStageRunning}
        and (may_take_out or not pod.healthy)
    ]
    pods.sort(key=lambda pod: (pod.stage != kStagePending, pod.healthy, pod.index))
    return pods
