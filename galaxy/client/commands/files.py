"""`validate` and `init`: what can be done without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from galaxy.client import exits
from galaxy.client.command import Command, Failure, told
from galaxy.client.examples import EXAMPLES
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import JobDescriptor, kInputError


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
    if file.faults:
        raise mistakes(path, file.report())
    return file.job


def read_text(path: Path) -> str:
    """The text of a file; one that is not there or not UTF-8 ends the command with 3."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failure(exits.FILE_WRONG, f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(exits.FILE_WRONG, f"{path} is not UTF-8") from error


def mistakes(path: Path, lines: Sequence[str]) -> Failure:
    """Tell of every mistake in a file; the failure that follows from them."""
    for line in lines:
        told(line)
    count = len(lines)
    return Failure(exits.FILE_WRONG, f"{path} has {count} mistake{'' if count == 1 else 's'}")


@contextmanager
def the_files_fault(path: Path) -> Iterator[None]:
    """What the master finds wrong in here is wrong with the file, and ends the command with 3."""
    try:
        yield
    except GalaxyError as error:
        if error.status != kInputError:
            raise
        raise Failure(exits.FILE_WRONG, f"{path}: {error.reason}") from error


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
