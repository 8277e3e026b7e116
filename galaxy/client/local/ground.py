"""
The ground of a cluster on this machine: its directory.

One command works in it at a time, and what stands in a file of it is whole: a
disk that is full leaves the file as it was, or no file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from galaxy.client import exits
from galaxy.client.command import Failure
from galaxy.client.local.plan import Layout


def lay(layout: Layout) -> None:
    """Make the directories. Raises `Failure`."""
    with _said(f"a cluster cannot live in {layout.directory}"):
        for directory in (layout.directory, layout.run, layout.log):
            directory.mkdir(parents=True, exist_ok=True)


@contextmanager
def claimed(layout: Layout, tell: Callable[[str], object]) -> Iterator[None]:
    """One `up` or `down` at a time; tells of a wait. The directories are there."""
    path = layout.run / "up.lock"
    with _said(f"{layout.directory} cannot be claimed: {path}"):
        lock = path.open("a")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"galaxy: waiting for another `up` or `down` of {layout.directory}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """
    Write a file so that it has all of the content or is as it was. Raises `Failure`.

    A private one is its owner's alone: it holds a password.
    """
    draft = path.with_name(f".{path.name}.draft")
    with _said(f"{path} cannot be written"):
        try:
            with draft.open("wb") as file:
                if private:
                    draft.chmod(0o600)
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


@contextmanager
def _said(sentence: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        code = exits.NOT_ALLOWED if isinstance(error, PermissionError) else exits.FAILED
        raise Failure(code, f"{sentence}: {error.strerror}") from error
