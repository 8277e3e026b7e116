"""What is mounted, by the text of /proc/self/mountinfo."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.mounts import Hierarchy, Mounts, parse_mountinfo

ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
SYSTEMD = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw shared:9 master:2 - cgroup2 cgroup2 rw\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

CPU_HIERARCHY = Hierarchy(("cpu", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct")
MEMORY_HIERARCHY = Hierarchy(("memory",), "/sys/fs/cgroup/memory")


class MountsTests(SynchronousTestCase):
    """Each text, and what it means."""

    def test_table(self) -> None:
        """Version 1, version 2, both, none."""
        cases = {
            "": Mounts(),
            ROOT: Mounts(),
            ROOT + CPU + MEMORY + SYSTEMD: Mounts((CPU_HIERARCHY, MEMORY_HIERARCHY)),
            ROOT + V2: Mounts((), "/sys/fs/cgroup"),
            CPU + UNIFIED: Mounts((CPU_HIERARCHY,), "/sys/fs/cgroup/unified"),
            MEMORY.replace("/ /sys", r"/ /odd\040place\134"): Mounts(
                (Hierarchy(("memory",), "/odd place\\/fs/cgroup/memory"),)
            ),
        }
        for text, mounts in cases.items():
            self.assertEqual(mounts, parse_mountinfo(text), text)

    def test_read_only(self) -> None:
        """What cannot be written to is of no use."""
        self.assertEqual(Mounts(), parse_mountinfo(V2.replace(" rw,nosuid", " ro,nosuid")))

    def test_mounted_twice(self) -> None:
        """The first mount of a hierarchy counts."""
        again = MEMORY.replace("/sys/fs/cgroup", "/elsewhere")
        self.assertEqual(Mounts((MEMORY_HIERARCHY,)), parse_mountinfo(MEMORY + again))

    @given(st.text())
    @settings(deadline=None)
    def test_any_text(self, text: str) -> None:
        """Safety: no text is an error."""
        parse_mountinfo(text)
