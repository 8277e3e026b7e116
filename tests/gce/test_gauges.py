"""Counters that are read often."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.gauges import Gauges, lines_of, named, number


def descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


class GaugesTests(SynchronousTestCase):
    """Files are opened once, as far as there is room."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp()).absolute()
        self.file.write_text("1\n")
        self.before = descriptors()

    def gauges(self, most: int) -> Gauges:
        gauges = Gauges(most)
        self.addCleanup(gauges.close)
        return gauges

    def test_what_it_says_now(self) -> None:
        """Each reading is a new one."""
        gauges = self.gauges(10)
        self.assertEqual(b"1\n", gauges.read("c", str(self.file)))
        self.file.write_text("22\n")
        self.assertEqual(b"22\n", gauges.read("c", str(self.file)))

    def test_descriptors(self) -> None:
        """One is kept for each file, until the container is forgotten."""
        gauges = self.gauges(10)
        for _ in range(3):
            gauges.read("c", str(self.file))
            gauges.read("d", str(self.file))
        self.assertEqual(self.before + 2, descriptors())
        gauges.forget("c")
        self.assertEqual(self.before + 1, descriptors())
        gauges.forget("c")
        gauges.close()
        self.assertEqual(self.before, descriptors())

    def test_no_room(self) -> None:
        """Beyond the bound, files are read all the same."""
        gauges = self.gauges(1)
        gauges.read("c", str(self.file))
        self.assertEqual(b"1\n", gauges.read("d", str(self.file)))
        self.assertEqual(self.before + 1, descriptors())
        gauges.forget("c")
        gauges.read("d", str(self.file))
        self.assertEqual(self.before + 1, descriptors())

    def test_not_there(self) -> None:
        """What is not there says nothing, and may come later."""
        gauges = self.gauges(10)
        absent = self.file.with_suffix(".absent")
        self.assertEqual(b"", gauges.read("c", str(absent)))
        absent.write_text("3")
        self.assertEqual(b"3", gauges.read("c", str(absent)))


class TextTests(SynchronousTestCase):
    """What the files say."""

    def test_number(self) -> None:
        """Of a file that is not there, none."""
        self.assertEqual((12, 0), (number(b"12\n"), number(b"")))

    def test_named(self) -> None:
        """By the whole name, wherever its line is."""
        text = b"total_rss 5\nrss 7\nrss_huge 9"
        names = (b"rss", b"total_rss", b"rss_huge", b"huge", b"shmem")
        self.assertEqual([7, 5, 9, 0, 0], [named(text, name) for name in names])

    def test_lines_of(self) -> None:
        """Of the disks that are meant, and of no total."""
        text = b"8:0 Read 5\n8:16 Read 6\nTotal 11\n"
        self.assertEqual([["Read", "5"]], list(lines_of(text, {"8:0"})))
