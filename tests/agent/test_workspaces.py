"""The directories of pods."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.workspaces import Workspaces, read_evidence
from galaxy.protocol.agent_pb2 import PodStatus, TaskStatus

KEY = PodKey("web_1", 0, 1)
SLOT = ("web_1", 0)


class WorkspaceTests(SynchronousTestCase):
    """Made, found, buried."""

    def setUp(self) -> None:
        self.data = Path(self.mktemp())
        self.workspaces = Workspaces(self.data)
        self.workspaces.prepare()

    def test_make(self) -> None:
        """A task's workspace is its user's alone; others get through, and cannot look."""
        before = os.umask(0o077)  # a daemon's
        self.addCleanup(os.umask, before)
        user = "nobody" if os.geteuid() == 0 else ""
        self.workspaces.make(KEY, 0, user)
        places = self.workspaces.places(KEY)
        self.assertEqual(stat.S_IMODE(places.directory.stat().st_mode), 0o711)
        for directory in (places.workspace(0), places.temporary(0)):
            self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)
            if user:
                self.assertEqual(directory.stat().st_uid, pwd.getpwnam(user).pw_uid)

    def test_make_again(self) -> None:
        """To make it again leaves what is in it."""
        self.workspaces.make(KEY, 0, "")
        file = self.workspaces.places(KEY).workspace(0) / "file"
        file.write_text("x")
        self.workspaces.make(KEY, 0, "")
        self.assertTrue(file.exists())

    def test_made_by_half(self) -> None:
        """What an agent made that was killed before it was as it is to be, is put right."""
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        user = "nobody" if os.geteuid() == 0 else ""
        workspace = self.workspaces.places(KEY).workspace(0)
        workspace.mkdir(mode=0o700, parents=True)
        self.workspaces.make(KEY, 0, user)
        self.assertEqual(stat.S_IMODE(workspace.parent.stat().st_mode), 0o711)
        if user:
            self.assertEqual(workspace.stat().st_uid, pwd.getpwnam(user).pw_uid)

    def test_bury(self) -> None:
        """A buried pod is somewhere else, and can still be read."""
        self.workspaces.make(KEY, 0, "")
        self.assertTrue(self.workspaces.bury(KEY, 50.0))
        self.assertEqual(os.listdir(self.data / "pods"), [])
        found = self.workspaces.find(KEY)
        self.assertEqual((found.directory.parent.name, found.numbers()), ("dead", [0]))
        (home,) = self.workspaces.dead()
        self.assertEqual((home.key, home.died), (KEY, 50.0))

    def test_remembered(self) -> None:
        """Another agent on the same disk knows them, and when they died."""
        self.workspaces.make(KEY, 0, "")
        self.workspaces.bury(KEY, 50.0)
        again = Workspaces(self.data)
        again.prepare()
        self.assertEqual([(home.key, home.died) for home in again.dead()], [(KEY, 50.0)])

    def test_bury_nothing(self) -> None:
        """A pod that never had a directory leaves nothing."""
        self.assertFalse(self.workspaces.bury(KEY, 50.0))
        self.assertIsNone(self.workspaces.latest(KEY.pod_id))

    def test_evidence(self) -> None:
        """How each attempt that lived in a directory stood in the end is kept there."""
        self.workspaces.make(KEY, 0, "")
        for incarnation in (1, 1, 2):
            task = TaskStatus(exit_code=3, said=["no such table"])
            last = PodStatus(pod_id=KEY.pod_id, incarnation=incarnation, tasks=[task])
            self.workspaces.record(KEY, last)
        self.workspaces.bury(KEY, 50.0)
        told = read_evidence(self.workspaces.find(KEY).directory).pods
        self.assertEqual([pod.incarnation for pod in told], [1, 2])
        self.assertEqual(list(told[1].tasks[0].said), ["no such table"])
        self.assertEqual({Path(pod.path).parent.name for pod in told}, {"dead"})

    def test_no_evidence(self) -> None:
        """A file that is cut short tells nothing, and a pod without directory leaves none."""
        self.workspaces.record(KEY, PodStatus())
        self.workspaces.make(KEY, 0, "")
        directory = self.workspaces.find(KEY).directory
        (directory / "evidence.json").write_text('{"pods": [')
        self.assertEqual(list(read_evidence(directory).pods), [])

    def test_another_file_system(self) -> None:
        """What cannot be moved is dead where it is, also to the next agent; it is collected."""
        self.workspaces.make(KEY, 0, "")
        self.workspaces.record(KEY, PodStatus(pod_id=KEY.pod_id))
        (self.data / "dead").rmdir()
        elsewhere = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(elsewhere.cleanup)
        (self.data / "dead").symlink_to(elsewhere.name)
        self.assertTrue(self.workspaces.bury(KEY, 50.0))
        self.assertEqual([home.died for home in self.workspaces.dead()], [50.0])
        again = Workspaces(self.data)
        again.prepare()
        again.bury_orphans(set(), 2e9)
        (home,) = again.dead()
        self.assertLess(home.died or 0, 2e9)
        self.assertEqual(again.discard(home).parent.name, "trash")
        self.assertEqual(os.listdir(self.data / "pods"), [])

    def test_orphans(self) -> None:
        """Directories that no pod claims are buried at the start."""
        self.workspaces.make(KEY, 0, "")
        self.workspaces.make(PodKey("web_1", 1, 1), 0, "")
        again = Workspaces(self.data)
        again.prepare()
        again.bury_orphans({KEY.name}, 60.0)
        self.assertEqual(os.listdir(self.data / "pods"), [KEY.name])
        self.assertEqual(os.listdir(self.data / "dead"), ["web_1.1.1"])
        self.assertEqual([home.died for home in again.dead()], [60.0])

    def test_outputs(self) -> None:
        """What a slot wrote, over all directories that it left, in order."""
        for incarnation, process in ((2, "main.0"), (1, "stop"), (1, "main.10"), (1, "main.9")):
            key = PodKey("web_1", 0, incarnation)
            self.workspaces.make(key, 0, "")
            self.workspaces.find(key).output(0, incarnation, process, stderr=False).touch()
        self.workspaces.bury(PodKey("web_1", 0, 1), 50.0)
        found = [(each.incarnation, each.process) for each, _ in self.workspaces.outputs(SLOT)]
        self.assertEqual(found, [(1, "main.9"), (1, "main.10"), (1, "stop"), (2, "main.0")])
        since = [each.incarnation for each, _ in self.workspaces.outputs(SLOT, since=2)]
        self.assertEqual(since, [2])

    def test_latest(self) -> None:
        """The last incarnation of a slot, dead or alive; none if there never was one."""
        for incarnation in (2, 10):
            key = PodKey("web_1", 0, incarnation)
            self.workspaces.make(key, 0, "")
            self.workspaces.bury(key, 50.0)
        self.workspaces.make(PodKey("web_1", 0, 9), 0, "")
        self.assertEqual(self.workspaces.latest("web_1.0"), PodKey("web_1", 0, 10))
        self.assertIsNone(self.workspaces.latest("web_1.1"))
