"""`stepdown`: another master leads from now on."""

from __future__ import annotations

import click

from galaxy.client import exits, sentences
from galaxy.client.command import ClusterCommand, Failure, Output, shaped
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import GetStatusRequest, StepDownRequest


@click.command("stepdown", cls=ClusterCommand)
@shaped
@click.pass_obj
def stepdown_command(session: Session, output: Output) -> None:
    """
    Let another master lead.

    As before work on the leader's machine: it takes no second, and no task notices.
    """
    leader = session.leader()
    before = leader.ask(lambda master: master.get_status(GetStatusRequest()))
    # It names the reign that is to end: sent again, it does not end the next one too.
    request = StepDownRequest(epoch=before.epoch)
    after = leader.ask(lambda master: master.step_down(request), look="galaxy status")
    if not after.leader:
        raise Failure(
            exits.TIMED_OUT,
            f"{before.leader} has stepped down, and nobody leads yet: look with `galaxy status`",
        )
    document = {"before": before.leader, "leader": after.leader, "epoch": after.epoch}
    output.show(session, sentences.STEPPED_DOWN, lambda: document)
