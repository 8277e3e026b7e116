"""Every provider of control groups that works here keeps the promises of `ICgroups`."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from galaxy.gce.cgroup_none import NoCgroups
from galaxy.gce.cgroup_v2 import CgroupsV2
from galaxy.gce.cgroups import Allowance, Ceiling, CgroupError, ICgroups, Io
from galaxy.gce.containment import find_cgroups
from tests.gce.engines import CGROUP, groups, unified, why_no_cgroups, why_no_unified

# Enters the groups whose files are its arguments, and does as its first one says,
# which is to say "in".
ENTERS = 'does=$1; shift; for file in "$@"; do echo 0 > "$file"; done; eval "$does"'
SLEEPS, SPINS = "echo in; exec sleep 1000", "echo in; while :; do :; done"
ALLOWANCE = Allowance(
    millicores=500, memory_bytes=64 << 20, pids=50, io=Io(1 << 30, 1 << 30, 1000, 1000, 100)
)


class Groups(TestCase):
    """A provider, and processes in its groups."""

    timeout = 60

    def provider(self) -> ICgroups:
        return find_cgroups(CGROUP)

    def setUp(self) -> None:
        self.cgroups = self.provider()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.addCleanup(self.leave_nothing)

    def leave_nothing(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
        for container in self.cgroups.containers():
            self.cgroups.remove(container)
        self.cgroups.close()
        self.assertEqual([], groups(CGROUP))

    def enter(self, container: str, does: str, allowance: Allowance = ALLOWANCE) -> int:
        """The pid of a process that is in the groups of a container."""
        entrance = self.cgroups.create(container, allowance)
        process = subprocess.Popen(
            ["/bin/sh", "-c", ENTERS, "sh", does, *entrance.join],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        self.assertEqual(b"in\n", process.stdout.readline())
        return process.pid

    def end_of(self, pid: int) -> int:
        """Wait for a process to end; its code, as Popen has it."""
        return next(process.wait() for process in self.processes if process.pid == pid)


class GroupsTests(Groups):
    """With groups: the best kind that this machine has."""

    skip = why_no_cgroups()

    def test_provides(self) -> None:
        """It has every method."""
        verifyObject(ICgroups, self.cgroups)

    def test_create_twice(self) -> None:
        """A container is found again, with other limits, larger or smaller."""
        entrance = self.cgroups.create("c", ALLOWANCE)
        self.assertEqual(entrance, self.cgroups.create("c", Allowance(memory_bytes=1 << 30)))
        self.assertEqual(entrance, self.cgroups.create("c", Allowance(memory_bytes=1 << 20)))
        self.assertEqual(["c"], self.cgroups.containers())

    def test_pids(self) -> None:
        """Those in the container, and no other's."""
        first, second = self.enter("c", SLEEPS), self.enter("d", SLEEPS)
        self.assertEqual([first], self.cgroups.pids("c", ()))
        self.assertEqual([second], self.cgroups.pids("d", ()))
        self.assertEqual([], self.cgroups.pids("unknown", ()))

    def test_usage(self) -> None:
        """Something was used by what is there; nothing where nothing is."""
        self.enter("c", SLEEPS)
        used = self.cgroups.usage("c", ())
        self.assertEqual(1, used.pids)
        self.assertEqual(used.pids, self.cgroups.usage("c", ()).pids)
        self.assertEqual(0, self.cgroups.usage("unknown", ()).pids)

    def test_usage_of_a_namesake(self) -> None:
        """A container that was removed and made again is counted anew."""
        pid = self.enter("c", "echo in; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 0")
        self.end_of(pid)
        self.assertGreater(self.cgroups.usage("c", ()).cpu_ns, 0)
        self.cgroups.remove("c")
        self.assertEqual(0, self.cgroups.usage("c", ()).cpu_ns)
        self.cgroups.create("c", ALLOWANCE)
        self.assertEqual(0, self.cgroups.usage("c", ()).cpu_ns)

    def test_terminate(self) -> None:
        """SIGTERM, and nothing more, to the one container."""
        first, second = self.enter("c", SLEEPS), self.enter("d", SLEEPS)
        self.cgroups.terminate("c", ())
        self.assertEqual(-signal.SIGTERM, self.end_of(first))
        os.kill(second, 0)

    def test_kill_what_is_stopped(self) -> None:
        """A stopped process dies."""
        pid = self.enter("c", SLEEPS)
        os.kill(pid, signal.SIGSTOP)
        self.cgroups.kill_all("c", ())
        self.assertEqual(-signal.SIGKILL, self.end_of(pid))

    def test_remove(self) -> None:
        """Not while something lives in it; then it is gone. Twice is harmless."""
        pid = self.enter("c", SLEEPS)
        self.assertRaises(CgroupError, self.cgroups.remove, "c")
        self.cgroups.kill_all("c", ())
        self.end_of(pid)
        self.cgroups.remove("c")
        self.cgroups.remove("c")
        self.assertEqual([], self.cgroups.containers())

    def test_ceiling(self) -> None:
        """It is set, lifted, and keeps nobody from entering."""
        before = self.cgroups.reason
        self.cgroups.limit(Ceiling(1000, 1 << 30))
        self.enter("c", SLEEPS)
        self.cgroups.limit(Ceiling())
        self.assertEqual(before, self.cgroups.reason)


class UnifiedGroupsTests(GroupsTests):
    """Version 2, with whatever controllers it has here."""

    skip = why_no_unified()

    def provider(self) -> ICgroups:
        return CgroupsV2(unified(), CGROUP, needed=())


class FreezeTests(Groups):
    """A frozen container stands still; it can be thawed, and killed."""

    skip = why_no_cgroups()

    async def stands_still(self) -> None:
        """Wait until no processor time is used any more."""
        clock: Any = reactor
        before = -1
        while (now := self.cgroups.usage("c", ()).cpu_ns) != before:
            before = now
            await deferLater(clock, 0.2)

    async def test_freeze_and_thaw(self) -> None:
        """What ran goes on where it was."""
        self.enter("c", SPINS)
        self.cgroups.freeze("c")
        await self.stands_still()
        frozen = self.cgroups.usage("c", ()).cpu_ns
        self.cgroups.thaw("c")
        while self.cgroups.usage("c", ()).cpu_ns == frozen:
            await deferLater(reactor, 0.02)

    async def test_kill_what_is_frozen(self) -> None:
        """It dies of it, as anything else."""
        pid = self.enter("c", SPINS)
        self.cgroups.freeze("c")
        await self.stands_still()
        self.cgroups.kill_all("c", ())
        self.assertEqual(-signal.SIGKILL, self.end_of(pid))


class UnifiedFreezeTests(FreezeTests):
    """The same in version 2."""

    skip = why_no_unified()

    def provider(self) -> ICgroups:
        return CgroupsV2(unified(), CGROUP, needed=())


class NoGroupsTests(Groups):
    """Without groups, a container is what descends from its keepers."""

    def provider(self) -> ICgroups:
        return NoCgroups("a test")

    def test_stand_in(self) -> None:
        """Pids, use and death go by the keepers; limits and freezing are nothing."""
        verifyObject(ICgroups, self.cgroups)
        self.cgroups.limit(Ceiling(1, 1))
        keeper = self.enter("c", "sh -c 'echo in; kill -STOP $$' & wait")
        (child,) = self.cgroups.pids("c", [keeper])
        self.assertGreater(self.cgroups.usage("c", [keeper]).memory_bytes, 0)
        self.cgroups.freeze("c")
        self.cgroups.thaw("c")
        self.cgroups.kill_all("c", [keeper])
        self.assertEqual(0, self.end_of(keeper))
        self.assertNotEqual(keeper, child)
        self.assertEqual([], self.cgroups.pids("c", [keeper]))
