"""`why` and `plan`: what scheduling would do, without doing it."""

from __future__ import annotations

from pathlib import Path

import click

from galaxy.client.command import ClusterCommand, Output, named, reads, shaped
from galaxy.client.commands.files import read_sound, the_files_fault
from galaxy.client.forecast import PLAN, WHY, explained, planned
from galaxy.client.session import Session
from galaxy.client.views import Row
from galaxy.protocol.master_pb2 import ExplainRequest, PlanJobRequest

_CHANGES = 1


@click.command("why", cls=ClusterCommand)
@click.argument("job_or_pod", type=named)
@reads
@click.pass_obj
def why_command(session: Session, output: Output, job_or_pod: str) -> None:
    """Tell what keeps a job or a pod from running."""
    request = ExplainRequest(target=job_or_pod)

    def answer() -> Row:
        return explained(session.leader().ask(lambda master: master.explain(request)))

    output.show(session, WHY, answer)


@click.command("plan", cls=ClusterCommand)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True)
@shaped
@click.pass_context
def plan_command(context: click.Context, output: Output, path: Path) -> None:
    """
    Tell what a job file would do.

    The job of that name would be updated; without one, a new job submitted.
    Ends with 0 if it would change nothing, with 1 if it would.
    """
    session: Session = context.obj
    request = PlanJobRequest(job=read_sound(path))
    with the_files_fault(path):
        document = planned(session.leader().ask(lambda master: master.plan_job(request)))
    output.show(session, PLAN, lambda: document)
    if document["changes"]:
        context.exit(_CHANGES)
