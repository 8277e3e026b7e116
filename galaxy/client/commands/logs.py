"""
`logs`: what tasks have written, straight from the agents that run them, or did.

The master only tells where pods are, and where what remains of dead ones is; what
they write never passes through it.
"""

from __future__ import annotations

import sys

import click

from galaxy.client import exits
from galaxy.client.command import ClusterCommand, Failure, named, told
from galaxy.client.logreader import Broken, Follower, in_turn, trails_of
from galaxy.client.session import Session
from galaxy.protocol.agent_pb2 import ReadLogRequest


@click.command("logs", cls=ClusterCommand)
@click.option(
    "-f",
    "--follow",
    is_flag=True,
    help="Go on with what is written from now on, wherever the pods go.",
)
@click.option("--stderr", is_flag=True, help="What went to stderr, instead of stdout.")
@click.option(
    "--previous", is_flag=True, help="Only what the attempt before the present one wrote."
)
@click.option(
    "--tail",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only the last N lines of each task; with -f, 0 is only what comes.",
)
@click.argument("job_or_pod", type=named)
@click.argument("task", required=False, default="")
@click.pass_obj
def logs_command(
    session: Session,
    *,
    follow: bool,
    stderr: bool,
    previous: bool,
    tail: int | None,
    job_or_pod: str,
    task: str,
) -> None:
    """
    Print what the tasks of a job or a pod have written.

    Over all attempts, also of pods that are gone, as long as their agents keep it.
    """
    if follow and previous:
        raise click.UsageError("--previous is over: there is nothing to follow")
    tail_lines = {None: 0, 0: -1}.get(tail, tail)  # of the message 0 is all of it
    asked = ReadLogRequest(task=task, stderr=stderr, tail_lines=tail_lines, previous=previous)
    found = trails_of(session, job_or_pod)
    several = len(found) > 1
    if not any(trail.stops for trail in found) and not (follow and found):
        raise Failure(exits.NOT_FOUND, f"no pod of {job_or_pod} is on an agent, or has left logs")
    follower = Follower(session, job_or_pod, asked, several=several)
    events = follower.events(found) if follow else in_turn(session, found, asked, several=several)
    out = sys.stdout.buffer
    codes, read = set(), False
    for event in events:
        if isinstance(event, Broken):
            told(f"galaxy: {event.source.request.pod_id}: {event.error}")
            codes.add(exits.exit_code(event.error.status))
        else:
            read = read or bool(event)
            out.write(event)
            out.flush()
    if codes:
        # No pod has that task, or nobody was there to be asked; anything else is half an answer.
        whole = {exits.NOT_FOUND} if read else {exits.NOT_FOUND, exits.UNREACHABLE}
        code = codes.pop() if len(codes) == 1 and codes <= whole else exits.FAILED
        raise Failure(code, "not all logs could be read to their end")
