"""What tasks see of a machine."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.boxes import Boxes
from galaxy.agent.places import Places
from galaxy.protocol.gce_pb2 import Bind, Box
from galaxy.protocol.types_pb2 import PodDescriptor, kNetworkPrivate

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

    def test_name_and_network(self) -> None:
        """The pod's id, as long as the kernel takes; the network only if it is asked for."""
        private = PodDescriptor(namespace_isolation=True, network=kNetworkPrivate)
        found = box(private, Boxes(DATA))
        assert found is not None
        self.assertEqual((found.hostname, found.private_network), ("web_1.0", True))
        longest = Boxes(Path("/srv")).box(POD, "a" * 100, 0, PLACES)
        assert longest is not None
        self.assertEqual((len(longest.hostname), longest.private_network), (64, False))
