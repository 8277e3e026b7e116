"""What a task may use and see, tried by programs that try."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from galaxy.gce.cgroup_v2 import CgroupsV2
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups
from galaxy.gce.procfs import start_time
from galaxy.protocol.gce_pb2 import (
    RemoveRequest,
    StopRequest,
    kProcessFailed,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kInputError
from tests.gce.contract import NO_CALL
from tests.gce.engines import (
    CGROUP,
    unified,
    why_no_cgroups,
    why_no_unified,
)
from tests.gce.isolated import HIDDEN, NO_ROOT, USER, Isolated

# Takes a while to obey SIGTERM, and says how it went.
DRAINS = """
import signal, sys, time

def drain(*_):
    time.sleep(0.5)
    print("drained", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, drain)
print("ready", flush=True)
while True:
    time.sleep(1000)
"""


class EscapeTests(Isolated):
    """Without control groups: nothing of a task survives its stop."""

    async def test_grace_is_for_all(self) -> None:
        """When the shell obeys SIGTERM at once, what it started still has the whole grace."""
        await self.execute(self.python(DRAINS).removeprefix("exec ") + "; true")
        await self.printed("ready\n")
        await self.gce.stop(StopRequest(container="c", grace_s=50), NO_CALL)
        self.assertEqual("ready\ndrained\n", self.output())
        self.assertEqual(15, (await self.watching.ended("c", "main.0")).signal)

    async def test_leftovers_are_asked_first(self) -> None:
        """What a command left when it ended by itself gets SIGTERM before SIGKILL."""
        drains = self.python(DRAINS).removeprefix("exec ")
        ready = f"until grep -q ready {self.directory}/out; do sleep 0.01; done"
        await self.run_to_end(f"{drains} & {ready}; exit 3")
        self.assertEqual("ready\ndrained\n", self.output())

    async def test_stop_reaches_what_hides(self) -> None:
        """Double fork, `setsid`, ignored SIGTERM, a stopped child: all dead when Stop answers."""
        pids = await self.hidden("time.sleep(1000)")
        await self.gce.stop(StopRequest(container="c", grace_s=0.2), NO_CALL)
        self.assertEqual([None] * HIDDEN, [start_time(pid) for pid in pids])

    async def test_remove_reaches_what_hides(self) -> None:
        """The same for Remove."""
        pids = await self.hidden("time.sleep(1000)")
        await self.gce.remove(RemoveRequest(container="c"), NO_CALL)
        self.assertEqual([None] * HIDDEN, [start_time(pid) for pid in pids])

    async def test_nothing_outlives_its_command(self) -> None:
        """When the command has ended, what it left in the background is dead too."""
        pids = await self.hidden("sys.exit(5)")
        self.assertEqual(5, (await self.watching.ended("c", "main.0")).exit_code)
        self.assertEqual([None] * HIDDEN, [start_time(pid) for pid in pids])


class CgroupEscapeTests(EscapeTests):
    """The same in control groups."""

    skip = why_no_cgroups()

    def cgroups(self) -> ICgroups:
        return find_cgroups(CGROUP)


class UnifiedEscapeTests(EscapeTests):
    """The same in version 2, which kills a group at once."""

    skip = why_no_unified()

    def cgroups(self) -> ICgroups:
        return CgroupsV2(unified(), CGROUP, needed=())


class TaskTests(Isolated):
    """What a task finds when it begins."""

    async def test_environment_is_whole(self) -> None:
        """It has the environment asked for and nothing else (the shell adds PWD)."""
        await self.run_to_end("env")
        self.assertEqual(
            {"PATH=/usr/bin:/bin", "A=with space", "PWD=/tmp"}, set(self.output().splitlines())
        )

    async def test_descriptors(self) -> None:
        """It has three descriptors: nothing to read, its output files, appended to."""
        (self.directory / "out").write_text("before\n")
        await self.run_to_end("for fd in /proc/$$/fd/*; do readlink $fd; done; echo e >&2")
        expected = ["before", "/dev/null", str(self.directory / "out"), str(self.directory / "err")]
        found = [line for line in self.output().splitlines() if "/fd" not in line]
        self.assertEqual(expected, found)
        self.assertEqual("e\n", (self.directory / "err").read_text())

    async def test_signals(self) -> None:
        """No signal is blocked or ignored, but for the two that belong to the C library."""
        await self.run_to_end("exec grep -E 'Sig(Blk|Ign)' /proc/self/status")
        masks = [int(line.split()[1], 16) for line in self.output().splitlines()]
        the_librarys = 1 << 31 | 1 << 32  # signals 32 and 33; whoever started us decides
        self.assertEqual([0, 0], [mask & ~the_librarys for mask in masks])

    async def test_output_through_a_link(self) -> None:
        """An output file that is a symbolic link is refused: it could lead anywhere."""
        target = self.directory / "target"
        target.touch()
        (self.directory / "out").symlink_to(target)
        status = await self.execute("echo x")
        self.assertEqual(kProcessFailed, status.state)
        self.assertIn(str(self.directory / "out"), status.reason)
        self.assertEqual("", target.read_text())

    async def test_output_to_a_pipe(self) -> None:
        """One that nobody reads is refused, and nobody waits for its other end."""
        os.mkfifo(self.directory / "out")
        self.assertEqual(kProcessFailed, (await self.execute("echo x")).state)

    async def test_session_of_its_own(self) -> None:
        """A signal to all of its group or session reaches nobody else."""
        await self.run_to_end("echo $$ $$; cut -d ' ' -f 5,6 /proc/$$/stat")
        itself, group_and_session = self.output().splitlines()
        self.assertEqual(itself, group_and_session)

    async def test_unknown_user(self) -> None:
        """A user that the machine does not know is an error of the request."""
        try:
            await self.execute("true", user="no-such-user")
        except GalaxyError as error:
            self.assertEqual(kInputError, error.status)
            self.assertIn("no-such-user", error.reason)
        else:
            self.fail("it was accepted")


class UserTests(Isolated):
    """A task with a user has that user's rights and no more."""

    skip = NO_ROOT

    async def test_rights(self) -> None:
        """User, group and supplementary groups are the user's; no program gives more."""
        await self.run_to_end("id -u; id -g; id -G; grep NoNewPrivs /proc/self/status", user=USER)
        entry = pwd.getpwnam(USER)
        groups = " ".join(str(group) for group in os.getgrouplist(USER, entry.pw_gid))
        expected = [str(entry.pw_uid), str(entry.pw_gid), groups, "NoNewPrivs:\t1"]
        self.assertEqual(expected, self.output().splitlines())

    async def test_cannot_kill_its_keeper(self) -> None:
        """The keeper, its parent, is not the user's to signal."""
        ended = await self.run_to_end("kill -KILL $PPID", user=USER)
        self.assertEqual((1, 0), (ended.exit_code, ended.signal))

    async def test_cannot_read_records(self) -> None:
        """The records hold others' environments; they are root's alone."""
        ended = await self.run_to_end(f"ls {self.directory}/gce/containers", user=USER)
        self.assertNotEqual(0, ended.exit_code)

    async def test_cannot_leave_its_groups(self) -> None:
        """A task cannot move itself elsewhere in the tree."""
        files = [str(path) for path in Path("/sys/fs/cgroup").glob("*/tasks")]
        files += [str(path) for path in Path("/sys/fs/cgroup").glob("**/cgroup.procs")][:5]
        tries = " || ".join(f"echo $$ > {path}" for path in files)
        ended = await self.run_to_end(tries or "false", user=USER)
        self.assertNotEqual(0, ended.exit_code)
