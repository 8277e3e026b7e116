"""When the wait for a submitted job is over. Pure."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import JobOverview


class Progress(Enum):
    """How far a job is."""

    GOING = "going"
    DONE = "done"
    FAILED = "failed"


@frozen
class Report:
    """How far, and the same in words."""

    state: Progress
    text: str


def progress(job: JobOverview) -> Report:
    """
    How far a job is on its way to run as it was asked to.

    A batch job's finished replicas count as well as healthy ones. A kSystem job
    has as many replicas as there are agents for it, which only its pods tell.
    """
    if job.state in (pb.kJobFailed, pb.kJobTerminated, pb.kJobSuspended):
        word = pb.JobState.Name(job.state)
        return Report(Progress.FAILED, f"{job.job_id} is {word}: {job.reason or 'no reason given'}")
    if job.state == pb.kJobFinished:
        return Report(Progress.DONE, f"{job.job_id} has finished")
    wanted = job.replica
    if job.type == pb.kSystem:
        wanted = max(job.replica, 1, job.running + job.pending + job.deploying + job.death)
    good = job.healthy + job.finished
    if good >= wanted and not job.pending and not job.deploying:
        return Report(Progress.DONE, f"{good} of {wanted} healthy")
    counts = (("pending", job.pending), ("deploying", job.deploying), ("failed", job.failed))
    parts = [f"{number} {word}" for word, number in counts if number]
    text = ", ".join([f"{good} of {wanted} healthy", *parts])
    return Report(Progress.GOING, f"{text}: {job.reason}" if job.reason else text)
