"""`why`: what keeps a job from running."""

from __future__ import annotations

import click

from galaxy.client.command import ClusterCommand, Output, reads
from galaxy.client.forecast import WHY, explained
from galaxy.client.session import Session
from galaxy.client.views import Row
from galaxy.protocol.master_pb2 import ExplainRequest


@click.command("why", cls=ClusterCommand)
@click.argument("job_or_pod")
@reads
@click.pass_obj
def why_command(session: Session, output: Output, job_or_pod: str) -> None:
    """Tell what keeps a job or a pod from running."""
    request = ExplainRequest(target=job_or_pod)

    def answer() -> Row:
        return explained(session.leader().ask(lambda master: master.explain(request)))

    output.show(session, WHY, answer)
