"""`preempt`: an operator says who makes room for whom."""

from __future__ import annotations

from pathlib import Path

import click

from galaxy.client import sentences
from galaxy.client.command import ClusterCommand, Output, shaped
from galaxy.client.commands.files import mistakes, read_text
from galaxy.client.preemptfile import read_preempt
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import PreemptRequest


@click.command("preempt", cls=ClusterCommand)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True)
@shaped
@click.pass_obj
def preempt_command(session: Session, output: Output, path: Path) -> None:
    """Place a pod that waits where others make room."""
    request = _read(path)
    session.leader().ask(
        lambda master: master.preempt(request), look=f"galaxy why {request.pod_id}", once=True
    )
    document = {
        "pod_id": request.pod_id,
        "endpoint": request.endpoint,
        "victims": list(request.victim_ids),
    }
    output.show(session, sentences.PREEMPTED, lambda: document)


def _read(path: Path) -> PreemptRequest:
    file = read_preempt(read_text(path))
    if file.faults:
        raise mistakes(path, [fault.line(str(path)) for fault in file.faults])
    return file.request
