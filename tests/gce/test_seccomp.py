"""The filter of system calls: as a program, and as the kernel takes it."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.seccomp import default_filter, is_known, keys_filter

MACHINES = ("x86_64", "aarch64")
AUDIT = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
ALLOWED, KILLED = 0x7FFF_0000, 0x8000_0000
# Installs the filter on itself, then runs what stands below.
FILTERED = """
import ctypes, os, sys
from galaxy.gce import kernel
from galaxy.gce.seccomp import default_filter
kernel.renounce_privileges()
kernel.filter_system_calls(default_filter(os.uname().machine))
libc = ctypes.CDLL(None, use_errno=True)
def refused(name, *arguments):
    result = getattr(libc, name)(*arguments)
    return result == -1 and ctypes.get_errno() == 1
"""


def verdict(program: bytes, number: int, audit: int, argument: int = 0) -> int:
    """What the kernel would make of a system call: its machine, in Python."""
    data = struct.pack("<IIQ6Q", number, audit, 0, argument, 0, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("<HBBI", program))
    loaded = at = 0
    while True:
        operation, if_so, if_not, operand = steps[at]
        at += 1
        if operation == 0x20:
            (loaded,) = struct.unpack_from("<I", data, operand)
        elif operation == 0x06:
            return int(operand)
        else:
            holds = {
                0x15: loaded == operand,
                0x35: loaded >= operand,
                0x45: bool(loaded & operand),
            }[operation]
            at += if_so if holds else if_not


class KeysTests(SynchronousTestCase):
    """The program of every task."""

    def test_calls(self) -> None:
        """No keys, by whatever ABI; all else is allowed, also what means keys elsewhere."""
        missing = 0x0005_0000 | errno.ENOSYS
        x32 = 0x4000_0000
        for machine, audit, keys, others in (
            ("x86_64", 0xC000_003E, (248, 249, 250, x32 | 248, x32 | 250), (0, 59, 247, 251, 288)),
            ("x86_64", 0x4000_0003, (286, 287, 288), (3, 250, 285, 289)),
            ("aarch64", 0xC000_00B7, (217, 218, 219), (0, 216, 220, 250)),
            ("aarch64", 0x4000_0028, (309, 310, 311), (3, 217, 219, 312)),
            ("x86_64", 0x1234_5678, (), (248, 250)),
        ):
            program = keys_filter(machine)
            for number in keys:
                self.assertEqual(missing, verdict(program, number, audit), (machine, number))
            for number in others:
                self.assertEqual(ALLOWED, verdict(program, number, audit), (machine, number))
        self.assertEqual(b"", keys_filter("vax"))


class ProgramTests(SynchronousTestCase):
    """The program, by its parts."""

    def machines(self) -> Iterator[tuple[str, bytes, int]]:
        for machine in MACHINES:
            yield machine, default_filter(machine), AUDIT[machine]

    def test_another_architecture_ends_the_process(self) -> None:
        """Its calls have other numbers: nothing can be said of them."""
        for machine, program, audit in self.machines():
            self.assertEqual(KILLED, verdict(program, 0, audit ^ 1), machine)

    def test_ordinary_calls(self) -> None:
        """Most calls are nobody's business: read, write, execve, and those to come."""
        for machine, program, audit in self.machines():
            for number in (0, 1, 59, 63, 64, 221, 999):
                self.assertEqual(ALLOWED, verdict(program, number, audit), (machine, number))

    def test_new_namespaces(self) -> None:
        """clone and unshare may do all but that; clone3 cannot be judged, and is not there."""
        for machine, clone, unshare in (("x86_64", 56, 272), ("aarch64", 220, 97)):
            program, audit = default_filter(machine), AUDIT[machine]
            for number in (clone, unshare):
                self.assertEqual(ALLOWED, verdict(program, number, audit, 0x0001_0F11))
                for kind in (0x2_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000):
                    refused = verdict(program, number, audit, kind | 17) & 0xFFFF
                    self.assertEqual(errno.EPERM, refused)
            self.assertEqual(errno.ENOSYS, verdict(program, 435, audit) & 0xFFFF)

    def test_the_other_abi_of_x86_64(self) -> None:
        """The same calls by other numbers are not there."""
        program = default_filter("x86_64")
        refused = verdict(program, 0x4000_0000 | 101, AUDIT["x86_64"]) & 0xFFFF
        self.assertEqual(errno.ENOSYS, refused)

    def test_known_machines(self) -> None:
        """For others there is no filter."""
        self.assertTrue(all(is_known(machine) for machine in MACHINES))
        self.assertFalse(is_known("vax"))


class KernelTests(SynchronousTestCase):
    """The program, tried on this machine."""

    if not is_known(os.uname().machine):
        skip = "there is no filter for this machine"

    def filtered(self, program: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", FILTERED + program], capture_output=True, text=True, check=False
        )

    def test_refused(self) -> None:
        """Also root is refused, by the filter and not by the want of rights."""
        ended = self.filtered(
            "print([name for name, *arguments in [\n"
            "    ('mount', b'a', b'/', b'tmpfs', 0, None), ('umount2', b'/none', 0),\n"
            "    ('ptrace', 0, 0, 0, 0), ('unshare', 0x10000000), ('setns', 0, 0),\n"
            "    ('pivot_root', b'.', b'.'), ('process_vm_readv', os.getpid(), 0, 0, 0, 0, 0),\n"
            "    ('open_by_handle_at', 0, 0, 0), ('swapon', b'/none', 0),\n"
            "] if not refused(name, *arguments)])"
        )
        self.assertEqual(("[]\n", ""), (ended.stdout, ended.stderr))

    def test_ordinary_programs(self) -> None:
        """Threads, processes, pipes and sockets work."""
        ended = self.filtered(
            "import socket, subprocess, threading\n"
            "thread = threading.Thread(target=print, args=('thread',))\n"
            "thread.start(); thread.join()\n"
            "print(subprocess.run('echo shell | cat', shell=True, capture_output=True).stdout)\n"
            "socket.create_server(('127.0.0.1', 0)).close()\n"
        )
        self.assertEqual(("thread\nb'shell\\n'\n", ""), (ended.stdout, ended.stderr))

    def test_it_stays(self) -> None:
        """What is executed has it, too."""
        ended = self.filtered("os.execvp('unshare', ['unshare', '-U', 'true'])")
        self.assertNotEqual(0, ended.returncode)
        self.assertNotEqual(-signal.SIGSYS, ended.returncode)
