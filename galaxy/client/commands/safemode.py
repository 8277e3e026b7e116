"""`enter safemode`, `leave safemode`."""

from __future__ import annotations

import click

from galaxy.client import sentences
from galaxy.client.command import ClusterCommand, Output, shaped
from galaxy.client.session import Session
from galaxy.protocol.master_pb2 import SwitchSafeModeRequest

_MODES = click.Choice(["safemode"])


@click.command("enter", cls=ClusterCommand)
@click.argument("mode", type=_MODES, metavar="safemode")
@shaped
@click.pass_obj
def enter_command(session: Session, output: Output, mode: str) -> None:
    """
    Let the master start and stop nothing.

    It lasts until `leave safemode`.
    """
    _switch(session, output, mode, enter=True)


@click.command("leave", cls=ClusterCommand)
@click.argument("mode", type=_MODES, metavar="safemode")
@shaped
@click.pass_obj
def leave_command(session: Session, output: Output, mode: str) -> None:
    """Leave the safe mode, however it was entered."""
    _switch(session, output, mode, enter=False)


def _switch(session: Session, output: Output, mode: str, *, enter: bool) -> None:
    request = SwitchSafeModeRequest(enter=enter)
    session.leader().ask(lambda master: master.switch_safe_mode(request), look="galaxy status")
    shape = sentences.ENTERED if enter else sentences.LEFT
    output.show(session, shape, lambda: {"mode": mode, "safe_mode": enter})
