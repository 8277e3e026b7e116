"""
A stdout that cannot be written: a sentence, never a traceback.

Whether an `OSError` came from stdout cannot be told where it is caught, so stdout
raises an exception of its own.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from galaxy.client import exits

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDOUT = 1


class StdoutLost(Exception):
    """What was to be said did not arrive; nothing more will."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.reader_left = error.errno == errno.EPIPE
        self.sentence = f"stdout cannot be written: {error.strerror}"


class _Stdout(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        """Write to stdout. Raises `StdoutLost`."""
        try:
            return super().write(data)
        except OSError as error:
            raise StdoutLost(error) from error


def guard() -> None:
    """
    From now on a stdout that fails raises `StdoutLost`; leaves at once if there is none.

    What its encoding does not have is escaped: a job's name need not be of this locale.
    """
    before: Any = sys.stdout
    if before is None:  # closed by whoever started us: the next file that opens would become it
        _leave("stdout is closed; nothing was done")
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Stdout(_STDOUT, "w", closefd=False)),
        encoding=before.encoding,
        errors="backslashreplace" if before.errors == "strict" else before.errors,
        line_buffering=before.line_buffering,
    )


def give_up(lost: StdoutLost) -> None:
    """Leave: in silence when the reader of a pipe has what it wanted, as others do."""
    # What is still buffered is thrown away, else Python tries again when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    if lost.reader_left:
        sys.exit(128 + signal.SIGPIPE)
    _leave(lost.sentence)


def _leave(sentence: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"galaxy: {sentence}\n")
    sys.exit(exits.FAILED)
