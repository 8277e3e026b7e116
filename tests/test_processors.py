"""Lists of processors."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.processors import format_processors, parse_processors


class ProcessorsTests(SynchronousTestCase):
    """As the kernel writes them."""

    def test_table(self) -> None:
        """Numbers, ranges, spaces after commas; the shortest form."""
        for text, numbers, short in (
            ("0", {0}, "0"),
            ("0,2-3", {0, 2, 3}, "0,2-3"),
            ("3, 1-2,2", {1, 2, 3}, "1-3"),
            ("5-5", {5}, "5"),
        ):
            self.assertEqual(numbers, parse_processors(text))
            self.assertEqual(short, format_processors(numbers))

    def test_no_list(self) -> None:
        """The text is named."""
        for text in ("", ",", "1,", "a", "-1", "3-1", "1-2-3", "0x1", "12345"):
            error = self.assertRaises(ValueError, parse_processors, text)
            self.assertIn(repr(text), str(error))

    @given(st.sets(st.integers(0, 200), min_size=1))
    @settings(deadline=None)
    def test_round_trip(self, numbers: set[int]) -> None:
        """What is formatted is parsed to the same."""
        self.assertEqual(numbers, parse_processors(format_processors(numbers)))
