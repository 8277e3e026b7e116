"""The terminal that somebody sits at, here one end of a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client import terminal

ENDINGS = (KeyboardInterrupt, SystemExit, BrokenPipeError)


class TerminalTests(SynchronousTestCase):
    """Raw for a while, and then as before."""

    def setUp(self) -> None:
        self.master, self.device = os.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.device)

    def test_raw(self) -> None:
        """Ctrl-C is a key like others, and no line is waited for; nothing is shown twice."""
        with terminal.raw(self.device):
            os.write(self.master, b"\x03\r")
            self.assertEqual(os.read(self.device, 10), b"\x03\r")
            self.assertEqual(select.select([self.master], [], [], 0)[0], [])

    def test_as_before_whatever_happens(self) -> None:
        """Every way out leads over the same door."""
        before = termios.tcgetattr(self.device)
        for ending in ENDINGS:
            with self.assertRaises(ending), terminal.raw(self.device):
                self.assertNotEqual(termios.tcgetattr(self.device), before)
                raise ending
            self.assertEqual(termios.tcgetattr(self.device), before)

    def test_as_before_after_a_signal(self) -> None:
        """SIGTERM and SIGHUP, too, with the exit code that a shell gives them."""
        before = termios.tcgetattr(self.device)
        for number in (signal.SIGTERM, signal.SIGHUP):
            with (
                self.assertRaises(SystemExit) as caught,
                terminal.ended_by_signals(),
                terminal.raw(self.device),
            ):
                os.kill(os.getpid(), number)
                select.select([], [], [], 10)  # until it has come
            self.assertEqual(caught.exception.code, 128 + number)
            self.assertEqual(termios.tcgetattr(self.device), before)

    def test_no_terminal(self) -> None:
        """A pipe has no size and cannot be raw: it is left alone."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        with terminal.raw(reader):
            pass
        self.assertEqual(terminal.size(reader), (0, 0))

    def test_size(self) -> None:
        """Rows and columns."""
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, struct.pack("4H", 50, 132, 0, 0))
        self.assertEqual(terminal.size(self.device), (50, 132))


class SignalTests(SynchronousTestCase):
    """Signals as something to read."""

    def test_readable(self) -> None:
        """One byte each; afterwards everything is as it was."""
        before: list[Callable[..., object] | int | None] = [
            signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGINT)
        ]
        with terminal.readable_signals(signal.SIGWINCH, signal.SIGINT) as reader:
            for number in (signal.SIGWINCH, signal.SIGINT):
                os.kill(os.getpid(), number)
            self.assertEqual(sorted(os.read(reader, 10)), sorted([signal.SIGWINCH, signal.SIGINT]))
        after = [signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGINT)]
        self.assertEqual(after, before)
