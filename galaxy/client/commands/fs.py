"""`fs`: the files of a pod, straight from the agent that has them; also of one that is dead."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from galaxy.client import exits
from galaxy.client.command import ClusterCommand, Failure, Output, named, shaped, told
from galaxy.client.fileviews import FILES, file
from galaxy.client.layout import Row
from galaxy.client.logreader import trails_of
from galaxy.client.session import Session
from galaxy.protocol.agent_pb2 import (
    FileChunk,
    ListFilesRequest,
    ListFilesResponse,
    ReadFileRequest,
)
from galaxy.protocol.services import BlockingConsoleStub

_agent = click.option(
    "-e",
    "--agent",
    metavar="HOST:PORT",
    help="The agent that has them, if the pod is not known any more.",
)


@click.group("fs")
def fs_command() -> None:
    """Look at the files of a pod."""


@fs_command.command("ls", cls=ClusterCommand)
@_agent
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.argument("pod", type=named)
@click.argument("path", default="")
@shaped
@click.pass_obj
def ls_command(
    session: Session, *, agent: str | None, limit: int, pod: str, path: str, output: Output
) -> None:
    """List a directory of a pod; PATH begins at the pod's own directory."""
    rows: list[Row] = []
    with _console(session, pod, agent) as (console, pod_id):
        page: ListFilesResponse
        request = ListFilesRequest(pod_id=pod_id, path=os.fsencode(path))
        for page in console.list_files(request):
            rows.extend(map(file, page.entries))
            if len(rows) > limit:
                break
    if len(rows) > limit:
        del rows[limit:]
        told(f"galaxy: there are more than these {limit}, in no order; --limit shows more")
    output.show(session, FILES, lambda: sorted(rows, key=lambda row: str(row["name"])))


@fs_command.command("cat", cls=ClusterCommand)
@_agent
@click.argument("pod", type=named)
@click.argument("path", type=named)
@click.pass_obj
def cat_command(session: Session, *, agent: str | None, pod: str, path: str) -> None:
    """Print a file of a pod as it is."""
    with _console(session, pod, agent) as (console, pod_id):
        chunk: FileChunk
        for chunk in console.read_file(ReadFileRequest(pod_id=pod_id, path=os.fsencode(path))):
            sys.stdout.buffer.write(chunk.data)
            sys.stdout.buffer.flush()


def _place(session: Session, word: str) -> tuple[str, str]:
    """The agent that has a pod, or had it last and keeps its directory; and the pod's id."""
    found = [trail for trail in trails_of(session, word) if trail.stops]
    if not found:
        raise Failure(exits.NOT_FOUND, f"no pod of {word} is on an agent, or has left files")
    if len(found) > 1:
        which = f"name one, like {found[0].pod_id}"
        raise Failure(exits.NOT_FOUND, f"{word} has {len(found)} pods: {which}")
    return found[0].stops[-1].endpoint, found[0].pod_id


@contextmanager
def _console(
    session: Session, pod: str, agent: str | None
) -> Iterator[tuple[BlockingConsoleStub, str]]:
    """Whom to ask, and the pod's id."""
    agent, pod_id = (agent, pod) if agent is not None else _place(session, pod)
    peer = session.dial_agent(agent)
    try:
        yield BlockingConsoleStub(peer), pod_id
    finally:
        peer.close()
