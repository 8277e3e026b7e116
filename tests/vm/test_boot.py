"""What the virtual machine of `make test-v2` is started from."""

from __future__ import annotations

import struct
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.vm.boot import EXIT_LINE, archive, is_static, load_order, script


def module(*depends: str) -> bytes:
    """The part of a kernel module that names what it needs."""
    return b"\x7fELF\0license=GPL\0depends=" + ",".join(depends).encode() + b"\0intree=Y\0"


def unpacked(content: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content of each entry of a "newc" archive, up to the trailer."""
    entries: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert content[at : at + 6] == b"070701"
        fields = [int(content[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = content[at + 110 : at + 110 + name_size - 1].decode()
        at += (110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return entries
        entries[name] = (mode, content[at : at + size])
        at += (size + 3) & ~3


class BootTests(SynchronousTestCase):
    """The archive, the order of the modules, the script."""

    def test_load_order(self) -> None:
        """Each module comes after those it needs, and once."""
        found = {"a": module("b-c", "d"), "b_c": module("d"), "d": module(), "e": module()}
        self.assertEqual(["d", "b_c", "a"], load_order(["a", "d"], found))

    def test_a_module_that_is_missing(self) -> None:
        """It is named."""
        error = self.assertRaises(KeyError, load_order, ["a"], {"a": module("gone")})
        self.assertEqual("'gone'", str(error))

    def test_archive(self) -> None:
        """The kernel finds every file, and every directory before what is in it."""
        entries = unpacked(archive({"init": b"#!", "a/b/c": b"12345"}))
        self.assertEqual((0o100755, b"#!"), entries["init"])
        self.assertEqual((0o100755, b"12345"), entries["a/b/c"])
        names = list(entries)
        self.assertLess(names.index("a"), names.index("a/b"))
        self.assertLess(names.index("a/b"), names.index("a/b/c"))

    def test_static(self) -> None:
        """A program that names its loader will not do as the first program."""
        elf = struct.pack("<32xQ14xHH6xII", 64, 4, 2, 1, 3)
        self.assertFalse(is_static(elf))
        self.assertTrue(is_static(elf[:-4] + b"\0" * 4))

    def test_odd_places(self) -> None:
        """A project's path and a command may have spaces and quotes."""
        lines = script(Path("/a b/it's"), ["echo", "x y"]).splitlines()
        self.assertIn("""cd '/a b/it'"'"'s' &&""", lines)
        self.assertIn("echo 'x y'", lines)

    def test_the_exit_line(self) -> None:
        """It is told from what tests print."""
        self.assertIsNone(EXIT_LINE.search("said galaxy-vm: exit 3\n"))
        found = EXIT_LINE.search("PASSED\ngalaxy-vm: exit 3\nreboot\n")
        self.assertEqual("3", found and found[1])
