"""`validate` and `init`: what can be done without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from galaxy.client import exits, sentences
from galaxy.client.command import Command, Failure, Output, shaped, told
from galaxy.client.examples import EXAMPLES
from galaxy.client.jobfile.document import spelled
from galaxy.client.layout import Row
from galaxy.client.session import Session
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import JobDescriptor, kInputError

if TYPE_CHECKING:
    from galaxy.client.jobfile.reader import JobFile


def read_sound(path: Path) -> JobDescriptor:
    """The job in a file; every fault is told, and ends the command with 3. `-` is stdin."""
    file = _read_job(path)
    if file.faults:
        raise mistakes(file.source, file.report())
    return file.job


def _read_job(path: Path) -> JobFile:
    # Late: half of what starting a command costs, and most commands read no file.
    from galaxy.client.jobfile.reader import read_job, read_job_file

    try:
        if str(path) == "-":
            return read_job(sys.stdin.buffer.read(), "stdin", Path())
        return read_job_file(path)
    except OSError as error:
        raise Failure(exits.FILE_WRONG, f"cannot read {path}: {error.strerror}") from error


def read_text(path: Path) -> str:
    """The text of a file; one that is not there or not UTF-8 ends the command with 3."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failure(exits.FILE_WRONG, f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(exits.FILE_WRONG, f"{path} is not UTF-8") from error


def mistakes(source: Path | str, lines: Sequence[str]) -> Failure:
    """Tell of every mistake in a file; the failure that follows from them."""
    for line in lines:
        told(line)
    count = len(lines)
    return Failure(exits.FILE_WRONG, f"{source} has {count} mistake{'' if count == 1 else 's'}")


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
@shaped
@click.pass_obj
def validate_command(session: Session, output: Output, path: Path) -> None:
    """Check a job file; tell every mistake at once."""
    file = _read_job(path)
    if not file.faults or output.form in {"json", "yaml"}:
        output.show(session, sentences.VALIDATED, lambda: validated(file))
    if file.faults:
        raise mistakes(file.source, file.report())


def validated(file: JobFile) -> Row:
    """The document of `galaxy validate`."""
    return {
        "file": file.source,
        "sound": not file.faults,
        "mistakes": [
            {
                "line": fault.place.line,
                "column": fault.place.column,
                "path": spelled(fault.path),
                "problem": fault.text,
                "meant": fault.meant,
            }
            for fault in file.faults
        ],
    }


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
