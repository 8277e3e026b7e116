"""
The `galaxy` command.

Starting must cost little, since people and scripts start it often: a command's
module is imported when that command runs, and none imports a reactor.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from galaxy.client import exits, stdout
from galaxy.client.command import cluster_options
from galaxy.client.session import real_session

COMMANDS = {
    "up": "cluster",
    "down": "cluster",
    "init": "files",
    "validate": "files",
    "plan": "forecasts",
    "submit": "jobs",
    "jobs": "jobs",
    "show": "jobs",
    "update": "updates",
    "scale": "steering",
    "suspend": "steering",
    "resume": "steering",
    "restart": "steering",
    "kill": "jobs",
    "pods": "pods",
    "tasks": "pods",
    "agents": "machines",
    "preempt": "preemption",
    "label": "fleet",
    "offline": "fleet",
    "online": "fleet",
    "status": "machines",
    "top": "top",
    "enter": "safemode",
    "leave": "safemode",
    "stepdown": "masters",
    "nexus": "nexus",
    "why": "forecasts",
    "events": "events",
    "logs": "logs",
    "exec": "exec",
    "attach": "exec",
    "fs": "fs",
}
"""In the order of the help: each command and the module below `commands` that has it."""


class Commands(click.Group):
    """Imports a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"galaxy.client.commands.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.command(cls=Commands, params=cluster_options())
@click.version_option(package_name="galaxy")
def cli() -> None:
    """Galaxy: one computer out of many machines."""


def main() -> None:
    """Run the command that the arguments name."""
    stdout.guard()
    try:
        cli(obj=real_session(), prog_name="galaxy")
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except stdout.StdoutLost as lost:
        stdout.give_up(lost)
