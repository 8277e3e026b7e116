"""`agents` and `status`."""

from __future__ import annotations

import click

from galaxy.client import tables, views
from galaxy.client.command import ClusterCommand, Output, reads
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import GetStatusRequest, ListAgentsRequest


@click.command("agents", cls=ClusterCommand)
@reads
@click.pass_obj
def agents_command(session: Session, output: Output) -> None:
    """List the machines: state, use, isolation."""

    def answer() -> list[views.Row]:
        listed = session.leader().ask(lambda master: master.list_agents(ListAgentsRequest()))
        return [views.agent(each) for each in listed.agents]

    output.show(session, tables.AGENTS, answer)


@click.command("status", cls=ClusterCommand)
@reads
@click.pass_obj
def status_command(session: Session, output: Output) -> None:
    """Tell how the whole cluster is."""

    def answer() -> views.Row:
        return views.status(session.leader().ask(lambda m: m.get_status(GetStatusRequest())))

    output.show(session, tables.STATUS, answer)
