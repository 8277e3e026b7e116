"""
Reads a job file: the way in.

Galaxy 2's files are read as they are. All mistakes are found at once, those of
form and those of sense; one mistake is told once, where it was made.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from galaxy.client.jobfile import jsonc, tomltext
from galaxy.client.jobfile.build import descriptor
from galaxy.client.jobfile.checks import checked, value_at
from galaxy.client.jobfile.document import Document, Fault, parsed
from galaxy.client.jobfile.document import Path as TreePath
from galaxy.client.jobfile.package import PackageError, read_package
from galaxy.descriptions import problems
from galaxy.protocol.types_pb2 import JobDescriptor


@frozen
class JobFile:
    """A job, and the faults of its file; with faults the job is not to be used."""

    source: str
    job: JobDescriptor
    faults: tuple[Fault, ...]

    def report(self) -> list[str]:
        """The faults as lines: file:line:column: path: sentence."""
        return [fault.line(self.source) for fault in self.faults]


def read_job_file(path: Path) -> JobFile:
    """
    The job in a file; packages are read relative to its directory.

    OSError when the file itself cannot be read.
    """
    return read_job(path.read_bytes(), str(path), path.parent)


def read_job(content: bytes, source: str, directory: Path) -> JobFile:
    """The job in a text; a `source` that ends in .toml is TOML, anything else JSON."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document = jsonc.parse(content[: error.start].decode("utf-8-sig"))
        place = document.faults[-1].place if document.faults else document.place(())
        return JobFile(source, JobDescriptor(), (Fault(place, (), "the file is not UTF-8"),))
    document = (tomltext if source.endswith(".toml") else jsonc).parse(text)
    if document.value is None and document.faults:
        return JobFile(source, JobDescriptor(), document.faults)
    return _judged(document, source, directory)


def _judged(document: Document, source: str, directory: Path) -> JobFile:
    form = checked(document)
    faults = list(form.faults)

    def package(number: int, text: str) -> bytes:
        path: TreePath = ("pod", "tasks", number, "binary")
        try:
            return read_package(directory / text)
        except PackageError as error:
            faults.append(Fault(document.place(path), path, str(error)))
            return b""

    job = descriptor(form.job, package)
    told = [fault.path for fault in faults]
    # What was passed over because a part of it is repeated cannot be judged.
    around = (fault.path[:-1] for fault in document.faults)
    told += [path for path in around if value_at(document.value, path) is None]
    for problem in problems(job):
        path = parsed(problem.path)
        if not any(_on_one_branch(path, other) for other in told):
            faults.append(Fault(document.place(path), path, problem.text))
    faults.sort(key=lambda fault: fault.place)
    return JobFile(source, job, tuple(faults))


def _on_one_branch(first: TreePath, second: TreePath) -> bool:
    """Whether one path leads to or through the other."""
    return all(a == b for a, b in zip(first, second, strict=False))
