"""
What of a job can change while it lives. Pure.

Whoever wants a change makes an `Amendment`: all of that as it is to be. It is
written to the nexus first; then `amend` makes it so.
"""

from __future__ import annotations

from attrs import evolve, frozen

from galaxy.master.events import Journal
from galaxy.master.jobs import Job, Version
from galaxy.master.rollout import UPDATE_STATES, Update
from galaxy.protocol.types_pb2 import JobDescriptor, JobUpdateState

VERSIONS_KEPT = 10
REQUESTS_KEPT = 8


@frozen
class Amendment:
    """What may change of a job, as it is to be. `why`: a few words for people."""

    why: str
    descriptor: JobDescriptor  # without the pod
    versions: tuple[Version, ...]  # the last is the one that is wanted
    update: Update
    generation: int
    restart_step: int
    requests: tuple[str, ...] = ()  # the ids of the latest that changed it
    described_anew: bool = False  # agents are to hear of what they know of the job again


class IllegalUpdateState(Exception):
    """An update cannot go from its state to that one: a mistake in the master's code."""


def as_it_is(job: Job, why: str) -> Amendment:
    """The amendment that changes nothing, to be evolved."""
    return Amendment(
        why,
        job.descriptor,
        tuple(job.versions),
        job.update,
        job.generation,
        job.restart_step,
        job.requests,
    )


def asked_by(amendment: Amendment, request_id: str) -> Amendment:
    """The amendment, with a note that this request made it."""
    if not request_id:
        return amendment
    return evolve(amendment, requests=(*amendment.requests, request_id)[-REQUESTS_KEPT:])


def wanting(job: Job, version: Version, *, complete: bool) -> tuple[Version, ...]:
    """
    The job's versions when that one is wanted: it comes last.

    The oldest beyond VERSIONS_KEPT go, but none that a pod has; none at all while
    it is not known what pods there are (`complete`).
    """
    versions = [each for each in job.versions if each is not version]
    if complete and len(versions) >= VERSIONS_KEPT:
        used = {pod.version for pod in job.pods.values()}
        used |= {job.latest, job.version(job.update.back_to) or job.latest}
        excess = len(versions) + 1 - VERSIONS_KEPT
        old = [each for each in versions if each not in used][:excess]
        versions = [each for each in versions if each not in old]
    return (*versions, version)


def amend(journal: Journal, job: Job, amendment: Amendment, actor: str, now: float) -> None:
    """Make it so. Every count that depends on it is taken anew."""
    before, after = job.update.state, amendment.update.state
    if before != after and after not in UPDATE_STATES[before]:
        raise IllegalUpdateState(
            f"the update of {job.job_id} cannot go from {JobUpdateState.Name(before)}"
            f" to {JobUpdateState.Name(after)}"
        )
    if (before, job.update.time) != (after, amendment.update.time):
        job.complaint = ""  # it spoke against what is over
        job.updating_since = now
    spread_before = job.max_per_host
    job.descriptor = amendment.descriptor
    job.versions = list(amendment.versions)
    job.update = amendment.update
    job.generation = amendment.generation
    job.restart_step = amendment.restart_step
    job.requests = amendment.requests
    job.update_time = now
    job.read_descriptor()
    job.behind = {pod.index for pod in job.pods.values() if job.is_behind(pod)}
    if bool(spread_before) != bool(job.max_per_host):
        _count_hosts(job)
    if amendment.described_anew:
        for version in job.versions:
            version.description = None
    journal.amended(job, before, amendment.why, actor, now)


def _count_hosts(job: Job) -> None:
    job.on_agents.clear()
    for pod in job.pods.values():
        if pod.agent is not None:
            job.count_on(pod.agent, 1)
