"""What tasks see of a machine."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.boxes import Boxes
from galaxy.agent.places import Places
from galaxy.protocol.gce_pb2 import Bind, Box
from galaxy.protocol.types_pb2 import PodDescriptor, Resource, Tmpfs, Volume, kNetworkPrivate

DATA = Path("/srv/galaxy")
POD = PodDescriptor(namespace_isolation=True)
PLACES = Places(Path("/srv/galaxy/pods/web_1.0.2"))


def box(pod: PodDescriptor, boxes: Boxes) -> Box | None:
    """The box of the pod's second task."""
    return boxes.box(pod, "web_1.0", 1, PLACES)


def binds(host_dirs: tuple[str, ...] = (), writable_dirs: tuple[str, ...] = ()) -> list[Bind]:
    """What is bound."""
    found = box(POD, Boxes(DATA, host_dirs, writable_dirs))
    assert found is not None
    return list(found.binds)


class BoxTests(SynchronousTestCase):
    """The rule."""

    def test_own_files(self) -> None:
        """The workspace at its own path, and a /tmp; both are the task's to write to."""
        home = "/srv/galaxy/pods/web_1.0.2"
        expected = [
            Bind(source=f"{home}/1.tmp", target="/tmp", writable=True),
            Bind(source=f"{home}/1.tmp", target="/var/tmp", writable=True),
            Bind(source=f"{home}/1", target=f"{home}/1", writable=True),
        ]
        self.assertEqual(binds(), expected)

    def test_directories_of_the_machine(self) -> None:
        """As the settings have them."""
        found = binds(host_dirs=("/usr",), writable_dirs=("/scratch",))
        self.assertEqual(found[0], Bind(source="/usr", target="/usr"))
        self.assertEqual(found[1], Bind(source="/scratch", target="/scratch", writable=True))

    def test_data_are_hidden(self) -> None:
        """Other tasks' files are not seen, though they lie in what is bound."""
        hidden = [bind.target for bind in binds(host_dirs=("/srv", "/usr")) if bind.tmpfs]
        self.assertEqual(hidden, ["/srv/galaxy"])
        self.assertFalse(any(bind.tmpfs for bind in binds(host_dirs=("/sr", "/usr"))))

    def test_who_wants_none(self) -> None:
        """A pod may see the machine as it is."""
        self.assertIsNone(box(PodDescriptor(), Boxes(DATA)))

    def test_places_of_volumes(self) -> None:
        """What an agent cannot let a pod have, and what it can."""
        there = {"/usr", "/etc", "/mnt", "/mnt/disk1", "/opt/java"}
        boxes = Boxes(
            Path("/home/galaxy/data"),
            ("/usr", "/etc", "/bin", "/mnt", "/opt/java", "/srv"),
            ("/scratch/all",),
            is_there=(there | {"/bin", "/bin/x"}).__contains__,  # a link
            is_directory=there.__contains__,
        )
        table = {
            **dict.fromkeys(("/usr", "/bin", "/opt", "opt/java"), "hide this machine's"),
            **dict.fromkeys(("/etc/x", "/bin/x", "/mnt/disk2", "/opt/java/x"), "no such directory"),
            **dict.fromkeys(("/home", "/home/galaxy/data", "/home/galaxy/data/x"), "has its data"),
            **dict.fromkeys(("/scratch", "/scratch/all/x"), "tasks share /scratch/all"),
            **dict.fromkeys(("/data", "home/disk1", "/mnt/disk1", "/srv/x", "/usrs"), ""),
        }
        for path, reason in table.items():
            volume = Resource(disks=[Volume(quota=1, path="/d"), Volume(quota=1, path=path)])
            for asked in (volume, Resource(tmpfs=Tmpfs(size=1, path=path))):
                told = boxes.refusal(PodDescriptor(requirement=asked))
                self.assertEqual(bool(reason), told.startswith(f"/{path.strip('/')} is no"), path)
                self.assertIn(reason, told)

    def test_name_and_network(self) -> None:
        """The pod's id, as long as the kernel takes; the network only if it is asked for."""
        private = PodDescriptor(namespace_isolation=True, network=kNetworkPrivate)
        found = box(private, Boxes(DATA))
        assert found is not None
        self.assertEqual((found.hostname, found.private_network), ("web_1.0", True))
        longest = Boxes(Path("/srv")).box(POD, "a" * 100, 0, PLACES)
        assert longest is not None
        self.assertEqual((len(longest.hostname), longest.private_network), (64, False))
