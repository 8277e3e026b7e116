"""What is written to control groups, and which kind of them is used."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from galaxy.gce import cgroup_v1, cgroup_v2
from galaxy.gce.cgroup_none import NoCgroups
from galaxy.gce.cgroup_v1 import CgroupsV1
from galaxy.gce.cgroup_v2 import CgroupsV2
from galaxy.gce.cgroups import (
    Allowance,
    Ceiling,
    CgroupError,
    Entrance,
    ICgroups,
    Io,
    Owed,
    Usage,
    check_processors,
    write,
)
from galaxy.gce.containment import find_cgroups
from galaxy.gce.disks import Disks
from galaxy.gce.memory_machine import MemoryMachine, usual
from galaxy.gce.mounts import Hierarchy

MIB = 1 << 20


class SettingsTests(SynchronousTestCase):
    """What an allowance means, in both versions."""

    def v1(self, allowance: Allowance) -> dict[str, str]:
        return {name: value for _, name, value in cgroup_v1.settings(allowance)}

    def v2(self, allowance: Allowance) -> dict[str, str]:
        return dict(cgroup_v2.settings(allowance))

    def test_hard_cpu(self) -> None:
        """A quota of each period, and shares for when the machine is full."""
        written = self.v1(Allowance(millicores=200))
        self.assertEqual(("20000", "204"), (written["cpu.cfs_quota_us"], written["cpu.shares"]))
        written = self.v2(Allowance(millicores=200))
        self.assertEqual(("20000 100000", "20"), (written["cpu.max"], written["cpu.weight"]))

    def test_soft_cpu(self) -> None:
        """Shares, and no quota."""
        soft = Allowance(millicores=3000, soft_cpu=True)
        written = self.v1(soft)
        self.assertEqual(("-1", "3072"), (written["cpu.cfs_quota_us"], written["cpu.shares"]))
        written = self.v2(soft)
        self.assertEqual(("max 100000", "300"), (written["cpu.max"], written["cpu.weight"]))

    def test_the_least_cpu(self) -> None:
        """What the kernel would refuse as too little is rounded up to its least."""
        least = Allowance(millicores=1)
        self.assertEqual("1000", self.v1(least)["cpu.cfs_quota_us"])
        self.assertEqual("2", self.v1(least)["cpu.shares"])
        self.assertEqual("1000 100000", self.v2(least)["cpu.max"])
        self.assertEqual("1", self.v2(least)["cpu.weight"])

    def test_memory_and_pids(self) -> None:
        """Memory without a way out into swap; as many processes as said."""
        allowance = Allowance(memory_bytes=MIB, pids=9)
        written = self.v1(allowance)
        self.assertEqual(str(MIB), written["memory.limit_in_bytes"])
        self.assertEqual(str(MIB), written["memory.memsw.limit_in_bytes"])
        self.assertEqual("9", written["pids.max"])
        written = self.v2(allowance)
        self.assertEqual((str(MIB), "0"), (written["memory.max"], written["memory.swap.max"]))
        self.assertEqual("9", written["pids.max"])

    def test_no_limit(self) -> None:
        """Zero takes a limit away that was there."""
        self.assertEqual({"-1", "1024", "max", "500"}, set(self.v1(Allowance()).values()))
        self.assertEqual({"max 100000", "100", "max", "500"}, set(self.v2(Allowance()).values()))

    def test_io_weight(self) -> None:
        """In the file of whichever scheduler the disks have."""
        allowance = Allowance(io=Io(weight=10))
        for written, files in (
            (self.v1(allowance), ("blkio.weight", "blkio.bfq.weight")),
            (self.v2(allowance), ("io.weight", "io.bfq.weight")),
        ):
            self.assertEqual(["10", "10"], [written[name] for name in files])

    def test_io_bounds(self) -> None:
        """Of each disk; what is not bounded is said to be so, in case it was."""
        allowance = Allowance(io=Io(read_bytes=MIB, write_ios=7))
        written = cgroup_v1.bounds(allowance, ["8:0", "8:16"])
        self.assertEqual(8, len(written))
        self.assertEqual(
            {
                "blkio.throttle.read_bps_device": f"8:16 {MIB}",
                "blkio.throttle.write_bps_device": "8:16 0",
                "blkio.throttle.read_iops_device": "8:16 0",
                "blkio.throttle.write_iops_device": "8:16 7",
            },
            {name: value for _, name, value in written[4:]},
        )
        self.assertEqual(
            (
                ("io.max", f"8:0 rbps={MIB} wbps=max riops=max wiops=7"),
                ("io.max", f"8:16 rbps={MIB} wbps=max riops=max wiops=7"),
            ),
            cgroup_v2.bounds(allowance, ["8:0", "8:16"]),
        )

    def test_more_operations_than_can_be_counted(self) -> None:
        """Version 1 would take the rest of a division for the bound."""
        written = cgroup_v1.bounds(Allowance(io=Io(read_ios=(1 << 32) + 5)), ["8:0"])
        self.assertIn(("blkio", "blkio.throttle.read_iops_device", "8:0 0"), written)

    def test_ceiling(self) -> None:
        """Processor time and memory of all containers together; zero: no limit."""
        ceiling = Ceiling(1500, MIB)
        self.assertEqual(
            (("cpu", "cpu.cfs_quota_us", "150000"), ("memory", "memory.limit_in_bytes", str(MIB))),
            cgroup_v1.ceiling_settings(ceiling),
        )
        self.assertEqual(
            (("cpu.max", "150000 100000"), ("memory.max", str(MIB))),
            cgroup_v2.ceiling_settings(ceiling),
        )
        self.assertEqual(
            (("cpu.max", "max 100000"), ("memory.max", "max")),
            cgroup_v2.ceiling_settings(Ceiling()),
        )


class TreeTests(SynchronousTestCase):
    """Trees of plain files that look like control groups."""

    def tree(self, files: dict[str, str]) -> Path:
        root = Path(self.mktemp())
        root.mkdir()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    def test_interfaces(self) -> None:
        """Every provider provides."""
        root = self.tree({"cgroup.subtree_control": "", "g/cgroup.subtree_control": "cpu memory"})
        for provider in (
            CgroupsV1([Hierarchy(("cpu", "memory"), str(root))], "v1"),
            CgroupsV2(str(root), "g"),
            NoCgroups("why"),
            MemoryMachine(Clock(), usual),
        ):
            verifyObject(ICgroups, provider)

    def test_v2(self) -> None:
        """Limits are written, processes of groups within the group are its own."""
        controllers = "cpu cpuset io memory pids"
        root = self.tree(
            {
                "cgroup.controllers": controllers,
                "cgroup.subtree_control": controllers,
                "g/a/cgroup.controllers": controllers,
                "g/a/cgroup.subtree_control": controllers,
                "g/cgroup.subtree_control": controllers,
                "g/a/c/cpu.max": "",
                "g/a/c/memory.max": "",
                "g/a/c/cgroup.kill": "",
                "g/a/c/cgroup.procs": "7\n8\n",
                "g/a/c/below/cgroup.procs": "9\n",
                "g/a/c/cpu.stat": "usage_usec 5\nuser_usec 3\n",
                "g/a/c/memory.stat": "anon 10\nfile 20\nshmem 4\n",
                "g/a/c/memory.current": "40\n",
                "g/a/c/pids.current": "3\n",
                "g/a/c/io.stat": "8:0 rbytes=100 wbytes=7 rios=2 wios=1 dbytes=0 dios=0\n"
                "7:0 rbytes=5\n8:16 rbytes=1\n",
            }
        )
        disks = Disks(("8:0",), frozenset({"8:0", "8:16"}))
        cgroups = CgroupsV2(str(root), "g/a", find_disks=lambda: disks)
        self.assertEqual("", cgroups.reason)
        group = root / "g" / "a" / "c"
        self.assertEqual(
            Entrance((f"{group}/cgroup.procs",), f"{group}/memory.events"),
            cgroups.create("c", Allowance(millicores=500, memory_bytes=MIB)),
        )
        self.assertEqual("50000 100000", (group / "cpu.max").read_text())
        self.assertEqual(str(MIB), (group / "memory.max").read_text())
        self.assertEqual([7, 8, 9], cgroups.pids("c", ()))
        cgroups.kill_all("c", ())
        self.assertEqual("1", (group / "cgroup.kill").read_text())
        self.assertEqual(Usage(5000, 14, 40, 3, 101, 7, 2, 1), cgroups.usage("c", ()))
        self.assertEqual(["c"], cgroups.containers())
        self.assertEqual("/g/a/c", cgroups.path("c"))

    def test_v2_without_controllers(self) -> None:
        """A tree that hands down no memory controller is not used, and left as it was."""
        root = self.tree({"cgroup.controllers": "hugetlb", "cgroup.subtree_control": ""})
        error = self.assertRaises(CgroupError, CgroupsV2, str(root), "g")
        self.assertIn("controller cpu", str(error))
        self.assertFalse((root / "g").exists())

    def test_v1_shortcomings(self) -> None:
        """What is missing is said."""
        root = self.tree({})
        cgroups = CgroupsV1([Hierarchy(("cpu", "memory"), str(root))], "g")
        self.assertIn("cpuacct, pids, freezer, cpuset, blkio", cgroups.reason)

    def test_groups_of_others(self) -> None:
        """Only what is below the base is listed or removed."""
        root = self.tree({})
        (root / "others" / "c").mkdir(parents=True)
        cgroups = CgroupsV1([Hierarchy(("cpu", "memory"), str(root))], "g/a")
        cgroups.create("c", Allowance())
        (root / "g" / "b").mkdir()
        self.assertEqual(["c"], cgroups.containers())
        cgroups.remove("c")
        cgroups.close()
        self.assertEqual(["b"], os.listdir(root / "g"))
        self.assertTrue((root / "others" / "c").exists())

    def test_a_name_that_is_taken(self) -> None:
        """A container cannot have the name of a control file."""
        root = self.tree({"g/tasks": ""})
        cgroups = CgroupsV1([Hierarchy(("cpu", "memory"), str(root))], "g")
        error = self.assertRaises(CgroupError, cgroups.create, "tasks", Allowance())
        self.assertIn("choose another name", str(error))


class ProcessorTests(SynchronousTestCase):
    """Binding to processors."""

    def test_not_there(self) -> None:
        """They are named, and those that are there."""
        error = self.assertRaises(CgroupError, check_processors, "1,4-6", "0-3,5\n")
        self.assertEqual("asks for processors 4,6, and there are only 0-3,5", str(error))

    def test_there(self) -> None:
        """Nothing is said."""
        check_processors("1-2", "0-3")

    def test_no_controller(self) -> None:
        """Who asks to be bound is not run unbound."""
        error = self.assertRaises(CgroupError, check_processors, "0", "")
        self.assertIn("can bind to none", str(error))


class OwedTests(SynchronousTestCase):
    """What is refused now is tried again."""

    def test_later(self) -> None:
        """A file that cannot be written to, and then can."""
        path = Path(self.mktemp()).absolute()
        path.mkdir()
        owed = Owed()
        owed.set([partial(write, str(path), "5")])
        self.assertIn(str(path), owed.refusal)
        path.rmdir()
        path.touch()
        owed.try_again()
        self.assertEqual(("5", ""), (path.read_text(), owed.refusal))

    def test_the_last_word_counts(self) -> None:
        """What was owed before another setting came is owed no longer."""
        owed = Owed()
        owed.set([partial(write, "/", "5")])
        owed.set([])
        self.assertEqual("", owed.refusal)


class ContainmentTests(SynchronousTestCase):
    """Which provider it is, and why."""

    def test_table(self) -> None:
        """By what is mounted."""
        v1, v2 = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        v1.mkdir()
        (v2 / "g").mkdir(parents=True)
        (v2 / "g" / "cgroup.subtree_control").write_text("cpu memory")
        both = f"1 1 0:1 / {v1} rw - cgroup cgroup rw,cpu,memory\n"
        cpu = f"1 1 0:1 / {v1} rw - cgroup cgroup rw,cpu\n"
        unified = f"1 1 0:1 / {v2} rw - cgroup2 cgroup2 rw\n"
        cases = [
            ("g", both, "cgroup-v1", "no cgroup controller for cpuacct, pids, freezer"),
            ("g", both + unified, "cgroup-v1", "no cgroup controller"),
            ("g", unified, "cgroup-v2", "no controller for pids, io, cpuset"),
            ("g", cpu + unified, "cgroup-v2", "no controller for pids, io, cpuset"),
            ("g", cpu, "none", "no control groups for cpu and memory"),
            ("g", "", "none", "no control groups for cpu and memory"),
            ("", both, "none", "switched off"),
            ("g", both.replace(str(v1), "/nonexistent"), "none", "cannot make the group"),
        ]
        for base, text, isolation, reason in cases:
            cgroups = find_cgroups(base, mountinfo=lambda text=text: text)  # type: ignore[misc]
            self.assertEqual(isolation, cgroups.isolation, text)
            self.assertIn(reason, cgroups.reason)
