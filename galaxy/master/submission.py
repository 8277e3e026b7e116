"""
What is to be done with a job that somebody wants to submit or to end. Pure.

Called by `service` before anything is written; what passes here is written to
the nexus as it is.
"""

from __future__ import annotations

from galaxy.defaults import with_defaults
from galaxy.descriptions import problems
from galaxy.master.directory import Directory
from galaxy.master.jobs import Job, Version
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import JobDescriptor, PodDescriptor, Status


def check_submission(directory: Directory, asked: JobDescriptor) -> None:
    """
    Refuse a job that cannot be; GalaxyError.

    kInputError lists all that is wrong with the description; kJobSubmitFail
    names the live job that has the name already.
    """
    found = problems(asked)
    if found:
        listed = "; ".join(f"{problem.path}: {problem.text}" for problem in found)
        raise GalaxyError(Status.kInputError, listed)
    owner = directory.owner(asked.name)
    if owner is not None:
        raise GalaxyError(
            Status.kJobSubmitFail,
            f"there is a job named {asked.name!r} already: {owner}. Kill or update that one,"
            " or take another name",
        )


def new_job(job_id: str, asked: JobDescriptor, request_id: str, now: float) -> Job:
    """The job that a sound description makes."""
    descriptor = with_defaults(asked)
    pod = PodDescriptor()
    pod.CopyFrom(descriptor.pod)
    descriptor.ClearField("pod")
    return Job(
        job_id,
        descriptor,
        [Version.of(1, pod, now)],
        create_time=now,
        update_time=now,
        request_id=request_id,
    )
