"""`pods` and `tasks`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from galaxy.client import tables, views
from galaxy.client.command import ClusterCommand, Output, named, reads, told
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import ShowPodRequest, ShowTaskRequest

_NOTHING = (
    "galaxy: there are none at the moment; --dead shows what agents keep of those that are gone"
)


@click.command("pods", cls=ClusterCommand)
@click.option(
    "-j", "--job", type=named, metavar="JOB", help="Of this job: an id, its beginning, or a name."
)
@click.option("-n", "--name", type=named, metavar="NAME", help="Of the jobs of this name.")
@click.option("-e", "--agent", type=named, metavar="AGENT", help="On this agent.")
@click.option("--dead", is_flag=True, help="Also what agents keep of those that are gone.")
@reads
@click.pass_obj
def pods_command(
    session: Session,
    output: Output,
    *,
    job: str | None,
    name: str | None,
    agent: str | None,
    dead: bool,
) -> None:
    """List pods, of a job or of an agent."""
    if not (job or name or agent):
        raise click.UsageError("-j, -n or -e is required")
    if dead and not (job or name):
        raise click.UsageError("--dead needs -j or -n: of which job?")
    request = ShowPodRequest(job_id=job, name=name, endpoint=agent, dead=dead)

    def answer() -> list[views.Row]:
        shown = session.leader().ask(lambda master: master.show_pod(request))
        warn_of_silence(shown.silent_agents)
        if not (shown.pods or dead or agent):
            told(_NOTHING)
        return [views.pod(each) for each in shown.pods]

    output.show(session, tables.PODS, answer)


@click.command("tasks", cls=ClusterCommand)
@click.option(
    "-j", "--job", type=named, metavar="JOB", help="Of this job: an id, its beginning, or a name."
)
@click.option("-e", "--agent", type=named, metavar="AGENT", help="On this agent.")
@click.option("-p", "--pod", type=named, metavar="POD", help="Of this pod.")
@click.option("--dead", is_flag=True, help="Also how those of pods ended that are gone.")
@reads
@click.pass_obj
def tasks_command(
    session: Session,
    output: Output,
    *,
    job: str | None,
    agent: str | None,
    pod: str | None,
    dead: bool,
) -> None:
    """List tasks: their processes, and how the last ones ended."""
    if not (job or agent or pod):
        raise click.UsageError("-j, -e or -p is required")
    if dead and not (job or pod):
        raise click.UsageError("--dead needs -j or -p: of which job?")
    request = ShowTaskRequest(job_id=job, endpoint=agent, pod_id=pod, dead=dead)

    def answer() -> list[views.Row]:
        shown = session.leader().ask(lambda master: master.show_task(request))
        warn_of_silence(shown.silent_agents)
        if not (shown.tasks or dead or agent):
            told(_NOTHING)
        return [views.task(each) for each in shown.tasks]

    output.show(session, tables.TASKS, answer)


def warn_of_silence(agents: Iterable[str]) -> None:
    """Say whose word is missing from what is shown."""
    if silent := ", ".join(agents):
        told(f"galaxy: no details from {silent}: no answer in time")
