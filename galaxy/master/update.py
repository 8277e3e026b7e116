"""
What people may want of a job that lives: another version, a stop on the way, more pods. Pure.

Each function answers with the amendment that does it, None if it is so already,
or refuses with GalaxyError: kInputError for what makes no sense, kJobUpdateFail
for what cannot be in the state that the job is in.
"""

from __future__ import annotations

from attrs import evolve

from galaxy.defaults import with_defaults
from galaxy.descriptions import problems
from galaxy.master.amend import Amendment, as_it_is, wanting
from galaxy.master.jobs import LIVE, Job, Version
from galaxy.master.rollout import MOVING, Update
from galaxy.protocol.master_pb2 import (
    UpdateSteering,
    kSteerContinue,
    kSteerPause,
    kSteerRollback,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobState,
    JobType,
    PodDescriptor,
    Status,
    kSystem,
    kUpdateNormal,
    kUpdateSuspend,
)

_TOLD = ("priority", "restart", "retries")
"""What of a job, its versions apart, its agents are told."""


def updated(
    job: Job, asked: JobDescriptor, breakpoint_: int, *, complete: bool, now: float
) -> Amendment | None:
    """The job as its owner describes it now."""
    check_lives(job, "updated")
    _check_sound(job, asked, breakpoint_)
    descriptor = with_defaults(asked)
    pod = PodDescriptor()
    pod.CopyFrom(descriptor.pod)
    descriptor.ClearField("pod")
    descriptor.user = job.user
    version = _version(job, pod, now)
    amendment = as_it_is(job, "")
    if version is not job.latest:
        amendment = _towards(job, version, breakpoint_, complete=complete, now=now)
    elif breakpoint_ and job.update.state == kUpdateNormal:
        update = evolve(job.update, breakpoint=breakpoint_)
        amendment = evolve(amendment, update=update, why=f"breakpoint at {breakpoint_}")
    if descriptor != job.descriptor:
        changed = _differences(job.descriptor, descriptor)
        anew = any(
            getattr(descriptor, name) != getattr(job.descriptor, name) for name in _TOLD
        ) or (descriptor.update.min_healthy_s != job.descriptor.update.min_healthy_s)
        amendment = evolve(
            amendment,
            descriptor=descriptor,
            described_anew=anew,
            why=", ".join(filter(None, [amendment.why, f"changed: {changed}"])),
        )
    return amendment if amendment.why else None


def _towards(
    job: Job, version: Version, breakpoint_: int, *, complete: bool, now: float
) -> Amendment:
    # Of several updates that did not come to their end, the first began at what is known to work.
    going = job.update.state in MOVING | {kUpdateSuspend}
    back_to = (going and job.update.back_to) or job.latest.name
    update = Update(
        kUpdateNormal,
        back_to=back_to if back_to != version.name else "",
        breakpoint=breakpoint_,
        time=now,
    )
    return evolve(
        as_it_is(job, f"update from {job.latest.name} to {version.name}"),
        versions=wanting(job, version, complete=complete),
        update=update,
        restart_step=0,
    )


def _version(job: Job, pod: PodDescriptor, now: float) -> Version:
    known = job.version(pod.version)
    if known is None:
        return Version.of(max(each.number for each in job.versions) + 1, pod, now)
    if _filled_in(job, known.pod) != pod:
        raise GalaxyError(
            Status.kJobUpdateFail,
            f"version {pod.version} of {job.job_id} is another pod description already:"
            " give this one another version, or leave the version out",
        )
    return known


def _filled_in(job: Job, pod: PodDescriptor) -> PodDescriptor:
    """As it would be taken today: the release that took it may have filled in less."""
    return with_defaults(JobDescriptor(type=job.type, pod=pod)).pod


def _check_sound(job: Job, asked: JobDescriptor, breakpoint_: int) -> None:
    found = problems(asked)
    if found:
        listed = "; ".join(f"{problem.path}: {problem.text}" for problem in found)
        raise GalaxyError(Status.kInputError, listed)
    if breakpoint_ < 0:
        raise GalaxyError(Status.kInputError, f"a breakpoint is a number of pods: {breakpoint_}")
    fixed = (
        ("name", job.name, asked.name),
        ("type", JobType.Name(job.type), JobType.Name(asked.type)),
    )
    for name, before, after in fixed:
        if before != after:
            raise GalaxyError(
                Status.kJobUpdateFail,
                f"the {name} of a job cannot change, from {before} to {after}:"
                " submit it as another job",
            )


def _differences(before: JobDescriptor, after: JobDescriptor) -> str:
    names = (each.name for each in JobDescriptor.DESCRIPTOR.fields)
    return ", ".join(name for name in names if getattr(before, name) != getattr(after, name))


def steered(
    job: Job, steering: UpdateSteering, version: str, *, complete: bool, now: float
) -> Amendment | None:
    """The job with its update held, let go on, or sent to a version that is kept."""
    check_lives(job, "steered")
    if steering == kSteerPause:
        return _paused(job, now)
    if steering == kSteerContinue:
        return _continued(job, now)
    if steering == kSteerRollback:
        return _rolled_back(job, version, complete=complete, now=now)
    raise GalaxyError(Status.kInputError, "an update is paused, continued or rolled back")


def _paused(job: Job, now: float) -> Amendment | None:
    if job.update.state == kUpdateSuspend:
        return None
    if job.update.state not in MOVING:
        raise GalaxyError(Status.kJobUpdateFail, f"no update of {job.job_id} is going on")
    update = evolve(job.update, state=kUpdateSuspend, reason="the update is paused", time=now)
    return evolve(as_it_is(job, "paused"), update=update)


def _continued(job: Job, now: float) -> Amendment | None:
    if job.update.state in MOVING:
        return None
    if job.update.state != kUpdateSuspend:
        raise GalaxyError(Status.kJobUpdateFail, f"no update of {job.job_id} is paused")
    update = evolve(job.update, state=kUpdateNormal, breakpoint=0, reason="", time=now)
    return evolve(as_it_is(job, "continued"), update=update)


def _rolled_back(job: Job, name: str, *, complete: bool, now: float) -> Amendment | None:
    going = job.update.state in MOVING | {kUpdateSuspend}
    name = name or (going and job.update.back_to) or _before(job)
    version = job.version(name)
    if version is None:
        kept = ", ".join(each.name for each in job.versions)
        raise GalaxyError(
            Status.kJobUpdateFail, f"version {name} of {job.job_id} is not kept; there are {kept}"
        )
    if version is job.latest:
        if job.update.state == kUpdateSuspend:
            return _continued(job, now)
        return None
    # A person's word: if this fails too, somebody has to look.
    update = Update(kUpdateNormal, time=now)
    return evolve(
        as_it_is(job, f"rolled back from {job.latest.name} to {version.name}"),
        versions=wanting(job, version, complete=complete),
        update=update,
        restart_step=0,
    )


def _before(job: Job) -> str:
    if len(job.versions) < 2:
        raise GalaxyError(Status.kJobUpdateFail, f"{job.job_id} has had one version only")
    return job.versions[-2].name


def scaled(job: Job, replica: int) -> Amendment | None:
    """The job with so many replicas."""
    check_lives(job, "scaled")
    if job.type == kSystem:
        raise GalaxyError(Status.kInputError, "a kSystem job has one pod on every agent")
    if replica < 0:
        raise GalaxyError(Status.kInputError, f"a job cannot have {replica} replicas")
    if replica == job.replica:
        return None
    descriptor = JobDescriptor()
    descriptor.CopyFrom(job.descriptor)
    descriptor.replica = replica
    return evolve(as_it_is(job, f"scaled from {job.replica} to {replica}"), descriptor=descriptor)


def restarted(job: Job, step: int, now: float) -> Amendment:
    """The job with every pod that it has now to be restarted, `step` at a time (0: as updates)."""
    check_lives(job, "restarted")
    if step < 0:
        raise GalaxyError(Status.kInputError, f"a step is a number of pods, not {step}")
    if job.update.state == kUpdateSuspend:
        raise GalaxyError(
            Status.kJobUpdateFail,
            f"an update of {job.job_id} is held: {job.update.reason}."
            " Continue it or roll it back first",
        )
    update = job.update if job.update.state in MOVING else Update(kUpdateNormal, time=now)
    return evolve(
        as_it_is(job, "rolling restart"),
        update=update,
        generation=job.generation + 1,
        restart_step=step,
    )


def check_lives(job: Job, what: str) -> None:
    """Refuse to change a job that has ended or is being stopped."""
    if job.state not in LIVE:
        raise GalaxyError(
            Status.kJobUpdateFail,
            f"job {job.job_id} is {JobState.Name(job.state)}: it cannot be {what}",
        )
