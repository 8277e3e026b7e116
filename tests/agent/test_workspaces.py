"""The directories of pods."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.workspaces import Workspaces

KEY = PodKey("web_1", 0, 1)


class WorkspaceTests(SynchronousTestCase):
    """Made, found, buried."""

    def setUp(self) -> None:
        self.data = Path(self.mktemp())
        self.workspaces = Workspaces(self.data, maybeDeferred, keep_dead=2)
        self.workspaces.prepare()

    def test_make(self) -> None:
        """A task's workspace is its user's alone; others get through, and cannot look."""
        before = os.umask(0o077)  # a daemon's
        self.addCleanup(os.umask, before)
        user = "nobody" if os.geteuid() == 0 else ""
        self.workspaces.make(KEY, 0, user)
        workspace = self.workspaces.places(KEY).workspace(0)
        self.assertEqual(stat.S_IMODE(workspace.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(workspace.parent.stat().st_mode), 0o711)
        if user:
            self.assertEqual(workspace.stat().st_uid, pwd.getpwnam(user).pw_uid)

    def test_make_again(self) -> None:
        """To make it again leaves what is in it."""
        self.workspaces.make(KEY, 0, "")
        file = self.workspaces.places(KEY).workspace(0) / "file"
        file.write_text("x")
        self.workspaces.make(KEY, 0, "")
        self.assertTrue(file.exists())

    def test_bury(self) -> None:
        """A buried pod can still be read; the oldest make room."""
        for incarnation in range(1, 5):
            key = PodKey("web_1", 0, incarnation)
            self.workspaces.make(key, 0, "")
            self.workspaces.bury(key)
            os.utime(self.data / "dead" / key.name, (incarnation, incarnation))
        self.assertEqual(sorted(os.listdir(self.data / "dead")), ["web_1.0.3", "web_1.0.4"])
        self.assertEqual(os.listdir(self.data / "pods"), [])
        found = self.workspaces.find(PodKey("web_1", 0, 4))
        self.assertEqual(found.numbers(), [0])

    def test_bury_nothing(self) -> None:
        """A pod that never had a directory is buried, too."""
        self.workspaces.bury(KEY)
        self.assertIsNone(self.workspaces.latest(KEY.pod_id))

    def test_one_collection(self) -> None:
        """However many die together, one collection runs at a time."""
        waiting: list[tuple[Callable[[], object], Deferred[object]]] = []

        def in_thread(work: Callable[[], object]) -> Deferred[object]:
            done: Deferred[object] = Deferred()
            waiting.append((work, done))
            return done

        workspaces = Workspaces(self.data, in_thread, keep_dead=2)
        for index in range(5):
            key = PodKey("web_1", index, 1)
            workspaces.make(key, 0, "")
            workspaces.bury(key)
        self.assertEqual(len(waiting), 1)
        for _ in range(2):
            work, done = waiting.pop()
            done.callback(work())
        self.assertEqual(waiting, [])
        self.assertEqual(len(os.listdir(self.data / "dead")), 2)

    def test_cannot_bury(self) -> None:
        """A directory that cannot be moved stays, is logged, and harms nobody."""
        self.workspaces.make(KEY, 0, "")
        (self.data / "dead").rmdir()
        (self.data / "dead").write_text("in the way")
        self.workspaces.bury(KEY)
        self.assertEqual(os.listdir(self.data / "pods"), [KEY.name])
        self.assertEqual(len(self.flushLoggedErrors(NotADirectoryError)), 1)

    def test_orphans(self) -> None:
        """Directories that no pod claims are buried at the start."""
        self.workspaces.make(KEY, 0, "")
        self.workspaces.make(PodKey("web_1", 1, 1), 0, "")
        self.workspaces.bury_orphans({KEY.name})
        self.assertEqual(os.listdir(self.data / "pods"), [KEY.name])
        self.assertEqual(os.listdir(self.data / "dead"), ["web_1.1.1"])

    def test_latest(self) -> None:
        """The last incarnation of a slot, dead or alive; none if there never was one."""
        for incarnation in (2, 10):
            key = PodKey("web_1", 0, incarnation)
            self.workspaces.make(key, 0, "")
            self.workspaces.bury(key)
        self.workspaces.make(PodKey("web_1", 0, 9), 0, "")
        self.assertEqual(self.workspaces.latest("web_1.0"), PodKey("web_1", 0, 10))
        self.assertIsNone(self.workspaces.latest("web_1.1"))
