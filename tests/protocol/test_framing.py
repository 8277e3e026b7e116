"""Frames come out as they went in, however the bytes were split."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.framing import Framer, framed

LIMIT = 1000

bodies = st.lists(st.binary(max_size=300), max_size=10)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


class FramerTests(SynchronousTestCase):
    """The framer alone."""

    @settings(deadline=None)
    @given(bodies, st.lists(st.integers(0, 1 << 16), max_size=30))
    def test_any_split(self, expected: list[bytes], cuts: list[int]) -> None:
        """Safety: the same frames come out, in order, and nothing is left over."""
        framer = Framer(LIMIT)
        stream = b"".join(framed(body) for body in expected)
        found = [frame for piece in split(stream, cuts) for frame in framer.receive(piece)]
        self.assertEqual((found, framer.partial), (expected, False))

    @settings(deadline=None)
    @given(
        bodies,
        st.integers(LIMIT + 1, (1 << 32) - 1),
        st.binary(max_size=300),
        st.lists(st.integers(0, 1 << 16), max_size=30),
    )
    def test_length_over_the_limit(
        self, before: list[bytes], length: int, after: bytes, cuts: list[int]
    ) -> None:
        """Safety: frames before it come out; from its length on nothing is taken or kept."""
        framer = Framer(LIMIT)
        stream = b"".join(framed(body) for body in before) + length.to_bytes(4, "big") + after
        found = [frame for piece in split(stream, cuts) for frame in framer.receive(piece)]
        self.assertEqual((found, framer.refused), (before, length))
        self.assertFalse(framer.partial)

    def test_one_byte_at_a_time(self) -> None:
        """A frame is out with its last byte, not earlier."""
        framer = Framer(LIMIT)
        stream = framed(b"abc") + framed(b"")
        found = [framer.receive(stream[place : place + 1]) for place in range(len(stream))]
        self.assertEqual(found, [[], [], [], [], [], [], [b"abc"], [], [], [], [b""]])

    def test_begun_frame_is_partial(self) -> None:
        """Three bytes of a length are a begun frame."""
        framer = Framer(LIMIT)
        self.assertEqual(framer.receive(b"\0\0\0"), [])
        self.assertTrue(framer.partial)

    def test_frame_of_the_limit(self) -> None:
        """The limit itself is allowed."""
        framer = Framer(LIMIT)
        self.assertEqual(framer.receive(framed(bytes(LIMIT))), [bytes(LIMIT)])
