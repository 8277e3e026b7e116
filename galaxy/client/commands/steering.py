"""`scale`, `suspend`, `resume`, `restart`: jobs that run on, otherwise."""

from __future__ import annotations

import uuid

import click

from galaxy.client import sentences
from galaxy.client.command import ClusterCommand, Output, named, shaped
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import (
    RestartJobRequest,
    ResumeJobRequest,
    ScaleJobRequest,
    SuspendJobRequest,
)


@click.command("scale", cls=ClusterCommand)
@click.argument("job", type=named)
@click.argument("replica", type=click.IntRange(min=0), metavar="N")
@shaped
@click.pass_obj
def scale_command(session: Session, output: Output, job: str, replica: int) -> None:
    """Let a job have N pods from now on."""
    leader = session.leader()
    job_id = leader.job_id(job)
    request = ScaleJobRequest(job_id=job_id, replica=replica)
    leader.ask(lambda master: master.scale_job(request), look=f"galaxy show {job_id}")
    document = {"job_id": job_id, "replica": replica}
    output.show(session, sentences.SCALED, lambda: document)


@click.command("suspend", cls=ClusterCommand)
@click.argument("job", type=named)
@shaped
@click.pass_obj
def suspend_command(session: Session, output: Output, job: str) -> None:
    """Stop a job's pods, until it is resumed."""
    leader = session.leader()
    job_id = leader.job_id(job)
    request = SuspendJobRequest(job_id=job_id)
    leader.ask(lambda master: master.suspend_job(request), look=f"galaxy show {job_id}")
    document = {"job_id": job_id}
    output.show(session, sentences.SUSPENDED, lambda: document)


@click.command("resume", cls=ClusterCommand)
@click.argument("job", type=named)
@shaped
@click.pass_obj
def resume_command(session: Session, output: Output, job: str) -> None:
    """Let a suspended job run again."""
    leader = session.leader()
    job_id = leader.job_id(job)
    request = ResumeJobRequest(job_id=job_id)
    leader.ask(lambda master: master.resume_job(request), look=f"galaxy show {job_id}")
    document = {"job_id": job_id}
    output.show(session, sentences.RESUMED, lambda: document)


@click.command("restart", cls=ClusterCommand)
@click.argument("job", type=named)
@click.option(
    "--step",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many pods may be out at once; else as in an update.",
)
@shaped
@click.pass_obj
def restart_command(session: Session, output: Output, job: str, step: int | None) -> None:
    """
    Restart a job's pods, by steps.

    The master does it; nobody need wait.
    """
    leader = session.leader()
    job_id = leader.job_id(job)
    request = RestartJobRequest(job_id=job_id, step=step, request_id=uuid.uuid4().hex)
    leader.ask(lambda master: master.restart_job(request), look=f"galaxy show {job_id}")
    document = {"job_id": job_id}
    output.show(session, sentences.RESTARTED, lambda: document)
