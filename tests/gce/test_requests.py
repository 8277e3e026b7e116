"""Whose rights a process gets, and what it may use."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce import record
from galaxy.gce.cgroups import Allowance, Ceiling, Io
from galaxy.gce.requests import DEFAULT_PIDS, ENGINES_OWN, allowance, ceiling, rights_of, spec
from galaxy.protocol.gce_pb2 import Bind, Box, ConfigureRequest, ExecuteRequest, Limits
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kCpuIsolationSoft, kInputError, kPermission

SOMEBODY = 12345


class AllowanceTests(SynchronousTestCase):
    """The limits that are asked for."""

    def test_whole(self) -> None:
        """Each in its place; processors in their shortest form."""
        asked = Limits(
            millicores=500,
            memory=1000,
            cpu_isolation_type=kCpuIsolationSoft,
            pids=7,
            cpuset="1, 0",
            read_bytes_ps=1,
            write_bytes_ps=2,
            read_io_ps=3,
            write_io_ps=4,
            io_weight=10,
        )
        expected = Allowance(500, 1000, 7, soft_cpu=True, processors="0-1", io=Io(1, 2, 3, 4, 10))
        self.assertEqual(expected, allowance(asked))

    def test_processes_have_a_limit(self) -> None:
        """Who says nothing gets the engine's."""
        self.assertEqual(DEFAULT_PIDS, allowance(Limits()).pids)

    def test_refusals(self) -> None:
        """Each says what is wrong."""
        for limits, words in (
            (Limits(memory=-1), "memory is negative"),
            (Limits(write_io_ps=-1), "write_io_ps is negative"),
            (Limits(io_weight=9), "10 to 1000, not 9"),
            (Limits(cpuset="all"), "'all' is no list of processors"),
        ):
            with self.assertRaises(GalaxyError) as caught:
                allowance(limits)
            self.assertEqual(kInputError, caught.exception.status)
            self.assertIn(words, caught.exception.reason)

    def test_ceiling(self) -> None:
        """All containers together."""
        self.assertEqual(Ceiling(1, 2), ceiling(ConfigureRequest(millicores=1, memory=2)))
        with self.assertRaises(GalaxyError):
            ceiling(ConfigureRequest(memory=-1))


class RightsTests(SynchronousTestCase):
    """Of an engine that is root, and of one that is not."""

    def refused(self, user: str, own_uid: int) -> Status:
        with self.assertRaises(GalaxyError) as caught:
            rights_of(user, own_uid)
        return caught.exception.status

    def test_root_gives_any_rights(self) -> None:
        """User, group and all further groups."""
        rights = rights_of("root", 0)
        self.assertEqual((rights.uid, rights.gid), (0, 0))
        self.assertIn(0, rights.groups)

    def test_only_root_can(self) -> None:
        """Without root nothing runs as somebody else."""
        self.assertEqual(self.refused("root", SOMEBODY), kPermission)

    def test_nobody_named(self) -> None:
        """Then it runs as the engine does."""
        for own_uid in (0, SOMEBODY):
            self.assertIs(rights_of("", own_uid), ENGINES_OWN)

    def test_no_such_user(self) -> None:
        """A name that the machine does not know is the caller's mistake."""
        self.assertEqual(self.refused("no-such-user", 0), kInputError)


class BoxTests(SynchronousTestCase):
    """What a process is to see."""

    def request(self, **box: Any) -> ExecuteRequest:
        return ExecuteRequest(
            cwd="/w",
            stdout_path="/o",
            stderr_path="/e",
            envs=["A=b"],
            box=Box(**{"hostname": "web.0", **box}),
        )

    def test_whole(self) -> None:
        """Each in its place; targets in their shortest form."""
        binds = [
            Bind(source="/usr", target="/usr/"),
            Bind(target="/a//b", tmpfs=4096, writable=True),
        ]
        asked = self.request(binds=binds, private_network=True)
        asked.seccomp = "default"
        found = spec(asked, ENGINES_OWN)
        shared = record.Bind("/usr", "/usr")
        own = record.Bind("", "/a/b", writable=True, tmpfs=4096)
        self.assertEqual(record.Box("web.0", (own,), True, (shared,), ("/a",)), found.box)
        self.assertTrue(found.seccomp)

    def test_none(self) -> None:
        """Without a box it sees the machine."""
        asked = self.request()
        asked.ClearField("box")
        self.assertIsNone(spec(asked, ENGINES_OWN).box)

    def test_mistakes(self) -> None:
        """What cannot be a box is refused, with what is wrong."""
        for box, words in (
            ({"hostname": ""}, "host name"),
            ({"hostname": "a" * 65}, "host name"),
            ({"binds": [Bind(source="/a", target="b")]}, "target"),
            ({"binds": [Bind(source="a", target="/b")]}, "source"),
            ({"binds": [Bind(source="/a", target="/x/..")]}, "root"),
            ({"binds": [Bind(target="/b")]}, "size"),
        ):
            refused = self.assertRaises(GalaxyError, spec, self.request(**box), ENGINES_OWN)
            self.assertIn(words, refused.reason)
