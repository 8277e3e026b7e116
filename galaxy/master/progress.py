"""
What becomes of an update by itself: it ends, pauses, fails, goes back. Pure.

`progress` looks at counts and runs after every change of the job; `overdue` looks
at pods, and runs once in a while.
"""

from __future__ import annotations

from attrs import evolve

from galaxy.master.amend import Amendment, as_it_is
from galaxy.master.jobs import ENDED, HOLDING, Job
from galaxy.master.moves import at_wanted_version, out
from galaxy.master.reconcile import held, wanted
from galaxy.master.rollout import MOVING, Update
from galaxy.protocol.types_pb2 import (
    kJobNormal,
    kStageRunning,
    kUpdateNone,
    kUpdateNormal,
    kUpdateReverting,
    kUpdateSuspend,
)


def progress(job: Job, now: float) -> Amendment | None:
    """The next state of the job's update; None: the one it has."""
    update = job.update
    if job.state in ENDED and update.state != kUpdateNone:
        return _settled(job, "the job has ended", now)
    if job.state != kJobNormal or update.state not in MOVING:
        return None
    if job.complaint:
        return _failed(job, now)
    if update.breakpoint and update.state == kUpdateNormal and _at_breakpoint(job):
        reason = f"breakpoint: {at_wanted_version(job)} pods have version {job.latest.name}"
        paused = evolve(update, state=kUpdateSuspend, reason=reason, time=now)
        return evolve(as_it_is(job, reason), update=paused)
    if not job.behind and held(job) == wanted(job) == job.tally.healthy:
        return _settled(job, "every pod is at the wanted version, and healthy", now)
    return None


def overdue(job: Job, now: float) -> str:
    """What speaks against the job's update: a pod that is not healthy in time. Empty: nothing."""
    if job.update.state not in MOVING or not job.in_motion():
        return ""
    deadline_s = job.descriptor.update.healthy_deadline_s
    for pod in job.pods.values():
        if pod.stage != kStageRunning or pod.settled or job.is_behind(pod):
            continue
        if now - max(pod.sched_time, job.updating_since) > deadline_s:
            return (
                f"pod {pod.index} of version {pod.version.name} is not healthy"
                f" {deadline_s:g} s after it was placed"
            )
    return ""


def standstill(job: Job) -> str:
    """Why an update moves none of the pods that it still has to move; empty: it does."""
    if job.state != kJobNormal or job.update.state not in MOVING or not job.behind:
        return ""
    absent, most = out(job), job.step
    if absent < most:
        return ""
    return f"the update waits until fewer pods are out: {absent} are, and its step is {most}"


def _settled(job: Job, why: str, now: float) -> Amendment:
    # How a version was taken back is worth knowing afterwards.
    reason = job.update.reason if job.update.state == kUpdateReverting else ""
    over = Update(kUpdateNone, reason=reason, time=now, later=job.update.later)
    return evolve(as_it_is(job, why), update=over, restart_step=0)


def _failed(job: Job, now: float) -> Amendment:
    back = job.version(job.update.back_to)
    may_revert = job.update.state == kUpdateNormal and job.descriptor.update.auto_revert
    if not may_revert or back is None or back is job.latest:
        reason = f"the update has failed: {job.complaint}"
        held_up = evolve(job.update, state=kUpdateSuspend, reason=reason, time=now)
        return evolve(as_it_is(job, reason), update=held_up)
    reason = f"version {job.latest.name} is taken back: {job.complaint}"
    reverting = Update(kUpdateReverting, reason=reason, time=now, later=job.update.later)
    versions = (*(each for each in job.versions if each is not back), back)
    return evolve(as_it_is(job, reason), update=reverting, versions=versions, restart_step=0)


def _at_breakpoint(job: Job) -> bool:
    if at_wanted_version(job) < min(job.update.breakpoint, wanted(job)):
        return False
    held_slots = (pod for pod in job.pods.values() if pod.stage in HOLDING)
    return all(pod.healthy for pod in held_slots if pod.index not in job.behind)
