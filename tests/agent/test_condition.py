"""What is read of this very machine."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.condition import MachineCondition


class ConditionTests(SynchronousTestCase):
    """Real readings."""

    def test_here(self) -> None:
        """Everything can be had, and shares are shares."""
        reading = MachineCondition([Path("/")]).read()
        for share in (reading.cpu, reading.memory, reading.disk, reading.inodes):
            assert share is not None
            self.assertTrue(0 <= share <= 1, reading)
        assert reading.load is not None
        self.assertGreaterEqual(reading.load, 0)
        self.assertEqual(reading.read_only, "")

    def test_what_is_not_there_is_left_out(self) -> None:
        reading = MachineCondition([Path("/no/such/directory")]).read()
        self.assertIsNone(reading.disk)

    def test_what_was_there_and_is_not(self) -> None:
        """Removed, or another by that name, as when a disk is not mounted any more; until it is."""
        directory, elsewhere = Path(self.mktemp()), Path(self.mktemp())
        condition = MachineCondition([Path("/"), directory])
        self.assertEqual(condition.read().gone, "")
        directory.mkdir()
        self.assertEqual(condition.read().gone, "")
        directory.rename(elsewhere)
        self.assertEqual(condition.read().gone, str(directory))
        directory.mkdir()
        self.assertEqual(condition.read().gone, str(directory))
        directory.rmdir()
        elsewhere.rename(directory)
        self.assertEqual(condition.read().gone, "")

    def test_errors(self) -> None:
        """Of all file systems that count them."""
        ext4 = Path(self.mktemp())
        for name, count in (("sda1", "2\n"), ("sdb1", "5\n")):
            (ext4 / name).mkdir(parents=True)
            (ext4 / name / "errors_count").write_text(count)
        self.assertEqual(MachineCondition([], ext4).read().disk_errors, 7)
