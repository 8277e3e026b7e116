"""What is left of a cluster, found without its help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.local.plan import Layout
from galaxy.client.local.remains import (
    agents_mounts,
    hierarchies,
    kill_processes,
    remove_groups,
)

MOUNTINFO = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
40 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
41 23 0:39 / /a\\040b rw - cgroup cgroup rw,pids
malformed
"""

KEEPER = """
import subprocess, sys, time
task = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(task.pid, flush=True)
time.sleep(600)
"""


class RemainsTests(SynchronousTestCase):
    """Processes, control groups."""

    def test_hierarchies_of_both_versions(self) -> None:
        self.assertEqual(
            list(hierarchies(MOUNTINFO)),
            ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified", "/a b"],
        )

    def test_only_what_agents_have_mounted_is_unmounted(self) -> None:
        """Never the disk that somebody gave to the nexus, or to an agent as a whole."""
        places = ("nexus", "agent-1", "agent-1/pods/x/tmpfs", "agent-10/p q", "agent-x/y", "log")
        lines = [
            f"9 1 0:9 / /c/{place} rw - tmpfs x rw\n".replace("p q", "p\\040q") for place in places
        ]
        lines.append("9 1 0:9 / /d/agent-1/pods rw - tmpfs x rw\n")
        self.assertEqual(
            agents_mounts(Layout(Path("/c")), "".join(lines)),
            ["/c/agent-1/pods/x/tmpfs", "/c/agent-10/p q"],
        )

    def test_groups_are_removed_from_below_and_others_left_alone(self) -> None:
        """On plain directories: what rmdir removes, and in which order."""
        layout = Layout(Path(self.mktemp()).absolute())
        mount = Path(self.mktemp()).absolute()
        (mount / layout.name / "agent-0" / "pod").mkdir(parents=True)
        (mount / "other").mkdir()
        mountinfo = f"1 1 0:1 / {mount} rw - cgroup cgroup rw,cpu\n"
        self.assertEqual(remove_groups(layout, mountinfo), [])
        self.assertEqual([path.name for path in mount.iterdir()], ["other"])

    def test_keepers_and_their_tasks_are_killed_and_nobody_elses(self) -> None:
        mine = Layout(Path(self.mktemp()).absolute())
        other = Layout(Path(self.mktemp()).absolute())
        keeper, task = self.keeper(mine)
        stranger, _ = self.keeper(other)
        kill_processes(mine)
        self.assertEqual(keeper.wait(), -9)
        self.assertIsNone(stranger.poll())
        # The task is a child of init's or of a subreaper's now; dead or gone is the same.
        stat = Path(f"/proc/{task}/stat")
        state = stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else "X"
        self.assertIn(state, "ZX")

    def keeper(self, layout: Layout) -> tuple[subprocess.Popen[bytes], int]:
        """A process with the command line of a gce's keeper, and the pid of its task."""
        pidfile = str(layout.pidfile("gce-0"))
        process = subprocess.Popen(
            [sys.executable, "-c", KEEPER, "--pidfile", pidfile], stdout=subprocess.PIPE
        )
        self.addCleanup(process.communicate)
        self.addCleanup(kill_processes, layout)
        assert process.stdout is not None
        return process, int(process.stdout.readline())
