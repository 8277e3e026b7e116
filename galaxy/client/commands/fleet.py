"""`label`, `offline`, `online`: what operators say of machines."""

from __future__ import annotations

from pathlib import Path

import click

from galaxy.client import exits, sentences
from galaxy.client.agentlist import agents_in
from galaxy.client.command import ClusterCommand, Failure, Output, named, shaped, told
from galaxy.client.commands.files import mistakes, read_text
from galaxy.client.draining import Drain, drain
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import (
    LabelAgentsRequest,
    ListAgentsRequest,
    OfflineAgentRequest,
    OnlineAgentRequest,
    kLabelRemove,
    kLabelSet,
)

_POLL_S = 0.5


@click.command("label", cls=ClusterCommand)
@click.option("-l", "--label", metavar="LABEL", required=True)
@click.option(
    "-f", "--file", "path", type=click.Path(path_type=Path), help="Names agents, one a line."
)
@click.option(
    "-e", "--agent", "agents", type=named, multiple=True, metavar="AGENT", help="These agents."
)
@click.option("--remove", is_flag=True, help="Take the label from them; none named: from all.")
@click.argument("more", type=named, nargs=-1, metavar="[AGENT]...")
@shaped
@click.pass_obj
def label_command(
    session: Session,
    output: Output,
    *,
    label: str,
    path: Path | None,
    agents: tuple[str, ...],
    remove: bool,
    more: tuple[str, ...],
) -> None:
    """
    Say which agents carry a label.

    Those that are named do, and no others. Agents that are not there yet get it when they come.
    """
    if more and not agents:
        raise click.UsageError("agents are named with -e AGENT...")
    if path is not None and agents:
        raise click.UsageError("agents are named with -f or with -e, not with both")
    if not (path or agents or remove):
        raise click.UsageError("which agents? Name them with -f FILE or -e AGENT...")
    endpoints = _named_in(path) if path else (*agents, *more)
    change = kLabelRemove if remove else kLabelSet
    request = LabelAgentsRequest(label=label, change=change, endpoints=endpoints)
    session.leader().ask(lambda master: master.label_agents(request), look="galaxy agents")
    document = {"label": label, "removed": remove, "agents": list(endpoints)}
    output.show(session, sentences.LABELLED, lambda: document)


def _named_in(path: Path) -> tuple[str, ...]:
    listed = agents_in(read_text(path), str(path))
    if listed.mistakes:
        raise mistakes(path, listed.mistakes)
    return listed.endpoints


@click.command("offline", cls=ClusterCommand)
@click.option("-e", "--agent", type=named, metavar="AGENT", required=True)
@click.option("--wait", is_flag=True, help="Until all its pods have left.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="S",
    help="How long --wait waits, in seconds.",
)
@shaped
@click.pass_obj
def offline_command(
    session: Session, output: Output, *, agent: str, wait: bool, timeout: float | None
) -> None:
    """
    Empty an agent, by steps.

    It takes no more pods, and those it has move away.
    """
    request = OfflineAgentRequest(endpoint=agent)
    session.leader().ask(lambda master: master.offline_agent(request), look="galaxy agents")
    output.show(session, sentences.TAKEN_OFFLINE, lambda: {"endpoint": agent})
    if wait:
        wait_until_empty(session, agent, timeout)


def wait_until_empty(session: Session, endpoint: str, timeout_s: float | None) -> None:
    """Tell how an agent is drained, until it is."""
    deadline = None if timeout_s is None else session.elapsed() + timeout_s
    last_told = ""
    while True:
        listed = session.leader().ask(lambda master: master.list_agents(ListAgentsRequest()))
        now = drain(endpoint, listed.agents)
        if now.text != last_told:
            told(now.text)
            last_told = now.text
        if now.state is Drain.DONE:
            return
        if now.state is Drain.CALLED_OFF:
            raise Failure(exits.FAILED, now.text)
        if deadline is not None and session.elapsed() >= deadline:
            raise Failure(exits.TIMED_OUT, f"not after {timeout_s:g} s: {now.text}")
        session.sleep(_POLL_S)


@click.command("online", cls=ClusterCommand)
@click.option("-e", "--agent", type=named, metavar="AGENT", required=True)
@shaped
@click.pass_obj
def online_command(session: Session, output: Output, agent: str) -> None:
    """Let an agent have pods again."""
    request = OnlineAgentRequest(endpoint=agent)
    session.leader().ask(lambda master: master.online_agent(request), look="galaxy agents")
    output.show(session, sentences.BROUGHT_ONLINE, lambda: {"endpoint": agent})
