"""`update`: a new version, and what is done with it on its way."""

from __future__ import annotations

import uuid
from pathlib import Path

import click

from galaxy.client import sentences
from galaxy.client.command import ClusterCommand, Output, named, shaped
from galaxy.client.commands.files import read_sound
from galaxy.client.session import Session
from galaxy.protocol import master_pb2 as pb
from galaxy.protocol.master_pb2 import SteerUpdateRequest, UpdateJobRequest, UpdateSteering

_DEADLINE_S = 30.0


@click.command("update", cls=ClusterCommand)
@click.option(
    "-j", "--job", type=named, metavar="JOB", required=True, help="An id, its beginning, or a name."
)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), help="What it is to be.")
@click.option(
    "--breakpoint",
    "stop_at",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pause when so many pods have been moved.",
)
@click.option("--pause", is_flag=True, help="Move no more pods for now.")
@click.option("--continue", "go_on", is_flag=True, help="Go on after a pause or a breakpoint.")
@click.option(
    "--rollback",
    "back_to",
    is_flag=False,
    flag_value="",
    metavar="[VERSION]",
    help="Go back to a version that is kept, or to the one before.",
)
@shaped
@click.pass_obj
def update_command(
    session: Session,
    output: Output,
    *,
    job: str,
    path: Path | None,
    stop_at: int | None,
    pause: bool,
    go_on: bool,
    back_to: str | None,
) -> None:
    """
    Bring a job to what a file says, by steps.

    An update may be paused, continued, and rolled back.
    """
    if [path is not None, pause, go_on, back_to is not None].count(True) != 1:
        raise click.UsageError("say one of -f FILE, --pause, --continue, --rollback [VERSION]")
    if stop_at is not None and path is None:
        raise click.UsageError("--breakpoint goes with -f FILE")
    if path is not None:
        _update(session, output, job, path, stop_at or 0)
    elif pause:
        _steer(session, output, job, pb.kSteerPause)
    elif go_on:
        _steer(session, output, job, pb.kSteerContinue)
    else:
        _steer(session, output, job, pb.kSteerRollback, back_to or "")


def _update(session: Session, output: Output, job: str, path: Path, stop_at: int) -> None:
    asked, leader = read_sound(path), session.leader()
    job_id = leader.job_id(job)
    request = UpdateJobRequest(
        job_id=job_id, job=asked, breakpoint=stop_at, request_id=uuid.uuid4().hex
    )
    answer = leader.ask(
        lambda master: master.update_job(request, deadline_s=_DEADLINE_S),
        look=f"galaxy show {job_id}",
    )
    document = {"job_id": answer.job_id, "version": answer.version, "changed": answer.changed}
    output.show(session, sentences.UPDATED, lambda: document)


def _steer(
    session: Session, output: Output, job: str, steering: UpdateSteering, version: str = ""
) -> None:
    leader = session.leader()
    job_id = leader.job_id(job)
    request = SteerUpdateRequest(
        job_id=job_id, steering=steering, version=version, request_id=uuid.uuid4().hex
    )
    answer = leader.ask(lambda master: master.steer_update(request), look=f"galaxy show {job_id}")
    document = {"job_id": answer.job_id, "version": answer.version}
    output.show(session, _STEERED[steering], lambda: document)


_STEERED = {
    pb.kSteerPause: sentences.PAUSED,
    pb.kSteerContinue: sentences.CONTINUED,
    pb.kSteerRollback: sentences.ROLLED_BACK,
}
