"""What a task in a box sees of the machine, told by the task."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from galaxy.gce.cgroup_none import NoCgroups
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups
from galaxy.libc import mount
from galaxy.protocol.gce_pb2 import Bind, Box, ProcessStatus, StopRequest, kProcessFailed
from tests.gce.contract import FOR_EVER, NO_CALL
from tests.gce.engines import CGROUP, why_no_cgroups
from tests.gce.isolated import NO_ROOT, Isolated

HOST = ("/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc")


class Boxed(Isolated):
    """Tasks run as nobody in a workspace of their own."""

    skip = NO_ROOT

    async def begin(self) -> None:
        """A workspace below a directory that its user may not enter."""
        await super().begin()
        self.home = self.directory / "closed"
        self.workspace = self.home / "pods" / "0"
        self.workspace.mkdir(parents=True)
        self.home.chmod(0o700)
        os.chown(self.workspace, 65534, 65534)

    def box(self, *more: Bind, **options: Any) -> Box:
        binds = [Bind(source=path, target=path) for path in HOST]
        workspace = str(self.workspace)
        binds.append(Bind(source=workspace, target=workspace, writable=True))
        return Box(hostname="web.0", binds=[*binds, *more], **options)

    async def boxed(self, command: str, name: str = "main.0", **more: Any) -> ProcessStatus:
        more = {"user": "nobody", "cwd": str(self.workspace), "box": self.box(), **more}
        return await self.execute(command, name, **more)

    async def said(self, command: str, **more: Any) -> str:
        """What a boxed command writes, and whether it ends well."""
        (self.directory / "out").unlink(missing_ok=True)
        (self.directory / "err").unlink(missing_ok=True)
        name = f"main.{next(self.numbers)}"
        status = await self.boxed(command, name, **more)
        self.assertEqual("", status.reason)
        ended = await self.watching.ended("c", name)
        self.assertEqual(
            (0, 0), (ended.exit_code, ended.signal), (self.directory / "err").read_text()
        )
        return self.output()


class ViewTests(Boxed):
    """One box."""

    async def test_the_root_has_what_was_bound_and_nothing_else(self) -> None:
        """The names in the root, and on the way to the workspace."""
        said = await self.said(f"ls / /dev; ls -A {self.home} {self.home}/pods; pwd")
        top = self.workspace.parts[1]
        seen = said.split()
        root = set(seen[seen.index("/:") + 1 : seen.index("/dev:")])
        usual = {"dev", "proc", "run", "sys", "tmp", "var", top}
        there = {path[1:] for path in HOST if os.path.lexists(path)}
        self.assertEqual(usual | there, root)
        devices = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"
        self.assertEqual(devices.split(), seen[seen.index("/dev:") + 1 :][:13])
        self.assertTrue(said.endswith(f"pods:\n0\n{self.workspace}\n"), said)

    async def test_own_process_ids(self) -> None:
        """It sees its keeper and itself, and no process of the machine."""
        said = await self.said("cd /proc; echo [0-9]*; cat 1/comm")
        self.assertEqual("1 2 galaxy-keeper", " ".join(said.split()[:2] + said.split()[-1:]))

    async def test_own_name(self) -> None:
        """Its host name is the box's; the machine's stays."""
        self.assertEqual("web.0\n", await self.said("uname -n"))
        self.assertNotEqual("web.0", socket.gethostname())

    async def test_files_of_its_own(self) -> None:
        """It writes to its workspace, at the same path as outside."""
        await self.said(f"echo mine > {self.workspace}/file; cat {self.workspace}/file")
        self.assertEqual("mine\n", (self.workspace / "file").read_text())

    async def test_terminals_of_its_own(self) -> None:
        """A new pseudo-terminal is its first."""
        program = "import os; a, b = os.openpty(); print(os.ttyname(b))"
        self.assertEqual("/dev/pts/0\n", await self.said(f"python3 -c '{program}'"))

    async def test_memory_as_a_directory(self) -> None:
        """A file system in memory, as large as was asked for."""
        more = Bind(target="/scratch", tmpfs=1 << 20, writable=True)
        said = await self.said(
            "head -c 500000 /dev/zero > /scratch/a; wc -c < /scratch/a;"
            "head -c 2000000 /dev/zero 2>/dev/null > /scratch/a; wc -c < /scratch/a",
            box=self.box(more),
        )
        self.assertEqual(["500000", str(1 << 20)], said.split())

    async def test_part_of_the_host_may_be_hidden(self) -> None:
        """An empty, read-only file system lies over what is not to be seen."""
        hidden = Bind(target="/etc", tmpfs=4096)
        inside = Bind(source="/etc/passwd", target="/etc/passwd")
        self.assertEqual("passwd\n", await self.said("ls /etc", box=self.box(hidden, inside)))

    async def test_network_of_its_own(self) -> None:
        """Nothing but a loopback, which works."""
        program = (
            "import socket as s; a = s.create_server(('127.0.0.1', 0));"
            "s.create_connection(a.getsockname()); print(*[n for _, n in s.if_nameindex()])"
        )
        said = await self.said(f'python3 -c "{program}"', box=self.box(private_network=True))
        self.assertEqual("lo\n", said)

    async def test_the_machine_is_untouched(self) -> None:
        """Its mounts are as they were."""
        before = Path("/proc/self/mountinfo").read_text()
        await self.said("true")
        self.assertEqual(before, Path("/proc/self/mountinfo").read_text())

    async def test_what_cannot_be_bound_is_named(self) -> None:
        """A target that cannot be made, in what is read-only."""
        bind = Bind(source="/etc", target="/usr/no/such/place")
        status = await self.boxed(FOR_EVER, box=self.box(bind))
        self.assertEqual(kProcessFailed, status.state)
        self.assertIn("cannot make a box: Read-only file system (/usr/no", status.reason)

    async def test_later_mounts_of_the_machine(self) -> None:
        """What is mounted, and what is replaced, between two tasks, the second one sees."""
        place = self.directory / "place"
        place.mkdir()
        box = self.box(Bind(source=str(place), target="/data"))
        seen = [await self.said("ls /data", box=box)]
        mount("galaxy", str(place), "tmpfs", 0)
        try:
            (place / "mounted").touch()
            seen.append(await self.said("ls /data", box=box))
        finally:
            subprocess.run(["umount", str(place)], check=True)
        seen.append(await self.said("ls /data", box=box))
        place.rename(self.directory / "old")
        place.mkdir()
        (place / "replaced").touch()
        seen.append(await self.said("ls /data", box=box))
        self.assertEqual(["", "mounted\n", "", "replaced\n"], seen)

    async def test_below_what_the_task_may_write_to(self) -> None:
        """A target that its own bind is over; the machine gets no mount there."""
        place = self.directory / "place"
        place.mkdir()
        place.chmod(0o777)
        above = Bind(source=str(place), target="/data", writable=True)
        below = Bind(target="/data/scratch", tmpfs=4096, writable=True)
        box = self.box(above, below)
        await self.said("echo a > /data/a; touch /data/scratch/b", box=box)
        self.assertEqual(["a", "scratch"], sorted(os.listdir(place)))
        self.assertEqual([], os.listdir(place / "scratch"))

    async def test_pids_are_the_machines(self) -> None:
        """What is told of a process is what the machine calls it."""
        status = await self.boxed(FOR_EVER)
        told = Path(f"/proc/{status.pid}/status").read_text()
        pids = next(line for line in told.splitlines() if line.startswith("NSpid:"))
        self.assertEqual([str(status.pid), "2"], pids.split()[1:])  # here, and in the box


class JoinTests(Boxed):
    """Processes that share the box of another."""

    async def test_it_sees_what_the_other_sees(self) -> None:
        """Processes, host name and files."""
        await self.boxed(f"echo a > {self.workspace}/a; exec sleep 1000")
        said = await self.said("uname -n; cat a; cat /proc/[0-9]*/comm", join="main.0")
        name, text, first, *others = said.split()
        self.assertEqual(("web.0", "a", "galaxy-keeper"), (name, text, first))
        self.assertEqual(2, len(others))  # the other, and itself

    async def test_a_box_of_its_own_if_the_other_has_ended(self) -> None:
        """It is not refused for that."""
        await self.boxed("exit 0")
        await self.watching.ended("c", "main.0")
        self.assertEqual("1 2\n", await self.said("cd /proc; echo [0-9]*", join="main.0"))

    async def test_the_machine_if_the_other_is_in_no_box(self) -> None:
        """A stop command sees what its task sees."""
        await self.execute(FOR_EVER)
        said = await self.said("uname -n", join="main.0")
        self.assertEqual(socket.gethostname(), said.strip())

    async def test_it_ends_with_the_other(self) -> None:
        """And how it ended is known."""
        first = await self.boxed(FOR_EVER)
        await self.boxed(FOR_EVER, "exec.1", join="main.0")
        os.kill(first.pid, 9)
        self.assertEqual(9, (await self.watching.ended("c", "exec.1")).signal)
        self.assertEqual(9, (await self.watching.ended("c", "main.0")).signal)

    async def test_a_stop_ends_both(self) -> None:
        """By SIGTERM; the box, which goes with the first, kills whoever has not yet obeyed."""
        await self.boxed(FOR_EVER)
        await self.boxed(FOR_EVER, "exec.1", join="main.0")
        await self.gce.stop(StopRequest(container="c", grace_s=50), NO_CALL)
        self.assertEqual(15, (await self.watching.ended("c", "main.0")).signal)
        self.assertIn((await self.watching.ended("c", "exec.1")).signal, (15, 9))


class GroupedViewTests(ViewTests):
    """The same with control groups."""

    skip = NO_ROOT or why_no_cgroups()

    def cgroups(self) -> ICgroups:
        return find_cgroups(CGROUP)


# Trial would run it over nothing.
del Isolated, Boxed, NoCgroups
