"""Files below a directory, and attempts to get out of it."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.console.files import entries, opened
from galaxy.agent.walk import MOST_DEPTH
from galaxy.names import printable
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kInputError, kNotFound, kPermission

SECRET = b"the neighbour's"


class FileTests(SynchronousTestCase):
    """A pod's directory, with a neighbour's secret beside it."""

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.root = self.base / "pod"
        (self.root / "0" / "sub").mkdir(parents=True)
        (self.root / "0" / "index.html").write_bytes(b"hello")
        (self.base / "pod2").mkdir()
        (self.base / "pod2" / "secret").write_bytes(SECRET)
        (self.base / "secret").write_bytes(SECRET)

    def read(self, path: bytes | str) -> bytes:
        """What is in a file."""
        descriptor = opened(self.root, os.fsencode(path))
        try:
            return os.read(descriptor, 1000)
        finally:
            os.close(descriptor)

    def refused(self, path: bytes | str, status: int) -> None:
        """It is refused, with a sentence that names it."""
        with self.assertRaises(GalaxyError) as caught:
            self.read(path)
        self.assertEqual(caught.exception.status, status, caught.exception.reason)
        self.assertIn(printable(os.fsencode(path))[:50], caught.exception.reason)

    def link(self, name: str, target: str | Path) -> str:
        """A link in the workspace; its path."""
        (self.root / "0" / name).symlink_to(target)
        return f"0/{name}"

    def test_paths(self) -> None:
        """Relative ones, such with detours, and those that a task would use."""
        for path in ("0/index.html", "/0/../0"[1:] + "/index.html", "0//./sub/../index.html"):
            self.assertEqual(self.read(path), b"hello")
        self.assertEqual(self.read(f"{self.root}/0/index.html"), b"hello")

    def test_the_way_out(self) -> None:
        """By dots, by absolute paths, by names that only begin alike."""
        for path in (
            "..",
            "../secret",
            "0/../../secret",
            "0/sub/../../../secret",
            "/etc/passwd",
            "/",
            f"{self.root}2/secret",
            f"{self.root}/../secret",
        ):
            self.refused(path, kPermission)

    def test_links(self) -> None:
        """Those that stay within are followed, relative and absolute ones, also on the way."""
        for name, target in (
            ("a", "index.html"),
            ("b", "sub/../index.html"),
            ("c", "../0/index.html"),
            ("d", self.root / "0" / "index.html"),
            ("e", "a"),
        ):
            self.assertEqual(self.read(self.link(name, target)), b"hello")
        self.link("here", ".")
        self.assertEqual(self.read("0/here/here/a"), b"hello")

    def test_links_out(self) -> None:
        """Directly, over a chain, over a directory, to nothing, and round in circles."""
        for name, target in (
            ("a", "../../secret"),
            ("b", self.base / "secret"),
            ("c", "a"),
            ("d", "/proc/self/root/etc/passwd"),
            ("e", f"{self.root}2/secret"),
            ("f", f"{self.root}/../secret"),
        ):
            self.refused(self.link(name, target), kPermission)
        self.link("up", "../..")
        self.refused("0/up/secret", kPermission)
        self.refused(self.link("dangling", "absent"), kNotFound)
        self.refused(self.link("round", "round"), kInputError)
        (self.root / "root").symlink_to("/")
        self.refused("root/etc/passwd", kPermission)

    def test_what_is_no_file(self) -> None:
        """Nothing waits for a writer or wakes a device; it is not even opened."""
        os.mkfifo(self.root / "0" / "fifo")
        with socket.socket(socket.AF_UNIX) as listening:
            here = os.getcwd()
            os.chdir(self.root / "0")  # a socket's path is short
            try:
                listening.bind("socket")
            finally:
                os.chdir(here)
        self.refused("0/fifo", kInputError)
        self.refused("0/socket", kInputError)
        self.refused("0/absent", kNotFound)
        self.refused("0/index.html/x", kNotFound)

    def test_nonsense(self) -> None:
        """Paths that are none, and such as cost too much."""
        self.refused(b"a\0b", kInputError)
        self.refused("x" * 5000, kInputError)
        deep = self.root
        for _ in range(MOST_DEPTH + 1):
            deep /= "d"
        deep.mkdir(parents=True)
        self.refused(str(deep.relative_to(self.root)), kInputError)

    def test_a_directory_that_is_exchanged(self) -> None:
        """
        Safety: while a task changes a directory for a link out, and back, as fast as it
        can, nothing but its own file is ever read.
        """
        inner, aside = self.root / "0" / "sub", self.root / "0" / "aside"
        (inner / "secret").write_bytes(b"own")
        out = self.root / "0" / "out"
        out.symlink_to(self.base)
        stop = threading.Event()

        def attack() -> None:
            while not stop.is_set():
                inner.rename(aside)
                out.rename(inner)
                inner.rename(out)
                aside.rename(inner)

        attacker = threading.Thread(target=attack)
        attacker.start()
        read, refused = 0, 0
        try:
            for _ in range(4000):
                try:
                    self.assertEqual(self.read("0/sub/secret"), b"own")
                    read += 1
                except GalaxyError as error:
                    self.assertIn(error.status, (kPermission, kNotFound))
                    refused += 1
        finally:
            stop.set()
            attacker.join()
        self.assertTrue(read)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.sampled_from(["0", "sub", "..", ".", "", "up", "secret", "self"]), max_size=9)
    )
    def test_no_path_leads_out(self, parts: list[str]) -> None:
        """Safety: whatever the parts are, the secret is not read."""
        for name, target in (("up", ".."), ("self", str(self.root))):
            if not (self.root / "0" / name).is_symlink():
                (self.root / "0" / name).symlink_to(target)
        try:
            descriptor = opened(self.root, "/".join(parts).encode())
        except GalaxyError:
            return
        try:
            place = os.readlink(f"/proc/self/fd/{descriptor}")
            self.assertTrue(f"{place}/".startswith(f"{self.root}/"), place)
        finally:
            os.close(descriptor)


class EntryTests(SynchronousTestCase):
    """What is told of a directory."""

    def test_entries(self) -> None:
        """Kinds, sizes, owners, where links lead; odd bytes as they are."""
        root = Path(self.mktemp()).absolute()
        root.mkdir()
        (root / "file").write_bytes(b"12345")
        (root / "directory").mkdir()
        (root / "link").symlink_to("/etc/passwd")
        os.mkfifo(root / "fifo")
        odd = b"odd\xff\n\x1b[31m"
        (root / os.fsdecode(odd)).touch()
        descriptor = opened(root, b"")
        self.addCleanup(os.close, descriptor)
        found = {entry.name: entry for entry in entries(descriptor)}
        self.assertEqual(
            {name: entry.kind for name, entry in found.items()},
            {
                b"file": "file",
                b"directory": "directory",
                b"link": "link",
                b"fifo": "other",
                odd: "file",
            },
        )
        self.assertEqual((found[b"file"].size, found[b"link"].target), (5, b"/etc/passwd"))
        self.assertTrue(found[b"file"].owner)

    def test_shown(self) -> None:
        """Nothing that a terminal obeys, and one line."""
        self.assertEqual(printable(b"odd\xff\n\x1b[31m"), "odd\\xff\\n\\x1b[31m")
        self.assertEqual(printable("grün".encode()), "grün")
