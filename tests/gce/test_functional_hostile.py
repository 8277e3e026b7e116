"""
Tasks that mean harm, each a program that tries: on a real engine, with control groups, in a box.

What a program must not be able to do it tries by every way it has, and prints what it
got; what it may do is tried beside it, so that a test cannot pass because nothing works.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

from galaxy.gce import procfs
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups
from galaxy.gce.procfs import descendants, start_time
from galaxy.protocol.gce_pb2 import (
    Bind,
    Box,
    Limits,
    ProcessStatus,
    RemoveRequest,
    StopRequest,
)
from galaxy.protocol.statuses import GalaxyError
from tests.gce.contract import FOR_EVER, NO_CALL
from tests.gce.engines import CGROUP, wait_until, why_no_cgroups
from tests.gce.isolated import NO_ROOT, USER, Isolated

_LIBC = ctypes.CDLL(None, use_errno=True)
_X32 = 0x4000_0000
_ADD_KEY, _REQUEST_KEY, _KEYCTL = (
    (248, 249, 250) if os.uname().machine == "x86_64" else (217, 218, 219)
)
_SESSION = -3  # the session keyring
HOST_DIRS = ("/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc", "/opt", "/srv", "/mnt")
SETUID = next((path for path in ("/bin/su", "/usr/bin/su") if os.path.exists(path)), "")
MANY = 64

# Does what each line says, and prints the lines that worked.
TRIES = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def does(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def write(path, text):
    with open(path, "w") as file:
        file.write(text)
for line in sys.stdin.read().splitlines():
    try:
        exec(line)
    except OSError:
        continue
    print(line, flush=True)
"""


class Hostile(Isolated):
    """Tasks of one container, as an agent would have them run."""

    skip = NO_ROOT or why_no_cgroups()
    timeout = 60

    def cgroups(self) -> ICgroups:
        self.groups = find_cgroups(CGROUP)
        return self.groups

    async def begin(self) -> None:
        await super().begin()
        self.pods = self.directory / "pods"
        self.pods.mkdir()

    def workspace(self, container: str) -> Path:
        found = self.pods / container
        found.mkdir(mode=0o700, exist_ok=True)
        return found

    async def task(
        self, command: str, name: str = "main.0", container: str = "c", **more: Any
    ) -> ProcessStatus:
        """Start a task in its box."""
        workspace = str(self.workspace(container))
        account = pwd.getpwnam(more.get("user", USER) or "root")
        os.chown(workspace, account.pw_uid, account.pw_gid)
        binds = [Bind(source=path, target=path) for path in HOST_DIRS]
        binds.append(Bind(source=workspace, target=workspace, writable=True))
        binds.append(Bind(source=workspace, target="/tmp", writable=True))
        more = {
            "user": USER,
            "cwd": workspace,
            "box": Box(hostname=container, binds=binds),
            "limits": Limits(millicores=1000, memory=256 << 20, pids=MANY),
            **more,
        }
        status = await self.execute(command, name, container=container, **more)
        self.assertEqual("", status.reason)
        return status

    async def prints(self, command: str, **more: Any) -> str:
        """All that a task wrote, when it has ended."""
        (self.directory / "out").unlink(missing_ok=True)
        name = f"main.{next(self.numbers)}"
        await self.task(command, name, **more)
        await self.watching.ended(more.get("container", "c"), name)
        return self.output()

    async def works(self, *lines: str, **more: Any) -> list[str]:
        """Which lines of Python worked."""
        workspace = self.workspace("c")
        (workspace / "tries.py").write_text(TRIES)
        (workspace / "lines").write_text("\n".join(lines))
        said = await self.prints("exec python3 tries.py < lines", **more)
        return said.splitlines()

    def killed(self, pid: int) -> bool:
        return start_time(pid) is None


class SightTests(Hostile):
    """What it sees of others."""

    async def test_processes_of_others(self) -> None:
        """No process but its own is in /proc, and no signal or trace reaches another."""
        other = await self.task(FOR_EVER, container="other")
        pids = [other.pid, os.getpid(), 1]
        worked = await self.works(
            "print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()))",
            *(f"os.kill({pid}, 9)" for pid in pids),
            *(f"os.stat('/proc/{pid}/root/.')" for pid in pids),
            *(f"does(libc.ptrace(16, {pid}, 0, 0))" for pid in pids),
            f"os.pidfd_open({other.pid})",
            "os.kill(os.getpid(), 0)",
        )
        self.assertEqual("[1, 2]", worked[0])
        self.assertEqual(["os.kill(os.getpid(), 0)"], worked[2:])
        self.assertFalse(self.killed(other.pid))

    async def test_its_keeper(self) -> None:
        """It cannot kill, stop, trace or read the keeper, which it sees."""
        worked = await self.works(
            *(f"os.kill(1, {number})" for number in (9, 15, 19, 6)),
            "does(libc.ptrace(16, 1, 0, 0))",
            "open('/proc/1/mem', 'rb')",
            "open('/proc/1/environ', 'rb').read()",
            "os.listdir('/proc/1/fd')",
            "os.readlink('/proc/1/root')",
            "os.stat('/proc/1/comm')",
        )
        self.assertEqual(["os.stat('/proc/1/comm')"], worked)

    async def test_files_of_others(self) -> None:
        """Neither other workspaces, nor the engine's records, nor /tmp and /dev/shm."""
        (self.workspace("other") / "secret").write_text("a secret")
        shared = Path("/dev/shm") / f"galaxy-test-{os.getpid()}"
        shared.write_text("a secret")
        self.addCleanup(shared.unlink)
        hidden = [self.pods / "other" / "secret", self.directory / "gce", shared]
        hidden += [Path("/root"), Path("/var/lib"), Path("/boot"), Path("/sys/fs/cgroup/memory")]
        worked = await self.works(
            *(f"os.stat('{path}')" for path in hidden),
            f"print(os.listdir('{self.pods}'))",
            "print(os.listdir('/dev/shm'))",
            "write('/dev/shm/mine', 'text')",
        )
        listed = [said for said in worked if said.startswith("[")]
        self.assertEqual(["['c']", "[]"], listed)
        self.assertEqual((5, "write('/dev/shm/mine', 'text')"), (len(worked), worked[-1]))

    async def test_shared_memory_of_others(self) -> None:
        """System V shared memory of the machine is not there; its own is."""
        made = subprocess.run(
            ["ipcmk", "-M", "4096", "-p", "0666"], capture_output=True, check=True
        )
        number = made.stdout.split()[-1].decode()
        self.addCleanup(subprocess.run, ["ipcrm", "-m", number], check=True)
        worked = await self.works(
            f"does(libc.shmat({number}, 0, 0))",
            "does(libc.shmget(12345, 4096, 0o1600))",
        )
        self.assertEqual(["does(libc.shmget(12345, 4096, 0o1600))"], worked)


class WriteTests(Hostile):
    """What it can change of the machine."""

    async def test_files_of_the_machine(self) -> None:
        """Nothing can be made or written outside its workspace, whatever its rights are."""
        places = (*HOST_DIRS, "", "/dev", "/proc", "/sys", "/run")
        lines = [f"write('{place}/galaxy-hostile', '')" for place in places]
        lines += [
            "write('/etc/passwd', '')",
            "write('/proc/sys/kernel/core_pattern', '|/bin/sh')",
            "write('/proc/sys/kernel/hostname', 'mine')",
            "write('/proc/sysrq-trigger', 'c')",
            "write('/sys/kernel/uevent_helper', '/bin/sh')",
            "write('/sys/power/state', 'mem')",
            "open('/dev/kmsg', 'w')",
            "open('/dev/mem', 'rb')",
            "write('own', '')",
            "write('/tmp/own', '')",
        ]
        for user in (USER, "root"):
            self.assertEqual(lines[-2:], await self.works(*lines, user=user), user)
            (self.workspace("c") / "own").unlink()

    async def test_control_groups(self) -> None:
        """It can neither see nor leave its groups."""
        worked = await self.works(
            "print([line for line in open('/proc/self/mountinfo') if 'cgroup' in line])",
            "does(libc.mount(b'x', b'/tmp', b'cgroup2', 0, None))",
            "os.mkdir('/sys/fs/cgroup/x')",
            user="root",
        )
        self.assertEqual(("[]", 2), (worked[0], len(worked)))

    async def test_devices(self) -> None:
        """No device can be made, nor one that was made be used."""
        workspace = self.workspace("c")
        disk = workspace / "disk"
        os.mknod(disk, 0o666 | stat.S_IFBLK, os.stat(self.directory).st_dev)
        disk.chmod(0o666)
        lines = [
            "os.mknod('null', 0o666 | 0o20000, os.makedev(1, 3))",
            "os.mknod('/dev/sda', 0o666 | 0o60000, os.makedev(8, 0))",
            "os.stat('disk')",
            "open('disk', 'rb')",
            "open('/dev/null', 'w')",
        ]
        for user in (USER, "root"):
            worked = await self.works(*lines, user=user)
            self.assertEqual([lines[2], lines[-1]], worked, user)

    async def test_the_box(self) -> None:
        """It cannot be left or changed: no mounts, no other root, no namespaces of others."""
        lines = [
            "does(libc.mount(b'x', b'/tmp', b'tmpfs', 0, None))",
            "does(libc.mount(b'/', b'/', None, 32 | 4096, None))",
            "does(libc.umount2(b'/etc', 2))",
            "os.chroot('.')",
            "does(libc.pivot_root(b'.', b'.'))",
            "does(libc.setns(os.open('/proc/1/ns/mnt', 0), 0))",
            "does(libc.unshare(0x20000))",
            "does(libc.sethostname(b'mine', 4))",
            "print(os.listdir('/../..') == os.listdir('/'))",
        ]
        for user in (USER, "root"):
            self.assertEqual(["True", lines[-1]], await self.works(*lines, user=user))


class WayTests(Hostile):
    """Where it leads root, which makes the way to what a box has."""

    async def begin(self) -> None:
        await super().begin()
        self.lure = self.directory / "lure"  # of the machine; no box has it
        self.lure.mkdir()

    def boxed(self, *targets: str) -> Box:
        """A box with file systems in memory at these places, too."""
        workspace = str(self.workspace("c"))
        binds = [Bind(source=path, target=path) for path in HOST_DIRS]
        binds += [
            Bind(source=workspace, target=place, writable=True) for place in (workspace, "/tmp")
        ]
        binds += [Bind(target=target, tmpfs=1 << 20, writable=True) for target in targets]
        return Box(hostname="c", binds=binds)

    async def refusal(self, target: str) -> str:
        """Why a task with something at `target` was not started; empty: it was."""
        name = f"main.{next(self.numbers)}"
        status = await self.execute(
            "true", name, user=USER, cwd=str(self.workspace("c")), box=self.boxed(target)
        )
        return status.reason

    async def test_links_on_the_way(self) -> None:
        """Whatever a link leads to, nothing is made there, and the task is told why."""
        inside = str(self.workspace("c"))
        for number, root in enumerate(("/proc/1/root", "/proc/self/root", "/proc/1/cwd", "")):
            for place in (f"/tmp/link{number}", f"{inside}/deep{number}/link"):
                with self.subTest(root=root, place=place):
                    await self.prints(
                        f"mkdir -p {place}; rmdir {place}; ln -s {root}{self.lure} {place}"
                    )
                    self.assertIn("a symbolic link", await self.refusal(f"{place}/a/b"))
                    self.assertIn("a symbolic link", await self.refusal(place))
        self.assertEqual([], list(self.lure.iterdir()))

    async def test_processes_are_no_way(self) -> None:
        """Nor does a path of /proc lead anywhere, or one through `..`."""
        root = f"proc/1/root{self.lure}"
        for target in (f"/{root}/a", f"/tmp/../{root}/b", f"//{root}/c", "/proc"):
            with self.assertRaisesRegex(GalaxyError, "/proc is the box's own"):
                await self.refusal(target)
        await self.prints("mkdir -p /tmp/a/b")
        self.assertEqual("", await self.refusal("/tmp/a/../c"))
        self.assertEqual([], list(self.lure.iterdir()))

    async def test_a_link_in_place_of_a_file(self) -> None:
        """A file is bound over what is there, never over what a link there leads to."""
        source = self.directory / "source"
        source.touch()
        victim = self.lure / "victim"
        await self.prints(f"ln -s /proc/1/root{victim} /tmp/file")
        box = self.boxed()
        box.binds.add(source=str(source), target="/tmp/file")
        await self.execute("true", user=USER, cwd=str(self.workspace("c")), box=box)
        self.assertFalse(victim.exists())

    async def test_a_link_exchanged_meanwhile(self) -> None:
        """One that comes and goes, while boxes are made: each is refused, or right."""
        workspace = self.workspace("c")
        await self.task(
            f"mkdir /tmp/way; ln -s /proc/1/root{self.lure} /tmp/other; exec python3 race.py",
            "other.0",
            **self.racing(workspace),
        )
        reasons = [await self.refusal("/tmp/way/a/b") for _ in range(40)]
        self.assertIn("", reasons)
        self.assertTrue(any(reasons), "the race was never met")
        for reason in filter(None, reasons):
            self.assertRegex(reason, "a symbolic link|No such file")
        self.assertEqual([], list(self.lure.iterdir()))

    def racing(self, workspace: Path) -> dict[str, Any]:
        """A program that exchanges two names for ever."""
        (workspace / "race.py").write_text(
            "import ctypes\n"
            "rename = ctypes.CDLL(None).renameat2\n"
            "while True:\n"
            "    rename(-100, b'/tmp/way', -100, b'/tmp/other', 2)\n"
        )
        return {}

    async def test_the_working_directory_of_what_joins(self) -> None:
        """It is not entered through a link of the task's, which the engine could follow."""
        workspace = self.workspace("c")
        await self.task(f"ln -s /proc/1/root{self.lure} /tmp/there; exec sleep 1000")
        there = workspace / "there"

        async def is_linked() -> bool:
            return there.is_symlink()

        await wait_until(is_linked)
        status = await self.execute("pwd", "exec.1", user=USER, cwd="/tmp/there", join="main.0")
        self.assertIn("cannot enter /tmp/there: a symbolic link", status.reason)


class RightsTests(Hostile):
    """How it might come by more rights."""

    async def test_setuid_programs(self) -> None:
        """Neither the machine's nor one in its workspace gives it another user's rights."""
        workspace = self.workspace("c")
        shutil.copy("/usr/bin/id", workspace / "id")
        os.chown(workspace / "id", 0, 0)
        (workspace / "id").chmod(0o6755)
        self.assertEqual("65534\n65534\n", await self.prints("./id -u; ./id -g"))
        said = await self.prints(f"{SETUID} -c id root < /dev/null; sudo -n id; id -u")
        self.assertEqual("65534\n", said)

    async def test_capabilities(self) -> None:
        """It has none, also as root, and executing a program brings none back."""
        for user in (USER, "root"):
            said = await self.prints(
                "sh -c \"grep -E '^(Cap|NoNew)' /proc/self/status\"", user=user
            )
            values = dict(line.split(":\t") for line in said.splitlines())
            self.assertEqual("1", values.pop("NoNewPrivs"))
            self.assertEqual({"0" * 16}, set(values.values()), user)
            self.assertEqual(5, len(values))

    async def test_groups(self) -> None:
        """It has the groups of its user, not the engine's."""
        self.assertEqual("65534\n", await self.prints("id -G"))


class KeysTests(Hostile):
    """The kernel's keys of whoever began the engine."""

    def setUp(self) -> Any:
        self.assertGreater(_LIBC.syscall(_KEYCTL, 1, None), 0)  # the engine is begun in it
        self.key = f"galaxy-test-{os.getpid()}".encode()
        self.number = _LIBC.syscall(_ADD_KEY, b"user", self.key, b"secret", 6, _SESSION)
        self.assertGreater(self.number, 0)
        self.assertIn(self.key.decode(), Path("/proc/keys").read_text())
        self.addCleanup(_LIBC.syscall, _KEYCTL, 9, self.number, _SESSION)
        return super().setUp()

    def reads(self) -> list[str]:
        """What would get at the key."""
        return [
            f"does(libc.syscall({_KEYCTL}, 10, {_SESSION}, b'user', {self.key!r}, 0))",
            f"does(libc.syscall({_KEYCTL}, 11, {self.number}, None, 0))",
            f"does(libc.syscall({_REQUEST_KEY}, b'user', {self.key!r}, None, 0))",
        ]

    async def test_no_keys(self) -> None:
        """There are none, in a box or not, by whatever filter, number or joining process."""
        tried = [
            *self.reads(),
            f"does(libc.syscall({_ADD_KEY}, b'user', b'own', b'x', 1, {_SESSION}))",
            f"does(libc.syscall({_ADD_KEY | _X32}, b'user', b'own', b'x', 1, {_SESSION}))",
            f"does(libc.syscall({_KEYCTL}, 1, None))",
            "does(libc.getppid())",
        ]
        await self.task(FOR_EVER)
        for user in (USER, "root"):
            for more in ({}, {"seccomp": "default"}, {"join": "main.0"}, {"box": None}):
                worked = await self.works(*tried, user=user, **more)
                self.assertEqual(tried[-1:], worked, (user, more))
        worked = await self.works(*tried, user="", box=None)  # as a package is unpacked
        self.assertEqual(tried[-1:], worked)

    async def test_not_listed(self) -> None:
        """Whose keyring it was is not to be seen."""
        for more in ({}, {"box": None}):
            said = await self.prints("cat /proc/keys; echo read", **more)
            self.assertNotIn(self.key.decode(), said)
            self.assertTrue(said.endswith("read\n"))


class AppetiteTests(Hostile):
    """What it can use up."""

    async def test_fork_bomb(self) -> None:
        """It comes to its limit; the machine, and other tasks, go on."""
        await self.task(
            "while :; do sleep 1000 & done 2> /dev/null", limits=Limits(pids=16, memory=256 << 20)
        )
        other = await self.prints("echo alive", container="other")
        self.assertEqual("alive\n", other)
        self.assertLessEqual((await self.usage()).pids, 16)

    async def test_memory(self) -> None:
        """What takes more than it was granted is ended for that, /dev/shm included."""
        limits = Limits(memory=32 << 20)
        for command in (
            "exec python3 -c 'a = bytearray(200 << 20)'",
            "head -c 60000000 /dev/zero > /dev/shm/a; exit 1",
        ):
            name = f"main.{next(self.numbers)}"
            await self.task(command, name, limits=limits)
            ended = await self.watching.ended("c", name)
            self.assertTrue(ended.oom_killed, command)

    async def test_processor(self) -> None:
        """Many busy processes together get what was granted."""
        busy = "for i in 1 2 3 4; do while :; do :; done & done; sleep 1.5; kill 0"
        status = await self.task(busy, limits=Limits(millicores=200))
        ended = await self.watching.ended("c", "main.0")
        used_s = (await self.usage()).cpu_ns / 1e9
        self.assertGreater(used_s, 0.1)
        self.assertLess(used_s / (ended.end_time - status.start_time), 0.4)


class ClingingTests(Hostile):
    """Processes that will not go."""

    async def survivors(self, prepare: str) -> list[int]:
        """Start a task that leaves a process behind in some way; the machine's pids of all."""
        program = self.workspace("c") / "clings.py"
        program.write_text(
            "import ctypes, os, signal, sys, time\n"
            "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            f"{prepare}\n"
            "open('ready', 'w').close()\n"
            "while True:\n"
            "    time.sleep(1000)\n"
        )
        status = await self.task("exec python3 clings.py")
        ready = self.workspace("c") / "ready"

        async def is_ready() -> bool:
            return ready.exists()

        await wait_until(is_ready)
        return [status.pid, *descendants({status.pid})]

    async def ends(self, prepare: str) -> None:
        """A stop leaves nothing of it."""
        pids = await self.survivors(prepare)
        await self.gce.stop(StopRequest(container="c", grace_s=0.1), NO_CALL)
        self.assertEqual([], [pid for pid in pids if not self.killed(pid)])
        await self.gce.remove(RemoveRequest(container="c"), NO_CALL)

    async def test_ignoring(self) -> None:
        """SIGTERM ignored."""
        await self.ends("")

    async def test_double_fork(self) -> None:
        """A grandchild in a session of its own."""
        await self.ends("for i in range(2):\n    if os.fork() == 0:\n        os.setsid()")

    async def test_stopped(self) -> None:
        """A child that is stopped."""
        await self.ends("if os.fork() == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)")

    async def test_frozen(self) -> None:
        """The whole container frozen."""
        pids = await self.survivors("os.fork()")
        self.groups.freeze("c")
        await self.gce.stop(StopRequest(container="c", grace_s=0.1), NO_CALL)
        self.assertEqual([], [pid for pid in pids if not self.killed(pid)])

    async def test_in_a_namespace_of_its_own(self) -> None:
        """A child that is the first of a nested namespace, as far as it gets one."""
        user_and_pid = 0x1000_0000 | 0x2000_0000
        await self.ends(f"ctypes.CDLL(None).unshare({user_and_pid})\nos.fork()")

    async def test_after_its_command(self) -> None:
        """What outlives the command is ended with it, though it left the session."""
        await self.task("setsid sh -c 'trap \"\" TERM; sleep 1000 & wait' & sleep 0.3; exit 3")
        ended = await self.watching.ended("c", "main.0")
        self.assertEqual(3, ended.exit_code)
        self.assertEqual(0, (await self.usage()).pids)

    async def test_keeper_killed(self) -> None:
        """When somebody kills its keeper with -9, the kernel leaves nothing of it."""
        pids = await self.survivors("if os.fork() == 0:\n    os.setsid()\nos.fork()")
        found = procfs.stat(pids[0])
        assert found is not None
        os.kill(found[1], 9)  # its parent
        await self.watching.ended("c", "main.0")
        self.assertEqual([], [pid for pid in pids if not self.killed(pid)])


# Trial would run it over nothing.
del Isolated, Hostile
