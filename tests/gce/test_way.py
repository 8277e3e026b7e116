"""The way to a place: gone step by step, through no symbolic link."""

from __future__ import annotations

import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce import way
from tests.gce.engines import temporary_directory


class WayTests(SynchronousTestCase):
    """Directories, files and links, and what is in their way."""

    def setUp(self) -> None:
        self.root = temporary_directory(self).resolve()
        (self.root / "lure").mkdir()
        (self.root / "link").symlink_to("lure")
        (self.root / "file").write_text("text")

    def close(self, descriptor: int) -> os.stat_result:
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def test_made(self) -> None:
        """All on the way, for all to enter; what is there stays as it is."""
        (self.root / "a").mkdir(mode=0o700)
        path = self.root / "a" / "b" / "c"
        found = self.close(way.directory(f"{path}/", made=True))
        self.assertEqual(path.stat().st_ino, found.st_ino)
        self.assertEqual(found.st_ino, self.close(way.directory(str(path))).st_ino)
        self.assertEqual(0o700, stat.S_IMODE((self.root / "a").stat().st_mode))

    def test_the_root(self) -> None:
        """It is a place, too."""
        self.assertEqual(os.stat("/").st_ino, self.close(way.directory("/")).st_ino)

    def test_not_made(self) -> None:
        """What is not there is told of."""
        with self.assertRaises(FileNotFoundError) as raised:
            way.directory(f"{self.root}/a/b")
        self.assertEqual(f"{self.root}/a", raised.exception.filename)

    def test_in_the_way(self) -> None:
        """Links, wherever they lead, and files."""
        (self.root / "magic").symlink_to(f"/proc/self/root{self.root}/lure")
        for name in ("link", "link/a", "magic", "magic/a", "file", "file/a"):
            with self.assertRaises(OSError) as raised:
                way.directory(f"{self.root}/{name}", made=True)
            first = f"{self.root}/{name.split('/')[0]}"
            self.assertEqual(first, raised.exception.filename)
            self.assertIn("a symbolic link, or no directory", str(raised.exception))
        with self.assertRaises(OSError):
            way.directory(f"/proc/self/cwd{self.root}")
        self.assertEqual([], list((self.root / "lure").iterdir()))

    def test_up(self) -> None:
        """A way leads down."""
        with self.assertRaisesRegex(OSError, "leads out"):
            way.directory(f"{self.root}/a/../b", made=True)

    def test_file(self) -> None:
        """Made empty, or as it is; a link is not followed."""
        self.assertEqual(0, self.close(way.file(f"{self.root}/a/new")).st_size)
        self.assertEqual(4, self.close(way.file(f"{self.root}/file")).st_size)
        (self.root / "dangling").symlink_to("lure/victim")
        found = self.close(way.file(f"{self.root}/dangling"))
        self.assertTrue(stat.S_ISLNK(found.st_mode))
        self.assertEqual([], list((self.root / "lure").iterdir()))

    def test_link(self) -> None:
        """Made once."""
        for target in ("usr/bin", "elsewhere"):
            way.link(f"{self.root}/x/bin", target)
            self.assertEqual("usr/bin", os.readlink(self.root / "x" / "bin"))
