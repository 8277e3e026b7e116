"""`up` and `down`: a cluster on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from galaxy.client import exits
from galaxy.client.command import Command, Failure, told
from galaxy.client.layout import table
from galaxy.client.local.plan import Layout
from galaxy.client.session import Session

_DIRECTORY = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".galaxy"),
    show_default=True,
    help="Where the cluster lives, and nothing of it elsewhere.",
)


def _size(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    from galaxy.resources import parse_size

    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("up", cls=Command)
@_DIRECTORY
@click.option("--agents", type=click.IntRange(1, 200), metavar="N", help="So many agents; 1.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="P", help="The master's port.")
@click.option("--millicores", type=click.IntRange(1), metavar="N", help="Of each new agent.")
@click.option("--memory", callback=_size, metavar="SIZE", help="Of each new agent.")
@click.option("--nexus", metavar="URL", help="leveldb:PATH or zookeeper://HOSTS/CHROOT.")
@click.option("--masters", type=click.IntRange(1, 9), metavar="N", help="So many masters; 1.")
@click.option("--monitor/--no-monitor", default=False, help="With the monitor.")
@click.pass_obj
def up_command(
    session: Session,
    *,
    directory: Path,
    agents: int | None,
    port: int | None,
    millicores: int | None,
    memory: int | None,
    nexus: str | None,
    masters: int | None,
    monitor: bool,
) -> None:
    """Start what is missing of a cluster on this machine."""
    from galaxy.client.local.bringup import bring_up
    from galaxy.client.local.settled import Wish

    if monitor:
        raise Failure(exits.USAGE, "--monitor: this build has no monitor")
    layout = _layout(session, directory)
    wish = Wish(agents, port, millicores, memory, nexus, masters)
    members = bring_up(session, layout, wish)
    rows = [
        [m.name, str(m.pid), "started" if m.started else "running", m.address or "-", m.log]
        for m in members
    ]
    click.echo(table(["daemon", "pid", "state", "address", "log"], rows), nl=False)
    told(f"The cluster is up; {layout.settings} tells clients where.")


@click.command("down", cls=Command)
@_DIRECTORY
@click.option("--keep-tasks", is_flag=True, help="Stop the daemons; tasks run on.")
@click.pass_obj
def down_command(session: Session, *, directory: Path, keep_tasks: bool) -> None:
    """Stop the cluster on this machine, and its tasks."""
    from galaxy.client.local.ground import claimed
    from galaxy.client.local.teardown import take_down

    layout = _layout(session, directory)
    if not layout.run.is_dir():
        told(f"There is no cluster in {layout.directory}.")
        return
    with claimed(layout, told):
        stopped, left = take_down(session, layout, keep_tasks=keep_tasks)
    for name in stopped:
        click.echo(f"stopped {name}")
    if not stopped:
        told(f"No daemon of {layout.directory} was running.")
    if left:
        raise Failure(exits.FAILED, "left behind: " + ", ".join(left))


def _layout(session: Session, directory: Path) -> Layout:
    return Layout(Path(os.path.realpath(session.cwd / directory)))
