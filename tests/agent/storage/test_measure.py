"""How much a directory holds, with those in it who hide what they have."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.storage.measure import DEEPEST, weigh
from galaxy.agent.storage.quotas import LEAST_BYTES

MIB = 1 << 20
MUCH = 1 << 40


class WeighTests(SynchronousTestCase):
    """Real files."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def weight(self, enough_bytes: int = MUCH) -> int:
        """What all of it weighs."""
        return weigh(str(self.directory), enough_bytes).size_bytes

    def test_nothing(self) -> None:
        """Also where there is no directory."""
        self.assertEqual(self.weight(), 0)
        self.assertEqual(weigh(str(self.directory / "absent"), 1).size_bytes, 0)

    def test_files(self) -> None:
        """What they take on the disk, whatever they say of their size."""
        (self.directory / "inner").mkdir()
        (self.directory / "inner" / "file").write_bytes(b"x" * MIB)
        with (self.directory / "sparse").open("wb") as file:
            file.truncate(MUCH)
        with (self.directory / "reserved").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2 * MIB)
        self.assertTrue(3 * MIB <= self.weight() <= 3 * MIB + 8 * LEAST_BYTES, self.weight())

    def test_empty_files(self) -> None:
        """They have no blocks, and fill a file system all the same."""
        for number in range(100):
            (self.directory / str(number)).touch()
        self.assertGreaterEqual(self.weight(), 100 * LEAST_BYTES)

    def test_names(self) -> None:
        """A file with several names counts once."""
        (self.directory / "file").write_bytes(b"x" * MIB)
        for number in range(9):
            os.link(self.directory / "file", self.directory / f"link{number}")
        self.assertLess(self.weight(), 2 * MIB)

    def test_links(self) -> None:
        """They lead nowhere, and out of nothing."""
        (self.directory / "loop").symlink_to(self.directory)
        (self.directory / "out").symlink_to("/usr")
        self.assertLessEqual(self.weight(), 2 * LEAST_BYTES)

    def test_deep(self) -> None:
        """Nobody hides behind directories that are nested without end."""
        here = os.open(self.directory, os.O_RDONLY)
        for _ in range(DEEPEST + 5):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        self.assertTrue(weigh(str(self.directory), MUCH).deep)

    def test_enough(self) -> None:
        """What is over its quota is not looked through to the end."""
        for number in range(1000):
            (self.directory / str(number)).touch()
        self.assertEqual(self.weight(10 * LEAST_BYTES), 11 * LEAST_BYTES)

    def test_descriptors(self) -> None:
        """All are closed again."""
        (self.directory / "a" / "b" / "c").mkdir(parents=True)
        before = len(os.listdir("/proc/self/fd"))
        self.weight()
        self.weight(1)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
