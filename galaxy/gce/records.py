"""
What is on disk of each process: gce's view of the files that keepers write.

    ROOT/CONTAINER/NAME/{spec,claim,started,stop,ended}

What each file means stands at the head of `galaxy.gce.keeper`. A spec that is cut
short was never asked for; a `started` or `ended` that is cut short (they are
written whole: only a crash of the machine does that) says nothing.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from attrs import asdict, fields
from zope.interface import implementer

from galaxy.gce.birth import CLAIM, ENDED, SPEC, STARTED, STOP, read_whole
from galaxy.gce.disposal import delete
from galaxy.gce.interfaces import IRecords
from galaxy.gce.record import NOTHING, Bind, Box, Claim, Ended, ProcessId, Record, Spec, Started

T = TypeVar("T", Spec, Started, Ended)
_PARTS: dict[str, type[Any]] = {"box": Box, "binds": Bind, "shared": Bind, "neighbour": Claim}


@implementer(IRecords)
class Records:
    """The records below one directory. Methods raise OSError where the disk does."""

    def __init__(self, directory: Path, dispose: Callable[[Path], None] = delete) -> None:
        """
        Make the directory; finish removals that were cut short.

        `dispose` deletes, now or later, the files of what is forgotten.
        """
        self._dispose = dispose
        self.root = directory / "containers"
        self._trash = directory / "trash"
        self._numbers = itertools.count()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)
        self._trash.mkdir(mode=0o700, exist_ok=True)
        for entry in self._trash.iterdir():
            delete(entry)
        for entry in self._containers():
            if not any(entry.iterdir()):
                entry.rmdir()

    def write_spec(self, process: ProcessId, spec: Spec) -> None:
        """Record that a process is wanted. On an error nothing of it remains."""
        directory = self._directory(process)
        directory.parent.mkdir(exist_ok=True)
        directory.mkdir()
        try:
            (directory / SPEC).write_text(json.dumps(asdict(spec)), encoding="utf-8")
        except OSError:
            self.forget_process(process)
            raise

    def read_claim(self, process: ProcessId) -> Claim | None:
        """The keeper that claimed a process."""
        try:
            pid, _, start = os.readlink(self._directory(process) / CLAIM).partition(":")
            return Claim(int(pid), int(start))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise OSError(errno.EBADMSG, f"the claim of {process} is none") from error

    def read(self, process: ProcessId, known: Record = NOTHING) -> Record:
        """What is known of a process, with what its record says besides."""
        directory = self._directory(process)
        return Record(
            known.spec or _read(directory / SPEC, Spec),
            known.claim or self.read_claim(process),
            known.started or _read(directory / STARTED, Started),
            known.ended or _read(directory / ENDED, Ended),
        )

    def note_stop(self, process: ProcessId) -> None:
        """Let the keeper know that its process is about to be sent SIGTERM."""
        (self._directory(process) / STOP).touch()

    def processes(self) -> Iterator[ProcessId]:
        """Every process that has a record."""
        for container in self._containers():
            for process in sorted(container.iterdir()):
                yield ProcessId(container.name, process.name)

    def forget_process(self, process: ProcessId) -> None:
        """Remove the record of one process, and its container's directory with the last."""
        container = self.root / process.container
        if self._directory(process).is_dir():
            self._discard(self._directory(process))
        if container.is_dir() and not any(container.iterdir()):
            container.rmdir()

    def forget(self, container: str) -> None:
        """Remove the records of a container, all at once however we are killed."""
        if (self.root / container).is_dir():
            self._discard(self.root / container)

    def _containers(self) -> list[Path]:
        return sorted(entry for entry in self.root.iterdir() if entry.is_dir())

    def _discard(self, directory: Path) -> None:
        trashed = self._trash / str(next(self._numbers))
        directory.rename(trashed)
        self._dispose(trashed)

    def _directory(self, process: ProcessId) -> Path:
        return self.root / process.container / process.name


def _read(path: Path, kind: type[T]) -> T | None:
    """The value in a file, less what a newer gce put there; None: not there, or cut short."""
    try:
        value: T = _value(kind, json.loads(read_whole(str(path))))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return value


def _value(kind: type[Any], stored: dict[str, Any]) -> Any:
    """A value of one of the kinds in a record; whatever it lacks is as by default."""
    known = {field.name: stored[field.name] for field in fields(kind) if field.name in stored}
    for name, value in known.items():
        if isinstance(value, dict):
            known[name] = _value(_PARTS[name], value)
        elif isinstance(value, list):
            known[name] = tuple(
                _value(_PARTS[name], item) if isinstance(item, dict) else item for item in value
            )
    return kind(**known)
