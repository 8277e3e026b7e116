"""`validate` and `init`: what can be done without a cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from galaxy.client import exits
from galaxy.client.command import Command, Failure
from galaxy.client.examples import EXAMPLES
from galaxy.protocol.types_pb2 import JobDescriptor


def read_sound(path: Path) -> JobDescriptor:
    """The job in a file; every fault is told, and ends the command with 3. `-` is stdin."""
    # Late: half of what starting a command costs, and most commands read no file.
    from galaxy.client.jobfile.reader import read_job, read_job_file

    try:
        if str(path) == "-":
            file = read_job(sys.stdin.buffer.read(), "stdin", Path())
        else:
            file = read_job_file(path)
    except OSError as error:
        raise Failure(exits.FILE_WRONG, f"cannot read {path}: {error.strerror}") from error
    for line in file.report():
        click.echo(line, err=True)
    if file.faults:
        count = len(file.faults)
        raise Failure(exits.FILE_WRONG, f"{path} has {count} mistake{'' if count == 1 else 's'}")
    return file.job


@click.command("validate", cls=Command)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True)
def validate_command(path: Path) -> None:
    """Check a job file; tell every mistake at once."""
    read_sound(path)
    click.echo(f"{path} is sound")


@click.command("init", cls=Command)
@click.option(
    "--type",
    "job_type",
    type=click.Choice(list(EXAMPLES)),
    default="kLongRun",
    show_default=True,
    help="What kind of job to begin with.",
)
def init_command(job_type: str) -> None:
    """Print a commented example of a job file."""
    click.echo(EXAMPLES[job_type], nl=False)
