"""
The terminal that somebody sits at: raw for a while, its size, and signals as they come.

Whatever happens in between, the terminal is left as it was found.
"""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def size(descriptor: int) -> tuple[int, int]:
    """Rows and columns; zeros if it is no terminal."""
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        return 0, 0
    return rows, columns


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Every key is passed on as it is, Ctrl-C too. Without a terminal nothing is done."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP leave by the doors: what is to be put back is put back."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled(dict.fromkeys((signal.SIGTERM, signal.SIGHUP), leave)):
        yield


@contextmanager
def readable_signals(*numbers: signal.Signals) -> Iterator[int]:
    """A descriptor from which each of these signals can be read as it comes, as one byte."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        with _handled(dict.fromkeys(numbers, _noted)):
            yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


Handler = Callable[[int, FrameType | None], None]


@contextmanager
def _handled(handlers: dict[signal.Signals, Handler]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Python has written the signal to the pipe."""
