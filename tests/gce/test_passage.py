"""A way to a workspace below a home that the task's user may not enter."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import rmtree

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.passage import closed_ancestor

NOBODY = 65534
ENTER = """
import os, sys
from galaxy.gce.passage import open_passage
directory, command = sys.argv[1:]
open_passage(directory, 65534, [65534])
os.chdir(directory)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execv("/bin/sh", ["/bin/sh", "-c", command])
"""


class PassageTests(SynchronousTestCase):
    """/home/somebody is closed to others; the workspace is below it."""

    if os.geteuid() != 0:
        skip = "only root gives tasks another user's rights"

    def setUp(self) -> None:
        """A closed home with a secret and a workspace."""
        self.home = Path(tempfile.mkdtemp())  # mode 0700
        self.addCleanup(rmtree, self.home)
        (self.home / "secret").write_text("nobody's business")
        self.workspace = self.home / "cluster" / "pods" / "web.0"
        self.workspace.mkdir(parents=True)
        (self.workspace / "file").write_text("mine")
        os.chown(self.workspace, NOBODY, NOBODY)

    def _enter(self, command: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", ENTER, str(self.workspace), command],
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.stdout + ended.stderr

    def test_own_files(self) -> None:
        """The task opens its files by their whole paths, and writes where it should."""
        said = self._enter(f"cat {self.workspace}/file; echo more > {self.workspace}/new; pwd")
        self.assertEqual(said, f"mine{self.workspace}\n")
        self.assertEqual((self.workspace / "new").read_text(), "more\n")

    def test_nothing_else(self) -> None:
        """Of the closed directory only the way to the workspace can be seen."""
        self.assertEqual(
            self._enter(f"ls {self.home} {self.home}/cluster/pods").split(),
            [*(f"{self.home}:", "cluster", f"{self.home}/cluster/pods:", "web.0")],
        )

    def test_host_is_untouched(self) -> None:
        """The machine's own mounts are as they were."""
        before = Path("/proc/self/mountinfo").read_text()
        self._enter("true")
        self.assertEqual(Path("/proc/self/mountinfo").read_text(), before)
        self.assertTrue((self.home / "secret").exists())

    def test_closed_ancestor(self) -> None:
        """The uppermost closed directory is found; an open way has none."""
        path = str(self.workspace)
        self.assertEqual(closed_ancestor(path, NOBODY, [NOBODY]), str(self.home))
        self.home.chmod(0o711)
        self.assertIsNone(closed_ancestor(path, NOBODY, [NOBODY]))
