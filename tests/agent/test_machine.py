"""How much of the machine pods may have."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.machine import Capacity, Machine, TooSmall, capacity
from galaxy.agent.storage.disks import Disk
from galaxy.settings import AgentSettings

GIB = 1 << 30
MACHINE = Machine("host", 4, 8 * GIB)


class CapacityTests(SynchronousTestCase):
    """Settings, and what is there."""

    def test_less_the_reserve(self) -> None:
        """Where nothing is said: the machine less the reserve."""
        settings = AgentSettings(reserve_millicores=500, reserve_memory_bytes=GIB)
        self.assertEqual(capacity(MACHINE, settings), Capacity(3500, 7 * GIB))

    def test_as_told(self) -> None:
        """What is said stands, whatever the machine has, and is not reduced."""
        settings = AgentSettings(millicores=64000, memory_bytes=GIB, reserve_millicores=500)
        self.assertEqual(capacity(MACHINE, settings), Capacity(64000, GIB))

    def test_too_small(self) -> None:
        """A reserve that leaves nothing is refused with the numbers."""
        with self.assertRaises(TooSmall) as caught:
            capacity(MACHINE, AgentSettings(reserve_millicores=4000))
        self.assertIn("4000 millicores", str(caught.exception))

    def test_here(self) -> None:
        """This machine has a name, a core, and some memory."""
        here = Machine.here(Path())
        self.assertTrue(here.hostname)
        self.assertGreaterEqual(here.cores, 1)
        self.assertGreater(here.memory_bytes, 1 << 20)
        self.assertGreater(here.disk_bytes, 0)

    def test_disks(self) -> None:
        """Those that are configured; if none is, a part of the data directory's file system."""
        machine = evolve(MACHINE, disk_bytes=50 * GIB)
        told = AgentSettings(disks=("/mnt/a=2G", "/mnt/b/=1.5G"), ssds=("/fast=1G",))
        found = capacity(machine, told)
        self.assertEqual(found.disks, (Disk("/mnt/a", 2 * GIB), Disk("/mnt/b", 3 * GIB // 2)))
        self.assertEqual(found.ssds, (Disk("/fast", GIB),))
        own = capacity(machine, AgentSettings(data_dir="/data"))
        self.assertEqual((own.disks, own.ssds), ((Disk("/data/volumes", 50 * GIB),), ()))

    def test_no_disk(self) -> None:
        """A disk is /PATH=SIZE; anything else is a ValueError that says so."""
        for text in ("", "/mnt", "mnt=5G", "/mnt/../x=5G", "/mnt=much"):
            with self.assertRaises(ValueError) as caught:
                capacity(MACHINE, AgentSettings(disks=(text,)))
            self.assertRegex(str(caught.exception), "write /PATH=SIZE|is not a size")
