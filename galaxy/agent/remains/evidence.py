"""
What a process said last, as far as it can be shown: a few lines, of a bounded length.
"""

from __future__ import annotations

import os
from pathlib import Path

LINES = 20
LONGEST_LINE = 200
_READ = 16 << 10


def last_lines(path: Path) -> tuple[str, ...]:
    """The last lines of a file that are not blank; none if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ()
    try:
        size = os.fstat(descriptor).st_size
        start = max(0, size - _READ)
        return shown(os.pread(descriptor, _READ, start), whole=start == 0)
    except OSError:  # a directory, or a disk that fails
        return ()
    finally:
        os.close(descriptor)


def last_line(path: Path) -> str:
    """The last line of a file that is not blank; "" if there is none."""
    lines = last_lines(path)
    return lines[-1] if lines else ""


def shown(data: bytes, *, whole: bool = True) -> tuple[str, ...]:
    """
    The last lines of what was written, without blank ones and what a terminal obeys.

    `whole`: the first line is not cut short at its beginning.
    """
    lines = data.decode("utf-8", "replace").split("\n")
    if not whole and len(lines) > 1:
        del lines[0]
    told = (_plain(line) for line in lines)
    return tuple(line for line in told if line)[-LINES:]


def _plain(line: str) -> str:
    """A line as it may stand in a sentence; indentation is kept, for tracebacks."""
    printable = "".join(letter for letter in line.expandtabs(4).rstrip() if letter.isprintable())
    return printable.rstrip()[:LONGEST_LINE] if printable.strip() else ""
