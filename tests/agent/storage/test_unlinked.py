"""Deleted files that are open: of this process, in groups that a test makes up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from galaxy.agent.storage.floor import Account, blamed
from galaxy.agent.storage.quotas import LEAST_BYTES
from galaxy.agent.storage.unlinked import unlinked, written

MIB = 1 << 20
HEAD = """
import ctypes, os, platform, sys, threading, time
libc = ctypes.CDLL(None)
EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]
def hold():
    fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
    for _ in range(int(sys.argv[2])):
        os.write(fd, bytes(1 << 20))
    os.fsync(fd)
    os.unlink(sys.argv[1])
    return fd
def tell_when_alone():
    state = ""
    while state != "Z":
        with open(f"/proc/{os.getpid()}/stat") as file:
            state = file.read().rpartition(") ")[2][0]
    print("ready", flush=True)
    time.sleep(60)
"""
TELL = """
def told():
    print("ready", flush=True)
    time.sleep(60)
"""
THREAD = """
def alone():
    assert libc.unshare(0x400) == 0
    hold()
    told()
threading.Thread(target=alone).start()
"""
MAPPED = """
fd = hold()
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mmap.restype = ctypes.c_void_p
assert libc.mmap(None, 4096, 3, 1, fd, 0) != ctypes.c_void_p(-1).value
os.close(fd)
"""
MOUNTED = """
assert libc.unshare(0x10000000 | 0x20000) == 0
at = sys.argv[1] + " at"
for name in (sys.argv[1], at):
    open(name, "w").close()
assert libc.mount(sys.argv[1].encode(), at.encode(), None, 0x1000, None) == 0
os.unlink(sys.argv[1])
with open(at, "wb") as file:
    file.write(bytes(1 << 20))
    file.flush()
    os.fsync(file.fileno())
print("ready", flush=True)
time.sleep(60)
"""
LATE = """
threading.Thread(target=tell_when_alone).start()
"""


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
        (place / "task").mkdir()
        (place / "task" / str(pid)).symlink_to("/proc/self")
        (place / "io").symlink_to("/proc/self/io")

    def attack(self, how: str) -> dict[str, list[int]]:
        """What is seen of a process that holds a deleted file of a MiB in some way."""
        command = [sys.executable, "-c", HEAD + how, str(self.file), "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), b"ready\n")
            place = self.proc / str(process.pid)
            place.mkdir()
            (place / "cgroup").write_text("4:memory:/galaxy/web_1.0.1.0\n")
            (place / "task").symlink_to(f"/proc/{process.pid}/task")
            (place / "map_files").symlink_to(f"/proc/{process.pid}/map_files")
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                if not (self.proc / thread).exists():
                    (self.proc / thread).symlink_to(f"/proc/{thread}")
            try:
                return self.sizes("web_1.0.1")
            finally:
                process.kill()

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

    def assert_seen(self, how: str) -> None:
        """The file is found, once."""
        seen = self.attack(how)
        self.assertEqual([len(sizes) for sizes in seen.values()], [1], seen)
        self.assertTrue(MIB <= seen["web_1.0.1"][0] <= MIB + 65536, seen)

    def test_thread_of_its_own(self) -> None:
        """A thread has it open that left its process's table of open files."""
        self.assert_seen(TELL + THREAD + "time.sleep(60)")

    def test_first_thread_ended(self) -> None:
        """So has one whose process's first thread is over."""
        self.assert_seen("told = tell_when_alone\n" + THREAD + "libc.syscall(EXIT, 0)")

    def test_mapped(self) -> None:
        """It is only mapped; what is seen takes root's rights."""
        if os.geteuid() != 0:
            raise SkipTest("only root follows what others have mapped")
        self.assert_seen(MAPPED + "print('ready', flush=True); time.sleep(60)")

    def test_mapped_and_first_thread_ended(self) -> None:
        """It is only mapped, and the first thread is over."""
        if os.geteuid() != 0:
            raise SkipTest("only root follows what others have mapped")
        self.assert_seen(MAPPED + LATE + "libc.syscall(EXIT, 0)")

    def test_mounted(self) -> None:
        """It is only mounted, in a namespace of the process's own."""
        if os.geteuid() != 0:
            raise SkipTest("only root sees what others have mounted")
        self.assert_seen(MOUNTED)

    def test_mapped_often(self) -> None:
        """A file is looked at once, in however many places and processes it is mapped."""
        for pid in ("1", "2"):
            threads = self.proc / pid / "task" / pid
            threads.mkdir(parents=True)
            (self.proc / pid / "cgroup").write_text("4:memory:/galaxy/web_1.0.1.0\n")
            line = "{:x}000-{:x}000 r--s 00000000 fe:00 7      /data/file (deleted)\n"
            (threads / "maps").write_text("".join(line.format(n, n + 1) for n in range(1, 9)))
            (self.proc / pid / "map_files").mkdir()
        with ExitStack() as files:
            for number in range(1, 9):
                file = files.enter_context(TemporaryFile(dir=self.proc))
                for pid in ("1", "2"):  # would each place be looked at, there would be eight
                    place = self.proc / pid / "map_files" / f"{number:x}000-{number + 1:x}000"
                    place.symlink_to(f"/proc/self/fd/{file.fileno()}")
            ((size,),) = self.sizes("web_1.0.1").values()
        self.assertEqual(size, LEAST_BYTES)

    def test_written(self) -> None:
        """What was written to a disk is counted, whatever became of it."""
        self.process(1, "web_1.0.1.0")
        before = written(("web_1.0.1",), str(self.proc))["web_1.0.1"]
        with self.file.open("wb", buffering=0) as file:
            self.file.unlink()
            file.write(bytes(MIB))
            os.fsync(file.fileno())
        after = written(("web_1.0.1", "other_1.0.1"), str(self.proc))
        self.assertGreaterEqual(after["web_1.0.1"] - before, MIB)
        self.assertEqual(list(after), ["web_1.0.1"])

    def test_under_way(self) -> None:
        """A file under way in a socket is nobody's, but that it was written is known."""
        self.process(1, "web_1.0.1.0")
        before = written(("web_1.0.1",), str(self.proc))["web_1.0.1"]
        near, far = socket.socketpair()
        with near, far:
            with self.file.open("wb", buffering=0) as file:
                self.file.unlink()
                file.write(bytes(4 * MIB))
                socket.send_fds(near, [b"x"], [file.fileno()])
            self.assertEqual(self.sizes("web_1.0.1"), {})
            after = written(("web_1.0.1",), str(self.proc))["web_1.0.1"]
        account = Account(written_bytes=after - before, held_bytes=0)
        self.assertGreaterEqual(account.unseen_bytes, 4 * MIB)
        self.assertEqual(blamed({"this": account, "other": Account(MIB, 3 * MIB)}), "this")

    def test_the_real_one(self) -> None:
        """Nothing of nobody."""
        self.assertEqual(unlinked(("web_1.0.1",)), {})
