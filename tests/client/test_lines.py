"""Several writers, one terminal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.lines import LONGEST, Prefixed


class PrefixedTests(SynchronousTestCase):
    """Lines stay whole."""

    def test_one_writer_is_not_touched(self) -> None:
        lines = Prefixed("")
        self.assertEqual(lines.feed("t", b"no end\r\xff"), b"no end\r\xff")
        self.assertEqual(lines.rest(), b"")

    def test_two_tasks_never_share_a_line(self) -> None:
        lines = Prefixed("p ")
        self.assertEqual(lines.feed("a", b"one\ntw"), b"p one\n")
        self.assertEqual(lines.feed("b", b"other\n"), b"p other\n")
        self.assertEqual(lines.feed("a", b"o\n"), b"p two\n")

    def test_what_has_no_end_comes_at_the_end(self) -> None:
        lines = Prefixed("p ")
        self.assertEqual(lines.feed("a", b"last"), b"")
        self.assertEqual(lines.rest(), b"p last\n")

    def test_a_line_without_end_is_broken(self) -> None:
        """So that it does not fill the memory."""
        lines = Prefixed("p ")
        self.assertEqual(lines.feed("a", b"x" * (LONGEST - 1)), b"")
        self.assertEqual(lines.feed("a", b"xx"), b"p " + b"x" * (LONGEST + 1) + b"\n")
        self.assertEqual(lines.rest(), b"")

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=6)))
    def test_however_the_bytes_are_split(self, chunks: list[bytes]) -> None:
        """Safety: nothing is lost, nothing is added but prefixes and a last end of line."""
        lines = Prefixed("> ")
        shown = b"".join(lines.feed("a", chunk) for chunk in chunks) + lines.rest()
        whole = b"".join(chunks)
        if whole and not whole.endswith(b"\n"):
            whole += b"\n"
        expected = b"".join(b"> " + line + b"\n" for line in whole.split(b"\n")[:-1])
        self.assertEqual(shown, expected)
