"""`events`: what happened, and what happens."""

from __future__ import annotations

import json

import click

from galaxy.client import happenings
from galaxy.client.command import ClusterCommand, Output, named, reads, told
from galaxy.client.layout import Row, laid_out
from galaxy.client.leader import Unreachable
from galaxy.client.moments import moment_in
from galaxy.client.session import Session
from galaxy.names import parse_pod_id
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import Events, ShowJobRequest, ShowPodRequest, WatchEventsRequest
from galaxy.protocol.services import BlockingMasterStub
from galaxy.protocol.statuses import GalaxyError

_CONNECTION = (pb.kRpcError, pb.kNotLeader, pb.kBusy)
_TRIES = 20  # of asking, once somebody was there, before nobody is taken to come back
_PAUSE_S = 1.0
_LOST = "galaxy: earlier events are not kept"


@click.command("events", cls=ClusterCommand)
@click.option(
    "-j", "--job", type=named, metavar="JOB", help="Of this job: an id, its beginning, or a name."
)
@click.option("-p", "--pod", type=named, metavar="POD", help="Of this pod.")
@click.option("-e", "--agent", type=named, metavar="AGENT", help="Of this agent.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens; json: one a line.")
@click.option(
    "--since", metavar="T", help="Not before: seconds since the epoch, or as 90s, 10m, 2h, 1d."
)
@reads
@click.pass_obj
def events_command(
    session: Session,
    output: Output,
    *,
    job: str | None,
    pod: str | None,
    agent: str | None,
    follow: bool,
    since: str | None,
) -> None:
    """Tell what happened to jobs, pods, tasks and agents."""
    try:
        moment = moment_in(since, session.clock()) if since else 0.0
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    request = WatchEventsRequest(
        job_id=job, pod_id=pod, endpoint=agent, since=moment, follow=follow
    )
    if follow:
        _follow(session, request, output.form)
    else:
        output.show(session, happenings.EVENTS, lambda: _events_of_somebody(session, request))


def kept_events(session: Session, request: WatchEventsRequest) -> list[Row]:
    """The rows of what the master has kept; earlier ones that are lost are told of."""

    def whole(master: BlockingMasterStub) -> list[Events]:
        return list(master.watch_events(request))

    answers = session.leader().ask(whole)
    if any(answer.lost for answer in answers):
        told(_LOST)
    events = [event for answer in answers for event in answer.events]
    return list(happenings.rows(events, request.pod_id))


def _events_of_somebody(session: Session, request: WatchEventsRequest) -> list[Row]:
    """
    The rows; GalaxyError if neither the master nor any event knows the job, or the agent.

    Events outlive those that they are of, which need not be there to be asked about.
    """
    rows = kept_events(session, request)
    if rows:
        return rows
    try:
        session.leader().ask(lambda master: _ask_after(master, request))
    except GalaxyError as error:
        if error.status not in {pb.kJobNotFound, pb.kAgentNotFound}:
            raise
        ever = WatchEventsRequest()
        ever.CopyFrom(request)
        ever.since = 0.0
        if not kept_events(session, ever):
            raise
    return rows


def _ask_after(master: BlockingMasterStub, request: WatchEventsRequest) -> None:
    """Learn whether there is what events are asked of."""
    if job := request.job_id or _job_of(request.pod_id):
        master.show_job(ShowJobRequest(job_id=job))
    elif request.endpoint:
        master.show_pod(ShowPodRequest(endpoint=request.endpoint))


def _job_of(pod: str) -> str:
    try:
        return parse_pod_id(pod)[0]
    except ValueError:
        return ""


def _follow(session: Session, request: WatchEventsRequest, form: str) -> None:
    """Print events as they come, through lost connections and new leaders."""
    reader = happenings.Reader(request.since)
    reached, tries = False, _TRIES

    def pump(master: BlockingMasterStub) -> None:
        nonlocal reached, tries
        reached = True
        request.since = reader.since
        for answer in master.watch_events(request):
            tries = _TRIES
            if answer.lost:
                told(_LOST)
            for row in happenings.rows(reader.unread(answer.events), request.pod_id):
                click.echo(_as_it_comes(row, form), nl=False)

    while True:
        try:
            session.leader().ask(pump)
        except (GalaxyError, Unreachable) as error:
            again = isinstance(error, Unreachable) or error.status in _CONNECTION
            if not (reached and tries and again):
                raise
            if tries == _TRIES:
                told(f"galaxy: {error}; asking again")
            tries -= 1
        session.sleep(_PAUSE_S)


def _as_it_comes(row: Row, form: str) -> str:
    match form:
        case "table" | "wide":
            return happenings.line(row)
        case "json":
            return f"{json.dumps(row)}\n"
        case _:
            return laid_out(happenings.EVENTS, [row], form)
