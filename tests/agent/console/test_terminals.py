"""Where a command's terminal is; the task is a process of this test, in a box of its own making."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.console.terminals import pseudo_terminal
from galaxy.agent.steps import Life, Process

BOX = """
mount -t tmpfs box "$0" && cd "$0" && mkdir -p dev/pts || exit 1
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts || exit 1
for path in bin lib lib64 usr; do mkdir $path && mount --rbind /$path $path || exit 1; done
"""
STAYS = "\nexec chroot . /bin/sh -c 'echo ready; read done'"


class TerminalTests(SynchronousTestCase):
    """The machine's, or the box's."""

    if os.geteuid() != 0:
        skip = "only root makes boxes"

    def task(self, more: str = "") -> Process:
        """A process whose root is another."""
        place = Path(self.mktemp()).absolute()
        place.mkdir(parents=True)
        child = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", BOX + more + STAYS, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(child.communicate)
        assert child.stdout is not None
        self.assertEqual(b"ready\n", child.stdout.readline())
        return self.of(child.pid)

    def of(self, pid: int) -> Process:
        """A process as gce would report it."""
        group = Path(f"/proc/{pid}/cgroup").read_text().splitlines()[0].split(":", 2)[2]
        return Process(Life.RUNNING, pid, cgroup=group)

    def opened(self, task: Process | None) -> tuple[int, str]:
        """The file system of the terminal that is opened for a task, and its path."""
        master, device, path = pseudo_terminal(task)
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, device)
        command = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, command)
        os.write(command, b"shown")
        self.assertEqual(b"shown", os.read(master, 100))
        return os.fstat(command).st_dev, path

    def test_in_the_box(self) -> None:
        """It is one of the box's own."""
        task = self.task()
        there, path = self.opened(task)
        self.assertEqual(os.stat(f"/proc/{task.pid}/root/dev/pts").st_dev, there)
        self.assertNotIn("/dev/pts", path)

    def test_the_machines(self) -> None:
        """No task, one without a box, a process of another group, or a box that was changed."""
        here = os.stat("/dev/pts").st_dev
        other = self.task()
        reused = Process(Life.RUNNING, other.pid, cgroup="/galaxy/another")
        for task in (
            None,
            self.of(os.getpid()),
            reused,
            Process(Life.RUNNING, 2**22 + 1, cgroup="/"),
            self.task("umount dev/pts && rmdir dev/pts && ln -s /dev/pts dev/pts"),
            self.task("umount dev/pts && ln -s /dev/null dev/pts/ptmx"),
            self.task("umount dev/pts && touch dev/pts/ptmx"),
            self.task("umount dev/pts && mknod dev/pts/ptmx c 1 3"),
        ):
            there, path = self.opened(task)
            self.assertEqual(here, there, task)
            self.assertTrue(path.startswith("/dev/pts/"))
