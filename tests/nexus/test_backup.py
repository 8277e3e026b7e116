"""A backup is read as it was written, or not at all."""

from __future__ import annotations

import contextlib
import gzip
import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.backup import Backup, Damaged, read, written

PARTS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"))
KEYS = st.lists(PARTS.filter(bool), min_size=1, max_size=3).map("/".join)
BACKUPS = st.builds(
    Backup,
    st.dictionaries(KEYS, st.binary(max_size=200), max_size=20),
    st.integers(0, 1 << 40),
    st.floats(0, 1e10),
    st.text(max_size=20),
)
ONE = Backup({"jobs/a": bytes(range(256)), "safemode": b""}, 7, 1.5, "leveldb:/x")


class BackupTests(SynchronousTestCase):
    """The file."""

    @settings(deadline=None)
    @given(BACKUPS)
    def test_there_and_back(self, backup: Backup) -> None:
        self.assertEqual(read(written(backup)), backup)

    def test_any_other_byte_is_noticed(self) -> None:
        data, rng = written(ONE), Random(1)
        for at in range(10, len(data)):  # before that is what gzip says of itself
            damaged = bytearray(data)
            damaged[at] ^= 1 << rng.randrange(8)
            with self.subTest(at=at), contextlib.suppress(Damaged):
                self.assertEqual(read(bytes(damaged)), ONE)
        for end in range(len(data)):
            self.assertRaises(Damaged, read, data[:end])

    def test_lines_that_were_changed_are_noticed(self) -> None:
        lines = gzip.decompress(written(ONE)).splitlines(keepends=True)
        for changed in (
            [lines[0], *lines[2:]],
            [lines[0].replace(b'"epoch": 7', b'"epoch": 8'), *lines[1:]],
            [*lines[:-1]],
            [],
            [b"{}\n"],
            [b"[1]\n", b"null\n"],
            [*lines, b"{}\n"],
        ):
            with self.subTest(changed=changed):
                error = self.assertRaises(Damaged, read, gzip.compress(b"".join(changed)))
                self.assertNotIn("Error", str(error))  # it is people who read it

    def test_a_later_format_is_named(self) -> None:
        lines = gzip.decompress(written(ONE)).splitlines(keepends=True)
        head = json.loads(lines[0]) | {"galaxy nexus backup": 2}
        data = gzip.compress(json.dumps(head).encode() + b"\n" + b"".join(lines[1:]))
        with self.assertRaisesRegex(Damaged, "version 2, this build reads 1"):
            read(data)

    def test_a_stranger(self) -> None:
        for data in (b"", b"SQLite format 3", gzip.compress(b""), gzip.compress(b"\xff\n" * 3)):
            self.assertRaises(Damaged, read, data)
