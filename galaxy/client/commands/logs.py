"""
`logs`: what tasks have written, straight from the agents that run them.

The master only tells where pods are; what they write never passes through it.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator

import click
from attrs import frozen

from galaxy.client import exits
from galaxy.client.command import ClusterCommand, Failure, named, told
from galaxy.client.lines import Prefixed
from galaxy.client.session import Session
from galaxy.names import parse_pod_id
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import LogChunk, ReadLogRequest
from galaxy.protocol.master_pb2 import PodOverview, ShowPodRequest
from galaxy.protocol.services import BlockingAgentStub
from galaxy.protocol.statuses import GalaxyError

_AHEAD = 64  # chunks read ahead of the terminal, over all pods


@frozen
class _Source:
    endpoint: str
    prefix: str
    request: ReadLogRequest


@frozen
class _Broken:
    source: _Source
    error: GalaxyError


@click.command("logs", cls=ClusterCommand)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("--stderr", is_flag=True, help="What went to stderr, instead of stdout.")
@click.option(
    "--tail",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the last N lines of each task.",
)
@click.argument("job_or_pod", type=named)
@click.argument("task", required=False, default="")
@click.pass_obj
def logs_command(
    session: Session, *, follow: bool, stderr: bool, tail: int | None, job_or_pod: str, task: str
) -> None:
    """Print what the tasks of a job or a pod have written."""
    pods = _pods(session, job_or_pod)
    placed = [pod for pod in pods if pod.endpoint]
    if not placed:
        raise Failure(exits.NOT_FOUND, f"no pod of {job_or_pod} is on an agent")
    several = len(placed) > 1
    sources = [
        _Source(
            pod.endpoint,
            f"{pod.pod_id} " if several else "",
            ReadLogRequest(
                pod_id=pod.pod_id,
                task=task,
                stderr=stderr,
                follow=follow,
                tail_lines=tail or 0,
            ),
        )
        for pod in placed
    ]
    out = sys.stdout.buffer
    codes = set()
    together = several and follow
    for event in _together(session, sources) if together else _in_turn(session, sources):
        if isinstance(event, _Broken):
            told(f"galaxy: {event.source.request.pod_id}: {event.error}")
            codes.add(exits.exit_code(event.error.status))
        else:
            out.write(event)
            out.flush()
    if codes:
        # A task that no pod has is not there; anything else is half an answer.
        code = exits.NOT_FOUND if codes == {exits.NOT_FOUND} else exits.FAILED
        raise Failure(code, "not all logs could be read to their end")


def _pods(session: Session, wanted: str) -> list[PodOverview]:
    """The pods that JOB or JOB.INDEX names; a job is told by id, beginning of it, or name."""
    leader = session.leader()
    try:
        job, index = parse_pod_id(wanted)
    except ValueError:
        pass
    else:
        try:
            shown = leader.ask(lambda master: master.show_pod(ShowPodRequest(job_id=job)))
        except GalaxyError as error:
            if error.status not in (pb.kJobNotFound, pb.kNotFound):
                raise
        else:
            found = [pod for pod in shown.pods if pod.index == index]
            if not found:
                raise Failure(exits.NOT_FOUND, f"job {job} has no pod {index}")
            return found
    return list(leader.ask(lambda master: master.show_pod(ShowPodRequest(job_id=wanted))).pods)


def _in_turn(session: Session, sources: list[_Source]) -> Iterator[bytes | _Broken]:
    for source in sources:
        try:
            yield from _written(session, source)
        except GalaxyError as error:
            yield _Broken(source, error)


def _written(session: Session, source: _Source) -> Iterator[bytes]:
    peer = session.dial(source.endpoint)
    try:
        lines = Prefixed(source.prefix)
        chunk: LogChunk
        for chunk in BlockingAgentStub(peer).read_log(source.request):
            yield lines.feed(chunk.task_id, chunk.data)
        yield lines.rest()
    finally:
        peer.close()


def _together(session: Session, sources: list[_Source]) -> Iterator[bytes | _Broken]:
    """All sources at once, a thread each; lines stay whole."""
    events: queue.Queue[bytes | _Broken | None] = queue.Queue(_AHEAD)

    def read(source: _Source) -> None:
        for event in _in_turn(session, [source]):
            events.put(event)
        events.put(None)

    for source in sources:
        threading.Thread(target=read, args=(source,), daemon=True).start()
    open_sources = len(sources)
    while open_sources:
        event = events.get()
        if event is None:
            open_sources -= 1
        else:
            yield event
