"""Deleted files that are open: of this process, in groups that a test makes up."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.storage.unlinked import unlinked

MIB = 1 << 20


class UnlinkedTests(SynchronousTestCase):
    """A /proc with processes that have this one's open files."""

    def setUp(self) -> None:
        self.proc = Path(self.mktemp()).absolute()
        self.proc.mkdir()
        self.file = Path(self.mktemp())

    def process(self, pid: int, group: str) -> None:
        """A process of a group, with all that this one has open."""
        place = self.proc / str(pid)
        place.mkdir()
        (place / "cgroup").write_text(f"4:memory:/galaxy/{group}\n0::/\n")
        (place / "fd").symlink_to("/proc/self/fd")

    def sizes(self, *pods: str) -> dict[str, list[int]]:
        """What the pods have of such files."""
        found = unlinked(pods, str(self.proc))
        return {pod: list(each.sizes.values()) for pod, each in found.items()}

    def test_found(self) -> None:
        """What they take counts, once for each pod, however many have it open."""
        self.process(1, "web_1.0.1.0")
        self.process(2, "web_1.0.1.1/below")
        self.process(3, "other_1.0.1.0")
        with self.file.open("wb", buffering=0) as file:
            file.write(bytes(MIB))
            os.fsync(file.fileno())
            self.assertEqual(self.sizes("web_1.0.1"), {})
            self.file.unlink()
            (sizes,) = self.sizes("web_1.0.1").values()
            self.assertEqual(len(sizes), 1)
            self.assertTrue(MIB <= sizes[0] <= MIB + 65536, sizes)
        self.assertEqual(self.sizes("web_1.0.1"), {})

    def test_the_real_one(self) -> None:
        """Nothing of nobody."""
        self.assertEqual(unlinked(("web_1.0.1",)), {})
