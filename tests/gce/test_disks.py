"""Which disks are bounded and counted, by what is mounted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.disks import Disks, disks

PCI = "/sys/devices/pci0000:00/0000:00:02.0"
VIRTUAL = "/sys/devices/virtual/block"
LINKS = {
    "8:0": f"{PCI}/block/sda",
    "8:1": f"{PCI}/block/sda/sda1",
    "8:2": f"{PCI}/block/sda/sda2",
    "259:0": f"{PCI}/nvme/nvme0/nvme0n1",
    "259:1": f"{PCI}/nvme/nvme0/nvme0n1/nvme0n1p1",
    "253:0": f"{VIRTUAL}/dm-0",
    "7:0": f"{VIRTUAL}/loop0",
}


def mount(device: str, path: str, kind: str = "ext4", source: str = "none") -> str:
    """A line of /proc/self/mountinfo."""
    return f"22 1 {device} / {path} rw,relatime shared:1 - {kind} {source} rw\n"


ROOT = mount("8:1", "/")
REAL = frozenset({"8:0", "259:0"})


class DisksTests(SynchronousTestCase):
    """Each machine, and its disks."""

    def found(self, *mounts: str, directory: str = "/data") -> Disks:
        numbers = {"/dev/nvme0n1p1": "259:1"}
        return disks("".join(mounts), LINKS, directory, lambda path: numbers.get(path, ""))

    def test_partitions(self) -> None:
        """The kernel bounds disks: a partition stands for its disk, two for the same one."""
        found = self.found(ROOT, mount("8:2", "/data"))
        self.assertEqual(Disks(("8:0",), REAL), found)

    def test_several(self) -> None:
        """Every disk that is mounted somewhere."""
        self.assertEqual(("8:0", "259:0"), self.found(ROOT, mount("259:1", "/ssd")).bounded)

    def test_logical_volume(self) -> None:
        """It is bounded where it is mounted; its bytes count once, on the disks below."""
        found = self.found(mount("253:0", "/"))
        self.assertEqual(Disks(("253:0",), REAL), found)

    def test_loop_device(self) -> None:
        """A file that is mounted is a disk of its own."""
        self.assertEqual(("8:0", "7:0"), self.found(ROOT, mount("7:0", "/data")).bounded)

    def test_a_number_of_its_own(self) -> None:
        """btrfs shows no number of a disk; its source is looked at."""
        found = self.found(mount("0:33", "/data", "btrfs", "/dev/nvme0n1p1"))
        self.assertEqual(Disks(("259:0",), REAL), found)

    def test_no_disk(self) -> None:
        """Where pods live on no disk, nothing there can be bounded, and that is said."""
        for kind in ("tmpfs", "overlay", "nfs4"):
            found = self.found(ROOT, mount("0:40", "/data", kind))
            self.assertEqual(("8:0",), found.bounded)
            self.assertEqual(
                f"io in /data is not bounded: {kind} has no disk of its own", found.reason
            )

    def test_the_innermost_mount_counts(self) -> None:
        """And of two in the same place, the later one; never one that only begins alike."""
        tmpfs = mount("0:40", "/data", "tmpfs")
        self.assertEqual("", self.found(ROOT, tmpfs, mount("8:2", "/data")).reason)
        self.assertIn("tmpfs", self.found(ROOT, mount("8:2", "/data"), tmpfs).reason)
        self.assertEqual("", self.found(ROOT, mount("0:40", "/dat", "tmpfs")).reason)

    def test_only_virtual_disks(self) -> None:
        """Where the machine has no disk of its own, what is mounted counts."""
        links = {"7:0": LINKS["7:0"]}
        found = disks(mount("7:0", "/"), links, "/", lambda path: "")
        self.assertEqual(Disks(("7:0",), frozenset({"7:0"})), found)

    @given(st.text())
    @settings(deadline=None)
    def test_any_text(self, text: str) -> None:
        """Safety: no text is an error."""
        self.found(text)
