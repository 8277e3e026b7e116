"""
Quotas that the file system keeps, on one that does: `make test-v2` runs this in its virtual
machine, whose scratch disk is an ext4 with project quotas. Elsewhere it fails.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import Pod, PodKey
from galaxy.agent.storage.project_quotas import is_limited, keeps_quotas, limit
from galaxy.agent.storage.volumes import Volumes
from galaxy.protocol.types_pb2 import Resource, Volume

MIB = 1 << 20
NOBODY = 65534


class KeptTests(SynchronousTestCase):
    """Whoever writes more than is granted is told so at once."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.assertTrue(keeps_quotas(self.directory), "this file system keeps none of projects")

    def refusal(self, work: str) -> int:
        """How Python code ends that another user runs in the directory: the error's number."""
        self.directory.chmod(0o777)
        child = os.fork()
        if child == 0:
            status = 0
            try:
                os.chdir(self.directory)
                os.setuid(NOBODY)
                exec(work, {"os": os})  # noqa: S102 - the test's own
            except OSError as error:
                status = error.errno or 255
            os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_ways(self) -> None:
        """Many small files, one large one, one that is reserved, one that is deleted and open."""
        ways = {
            "small": "for n in range(9999): open(f'f{n}', 'w').close()",
            "large": "f = open('f', 'wb', 0)\nfor _ in range(9): f.write(bytes(1 << 20))",
            "reserved": "os.posix_fallocate(os.open('f', os.O_RDWR | os.O_CREAT), 0, 9 << 20)",
            "deleted": "f = open('f', 'wb', 0)\nos.unlink('f')\n"
            "for _ in range(9): f.write(bytes(1 << 20))",
        }
        whole = self.directory
        for name, work in ways.items():
            self.directory = whole / name
            self.directory.mkdir()
            limit(self.directory, 2 * MIB)
            self.assertIn(self.refusal(work), _FULL, name)

    def test_within(self) -> None:
        """What is granted may be used, and a larger grant gives more."""
        write = "f = open('f', 'wb', 0)\nfor _ in range(3): f.write(bytes(1 << 20))"
        limit(self.directory, 4 * MIB)
        self.assertEqual(self.refusal(write), 0)
        limit(self.directory, 5 * MIB)
        self.assertEqual(self.refusal(write.replace("'f'", "'g'")), errno.EDQUOT)
        limit(self.directory, 9 * MIB)
        self.assertEqual(self.refusal(write.replace("'f'", "'h'")), 0)

    def test_pods(self) -> None:
        """What is kept by the file system need not be weighed."""
        (self.directory / "pods").mkdir()
        volumes = Volumes(self.directory, [str(self.directory / "volumes")], MIB, maybeDeferred)
        volumes.prepare(())
        disks = (str(self.directory / "volumes"),)
        pod = Pod(PodKey("web_1", 0, 1), "v1", "", 0.0, (), disks=disks)
        asked = Resource(disks=[Volume(quota=MIB, path="/data")])
        self.assertEqual(len(volumes.weighable(pod, asked)), 2)
        volumes.make(pod, asked)
        self.assertEqual(volumes.weighable(pod, asked), [])
        directory = self.directory / "pods" / pod.key.name / "0"
        directory.mkdir()
        self.assertTrue(is_limited(directory))


_FULL = {errno.EDQUOT, errno.ENOSPC}
