"""`submit`, `jobs`, `show`, `kill`."""

from __future__ import annotations

import getpass
import uuid
from pathlib import Path

import click

from galaxy.client import exits, sentences, tables, views
from galaxy.client.command import ClusterCommand, Failure, Output, named, reads, shaped, told
from galaxy.client.commands.events import kept_events
from galaxy.client.commands.files import read_sound, the_files_fault
from galaxy.client.commands.pods import warn_of_silence
from galaxy.client.leader import Doubtful
from galaxy.client.session import Session
from galaxy.client.waiting import Progress, progress
from galaxy.protocol.master_pb2 import (
    JobOverview,
    ListJobsRequest,
    ShowJobRequest,
    ShowPodRequest,
    SubmitJobRequest,
    TerminateJobRequest,
    WatchEventsRequest,
)
from galaxy.protocol.types_pb2 import kJobNotFound

_SUBMIT_DEADLINE_S = 30.0
_POLL_S = 0.2
_REASONS = 5  # told of a job that did not come up in time


@click.command("submit", cls=ClusterCommand)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True)
@click.option("--wait", is_flag=True, help="Until all replicas run and are healthy.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="S",
    help="How long --wait waits, in seconds.",
)
@shaped
@click.pass_obj
def submit_command(
    session: Session, output: Output, path: Path, wait: bool, timeout: float
) -> None:
    """Submit the job that a file describes."""
    job = read_sound(path)
    job.user = job.user or _me()
    request = SubmitJobRequest(job=job, request_id=uuid.uuid4().hex)
    with the_files_fault(path):
        answer = session.leader().ask(
            lambda master: master.submit_job(request, deadline_s=_SUBMIT_DEADLINE_S),
            look="galaxy jobs",
        )
    document = {"job_id": answer.job_id, "name": job.name, "version": answer.version}
    output.show(session, sentences.SUBMITTED, lambda: document)
    if wait:
        wait_until_healthy(session, answer.job_id, timeout)


def _me() -> str:
    """Whose job it is when the file does not say."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return ""


def wait_until_healthy(session: Session, job_id: str, timeout_s: float) -> None:
    """Tell how a job comes up, until all of it is. Raises `Failure` with NOT_HEALTHY."""
    deadline = session.elapsed() + timeout_s
    last_told = ""
    while True:
        job = _overview(session, job_id)
        now = progress(job)
        if now.state is Progress.FAILED:
            raise Failure(exits.NOT_HEALTHY, now.text)
        if now.text != last_told:
            told(now.text)
            last_told = now.text
        if now.state is Progress.DONE:
            return
        if session.elapsed() >= deadline:
            reasons = "".join(f"\n  {reason}" for reason in _reasons(session, job_id))
            raise Failure(exits.NOT_HEALTHY, f"not after {timeout_s:g} s: {now.text}{reasons}")
        session.sleep(_POLL_S)


def _reasons(session: Session, job_id: str) -> list[str]:
    """What the pods that are not healthy say, each sentence once."""
    request = ShowPodRequest(job_id=job_id)
    pods = session.leader().ask(lambda master: master.show_pod(request)).pods
    rows = [views.pod(pod) for pod in pods if not pod.healthy]
    first = {row["reason"]: row["pod_id"] for row in reversed(rows) if row["reason"]}
    return [f"{pod_id}: {reason}" for reason, pod_id in list(first.items())[:_REASONS]]


def _overview(session: Session, job_id: str) -> JobOverview:
    request = ShowJobRequest(job_id=job_id)
    return session.leader().ask(lambda master: master.show_job(request)).job


@click.command("jobs", cls=ClusterCommand)
@reads
@click.pass_obj
def jobs_command(session: Session, output: Output) -> None:
    """List the jobs."""

    def answer() -> list[views.Row]:
        listed = session.leader().ask(lambda master: master.list_jobs(ListJobsRequest()))
        if silent := max((each.awaited for each in listed.jobs), default=0):
            told(
                f"galaxy: {silent} of the agents have not reported to this master yet:"
                " counts are of what is known"
            )
        return [views.job(each) for each in listed.jobs]

    output.show(session, tables.JOBS, answer)


@click.command("show", cls=ClusterCommand)
@click.argument("job", type=named)
@reads
@click.pass_obj
def show_command(session: Session, output: Output, job: str) -> None:
    """Show one job: what was asked for, and what became of it."""

    def answer() -> views.Row:
        leader = session.leader()
        shown = leader.ask(lambda master: master.show_job(ShowJobRequest(job_id=job)))
        request = ShowPodRequest(job_id=shown.job.job_id, dead=True)
        answered = leader.ask(lambda master: master.show_pod(request))
        warn_of_silence(answered.silent_agents)
        events = kept_events(session, WatchEventsRequest(job_id=shown.job.job_id))
        pods = [views.pod(each) for each in answered.pods if not each.dead]
        return views.shown_job(shown, pods, events, views.last_failure(answered.pods))

    output.show(session, tables.SHOW, answer)


@click.command("kill", cls=ClusterCommand)
@click.option(
    "-j",
    "--job",
    "option",
    type=named,
    metavar="JOB",
    help="The job: an id, its beginning, a name.",
)
@click.argument("job", type=named, required=False)
@shaped
@click.pass_obj
def kill_command(session: Session, output: Output, option: str | None, job: str | None) -> None:
    """
    Terminate a job.

    Its pods are stopped as they ask for, and removed.
    """
    if bool(option) == bool(job):
        raise click.UsageError("-j JOB is required")
    leader = session.leader()
    job_id = leader.job_id(option or job or "")
    request = TerminateJobRequest(job_id=job_id)
    try:
        leader.ask(lambda master: master.terminate_job(request), look=f"galaxy show {job_id}")
    except Doubtful as error:
        if error.status != kJobNotFound:
            raise
    output.show(session, sentences.KILLED, lambda: {"job_id": job_id})
