"""
What of a log is given back to the disk, so that it stays within its bound. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

MOST_FILES = 32  # of a task's stdout, and of its stderr; each attempt has one
SLACK = 128 << 10  # less than this is not worth a cut; more than the largest block
OPEN_FILES = 2  # the last of them may still be written to: a main process and "stop"


@frozen
class Weight:
    """A file of a log: its size, and how much of that is on disk."""

    name: str
    size: int
    on_disk: int


@frozen
class Remove:
    """The whole file goes."""

    name: str


@frozen
class Punch:
    """The file keeps its last bytes, and its size."""

    name: str
    keep: int


Cut = Remove | Punch


def cuts(files: Sequence[Weight], bound: int) -> list[Cut]:
    """
    What is to go of one log, whose files are given in the order they were begun in.

    The latest bytes stay, over all files as many as the bound says. A file that may
    still be written to is never removed.
    """
    found: list[Cut] = []
    left = bound
    for place, file in enumerate(reversed(files)):
        is_open = place < OPEN_FILES
        kept = min(file.on_disk, file.size)
        if not is_open and (place >= MOST_FILES or (file.size and not left)):
            found.append(Remove(file.name))
        elif kept - left >= SLACK:
            found.append(Punch(file.name, left))
        left = max(0, left - kept)
    return found
