"""What a process said last."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.remains.evidence import LINES, LONGEST_LINE, last_line, last_lines, shown


class LastLinesTests(SynchronousTestCase):
    """From a file."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_short(self) -> None:
        """All of it, without blank lines; indentation is kept."""
        self.path.write_bytes(b'Traceback:\n  File "x", line 1\n\n\tboom\x1b[0m\r\n')
        told = ("Traceback:", '  File "x", line 1', "    boom[0m")
        self.assertEqual(last_lines(self.path), told)
        self.assertEqual(last_line(self.path), told[-1])

    def test_long(self) -> None:
        """The last lines, and none that is cut short at its beginning."""
        self.path.write_bytes(b"".join(b"line %06d of many\n" % number for number in range(10_000)))
        lines = last_lines(self.path)
        self.assertEqual(lines, tuple(f"line {n:06d} of many" for n in range(9_980, 10_000)))

    def test_huge_line(self) -> None:
        """A line without an end is told as far as it may be."""
        self.path.write_bytes(b"x" * 1_000_000)
        self.assertEqual(last_lines(self.path), ("x" * LONGEST_LINE,))

    def test_nothing(self) -> None:
        """What is not there, or is a link, says nothing."""
        self.assertEqual(last_lines(self.path), ())
        self.path.symlink_to("/etc/passwd")
        self.assertEqual((last_lines(self.path), last_line(self.path)), ((), ""))

    @settings(deadline=None)
    @given(st.binary(max_size=5000))
    def test_bounded(self, data: bytes) -> None:
        """Safety: whatever was written, a terminal may be shown it, and it is not much."""
        lines = shown(data)
        self.assertLessEqual(len(lines), LINES)
        self.assertTrue(all(line.isprintable() for line in lines))
        self.assertTrue(all(0 < len(line) <= LONGEST_LINE for line in lines))
