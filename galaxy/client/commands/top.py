"""`top`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

import click
from attrs import evolve

from galaxy.client.command import ClusterCommand, Output, named, reads
from galaxy.client.commands.pods import warn_of_silence
from galaxy.client.layout import Row
from galaxy.client.session import Session
from galaxy.client.usage import AGENT_USE, POD_USE, agent_use, busiest_first, pod_use
from galaxy.protocol.master_pb2 import ListAgentsRequest, ShowPodRequest

_EVERY_S = 2.0  # agents sample as often
_NOT_ROWS = 3  # lines of a screen: the titles, the line below them, the prompt


@click.command("top", cls=ClusterCommand)
@click.option(
    "-j", "--job", type=named, metavar="JOB", help="Of this job: an id, its beginning, or a name."
)
@click.option("-e", "--agent", type=named, metavar="AGENT", help="On this agent.")
@reads
@click.pass_obj
def top_command(session: Session, output: Output, *, job: str | None, agent: str | None) -> None:
    """Show who uses most: agents, or the pods of one or of a job."""
    on_screen = sys.stdout.isatty() and output.form in {"table", "wide"}
    if on_screen and output.every_s is None:
        output = evolve(output, every_s=_EVERY_S)

    def agents() -> list[Row]:
        listed = session.leader().ask(lambda master: master.list_agents(ListAgentsRequest()))
        return fitting(map(agent_use, listed.agents))

    def pods() -> list[Row]:
        request = ShowPodRequest(job_id=job, endpoint=agent)
        shown = session.leader().ask(lambda master: master.show_pod(request))
        warn_of_silence(shown.silent_agents)
        return fitting(pod_use(each) for each in shown.pods if each.endpoint)

    def fitting(rows: Iterable[Row]) -> list[Row]:
        most = shutil.get_terminal_size().lines - _NOT_ROWS if on_screen else None
        return busiest_first(rows)[:most]

    if job or agent:
        output.show(session, POD_USE, pods)
    else:
        output.show(session, AGENT_USE, agents)
