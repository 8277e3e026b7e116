"""What pods have of disks: real directories, and real mounts where this user may mount."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import Pod, PodKey
from galaxy.agent.storage import tmpfs
from galaxy.agent.storage.disks import Mounted
from galaxy.agent.storage.quotas import Part
from galaxy.agent.storage.volumes import Volumes
from galaxy.protocol.types_pb2 import Resource, Tmpfs, Volume

MIB = 1 << 20
KEY = PodKey("web_1", 0, 3)
ASKED = Resource(
    disks=[Volume(quota=5, path="/data/"), Volume(quota=6, path="a b/c")],
    ssds=[Volume(quota=7, path="/data2")],
)


class VolumeTests(SynchronousTestCase):
    """Two disks: one named, one of the agent's own."""

    def setUp(self) -> None:
        self.data = Path(self.mktemp()).absolute()
        self.disk = self.data / "disk"
        for directory in (self.data / "pods", self.disk):
            directory.mkdir(parents=True)
        self.own = str(self.data / "volumes")
        self.volumes = self.started()
        self.pod = Pod(KEY, "v1", "", 0.0, (), disks=(self.own, str(self.disk), str(self.disk)))

    def started(self, *known: str) -> Volumes:
        """Another agent on the same data; pods of these names are known."""
        volumes = Volumes(self.data, [self.own, str(self.disk)], 10 * MIB, maybeDeferred)
        volumes.prepare(known)
        return volumes

    def places(self, volumes: Volumes | None = None) -> list[Path]:
        """The directories of the volumes of the pod."""
        found = (volumes or self.volumes).mounted(self.pod, ASKED)
        return [Path(each.source) for each in found]

    def test_made(self) -> None:
        """Each is there, once, and nobody else looks into it."""
        self.volumes.make(self.pod, ASKED)
        (self.places()[0] / "kept").touch()
        self.volumes.make(self.pod, ASKED)
        self.assertTrue((self.places()[0] / "kept").exists())
        self.assertEqual([path.stat().st_mode & 0o777 for path in self.places()], [0o700] * 3)
        self.assertEqual(self.places()[0], Path(self.own) / "web_1.0.3" / "disk-data")
        self.assertEqual(self.places()[1].parent.parent.parent, self.disk)

    def test_told(self) -> None:
        """Where a task finds it, by name, in the order of the file."""
        found = self.volumes.mounted(self.pod, ASKED)
        self.assertEqual(found[0], Mounted(str(self.places()[0]), "/data", "GALAXY_VOLUME_0"))
        self.assertEqual(
            [(each.target, each.variable) for each in found[1:]],
            [("/a b/c", "GALAXY_VOLUME_1"), ("/data2", "GALAXY_VOLUME_2")],
        )

    def test_taken_over(self) -> None:
        """The attempt that takes over in place finds what was there."""
        later = evolve(self.pod, key=evolve(KEY, incarnation=4), first=3)
        self.assertEqual(self.volumes.mounted(later, ASKED), self.volumes.mounted(self.pod, ASKED))

    def test_no_longer_asked_for(self) -> None:
        """A version that takes over, and has no use for some, has them removed."""
        self.volumes.make(self.pod, ASKED)
        later = evolve(self.pod, key=evolve(KEY, incarnation=4), first=3, disks=self.pod.disks[:1])
        self.volumes.make(later, Resource(disks=ASKED.disks[:1]))
        self.assertEqual([path.exists() for path in self.places()], [True, False, False])

    def test_buried(self) -> None:
        """They go when the pod is forgotten, and nothing else does."""
        other = evolve(self.pod, key=evolve(KEY, index=1))
        for pod in (self.pod, other):
            self.volumes.make(pod, ASKED)
        self.volumes.bury(KEY)
        self.assertEqual([path.parent.exists() for path in self.places()], [False] * 3)
        self.assertTrue(all(Path(m.source).exists() for m in self.volumes.mounted(other, ASKED)))
        self.volumes.bury(KEY)

    def test_restarted(self) -> None:
        """The next agent finds those of its pods by their place, and removes the others."""
        other = evolve(self.pod, key=evolve(KEY, index=1))
        for pod in (self.pod, other):
            self.volumes.make(pod, ASKED)
        again = self.started(KEY.name)
        self.assertEqual(self.places(again), self.places())
        self.assertTrue(all(path.exists() for path in self.places()))
        self.assertFalse(any(Path(m.source).exists() for m in again.mounted(other, ASKED)))

    def test_neighbours(self) -> None:
        """Another agent with a part of the same disk lets them alone."""
        self.volumes.make(self.pod, ASKED)
        data = self.data / "other"
        (data / "pods").mkdir(parents=True)
        Volumes(data, [str(self.disk)], 1, maybeDeferred).prepare(())
        self.assertTrue(all(path.exists() for path in self.places()))

    def test_no_disk(self) -> None:
        """A disk that is configured and not there is an error, and is not made."""
        absent = Volumes(self.data, [str(self.data / "absent")], 1, maybeDeferred)
        self.assertRaises(OSError, absent.prepare, ())

    def test_weighed(self) -> None:
        """The directory of the pod, and each volume."""
        parts = self.volumes.weighable(self.pod, Resource(disks=ASKED.disks, workspace=9))
        first, second, third = parts
        self.assertEqual(first, Part("its workspace", str(self.data / "pods" / KEY.name), 9))
        self.assertEqual((second.what, second.quota_bytes), ("its volume /data/", 5))
        self.assertEqual((third.what, third.quota_bytes), ("its volume a b/c", 6))
        (default,) = self.volumes.weighable(self.pod, Resource())
        self.assertEqual(default.quota_bytes, 10 * MIB)


class TmpfsTests(SynchronousTestCase):
    """Files in memory."""

    if os.geteuid() != 0:
        skip = "only root can mount"

    def setUp(self) -> None:
        self.data = Path(self.mktemp()).absolute()
        self.pod = Pod(KEY, "v1", "nobody", 0.0, ())
        self.directory = self.data / "pods" / KEY.name / "tmpfs"
        (self.data / "pods").mkdir(parents=True)
        self.addCleanup(tmpfs.take_away, self.directory)
        self.volumes = Volumes(self.data, (), MIB, maybeDeferred)

    def put(self, size_bytes: int) -> None:
        """Have one of this size."""
        asked = Resource(tmpfs=Tmpfs(size=size_bytes, path="/fast"))
        self.volumes.make(self.pod, asked)

    def size(self) -> int:
        """How much it may hold."""
        status = os.statvfs(self.directory)
        return status.f_blocks * status.f_frsize

    def test_size(self) -> None:
        """So much, of the task's user; asked for again it stays as it is."""
        self.put(2 * MIB)
        (self.directory / "kept").touch()
        self.put(2 * MIB)
        self.assertEqual((self.size(), (self.directory / "kept").exists()), (2 * MIB, True))
        self.assertEqual(self.directory.stat().st_uid, 65534)
        with (self.directory / "full").open("wb", buffering=0) as file:
            self.assertRaises(OSError, lambda: [file.write(bytes(MIB)) for _ in range(3)])

    def test_resized(self) -> None:
        """A version that asks for another size keeps what is there."""
        self.put(MIB)
        (self.directory / "kept").touch()
        self.put(3 * MIB)
        self.assertEqual((self.size(), (self.directory / "kept").exists()), (3 * MIB, True))

    def test_buried(self) -> None:
        """Nothing stays mounted, also where somebody still has a file of it open."""
        self.put(MIB)
        with (self.directory / "open").open("wb"):
            self.volumes.bury(KEY)
            self.assertFalse(tmpfs.is_put(self.directory))
        self.volumes.bury(KEY)

    def test_orphan(self) -> None:
        """What an agent that was killed left mounted, and no pod claims, is unmounted."""
        self.put(MIB)
        self.volumes.prepare({KEY.name})
        self.assertTrue(tmpfs.is_put(self.directory))
        self.volumes.prepare(())
        self.assertFalse(tmpfs.is_put(self.directory))

    def test_not_weighed(self) -> None:
        """The kernel keeps its size; where it is but a directory, it is weighed."""
        asked = Resource(tmpfs=Tmpfs(size=MIB, path="/fast"))
        self.assertIn("its tmpfs", [part.what for part in self.volumes.weighable(self.pod, asked)])
        self.put(MIB)
        (only,) = self.volumes.weighable(self.pod, asked)
        self.assertEqual(only.what, "its workspace")
