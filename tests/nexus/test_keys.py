"""What keys may look like, and what is below what."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.interfaces import Delete, Put
from galaxy.nexus.keys import check_changes, check_key, check_prefix, is_at_or_below, is_below


class KeysTests(SynchronousTestCase):
    """Rules that every provider shares."""

    def test_parts_of_printable_ascii_make_a_key(self) -> None:
        for key in ("a", "a/b", "jobs/web_3f9c0a1b2c4d", "~!@#", "a" * 256):
            check_key(key)

    def test_anything_else_does_not(self) -> None:
        for key in ("", "/", "a/", "/a", "a//b", "a b", "a\n", "é", "\x7f", "a" * 257):
            self.assertRaises(ValueError, check_key, key)

    def test_the_empty_prefix_stands_for_all_keys(self) -> None:
        check_prefix("")
        self.assertTrue(is_below("anything", ""))
        self.assertRaises(ValueError, check_prefix, "a/")

    def test_below_ends_at_the_slash(self) -> None:
        table = {
            ("a/b", "a"): (True, True),
            ("a", "a"): (False, True),
            ("ab", "a"): (False, False),
            ("a", "a/b"): (False, False),
        }
        for (key, prefix), expected in table.items():
            self.assertEqual((is_below(key, prefix), is_at_or_below(key, prefix)), expected)

    def test_a_commit_changes_no_key_twice_and_expects_no_negative_version(self) -> None:
        self.assertRaises(ValueError, check_changes, [Put("a", b""), Delete("a")])
        self.assertRaises(ValueError, check_changes, [Put("a", b"", expect=-1)])
        check_changes([])
