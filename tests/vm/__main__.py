"""
Runs tests on a kernel that has version 2 of the control groups alone.

    python -m tests.vm [TEST ...]

A virtual machine, emulated in software, sees the files of this host read-only below a layer
of its own in memory, and has a disk of its own: the tests and the Python are the host's, the
kernel is Debian's. The exit code is that of the tests; 0 with a sentence where the machine
cannot be made; 124 when it takes too long. Needs root, for the files that only root may read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.vm.boot import EXIT_LINE, archive, is_static, qemu, script
from tests.vm.kernel import Kernel, Missing, find_kernel, run

PROJECT = Path(__file__).resolve().parent.parent.parent
INIT = Path(__file__).with_name("init.sh")
CACHE = PROJECT / ".cache" / "vm"
TESTS = ("tests.gce", "tests.vm.project_quotas")
MEMORY_MIB = 1536
DISK_BYTES = 4 << 30  # sparse
LONGEST_S = 1500
_PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static"}
_NO_ANSWER = 70


def main(tests: list[str]) -> int:
    """Boot, run, report."""
    try:
        busybox, kernel = _parts()
    except Missing as missing:
        _say(f"skipped, there is no virtual machine here: {missing}")
        return 0
    trial = [sys.executable, "-m", "twisted.trial", "--temp-directory=/scratch/trial", *tests]
    files = {
        "init": INIT.read_bytes(),
        "script": script(PROJECT, trial).encode(),
        "bin/busybox": busybox,
        "modules/order": "\n".join(kernel.modules).encode(),
        **{f"modules/{name}.ko": content for name, content in kernel.modules.items()},
    }
    with tempfile.TemporaryDirectory(prefix="galaxy-vm-") as directory:
        initramfs, disk = Path(directory, "initramfs"), Path(directory, "disk")
        initramfs.write_bytes(archive(files))
        with disk.open("wb") as file:
            file.truncate(DISK_BYTES)
        return _boot(qemu(kernel.image, initramfs, disk, MEMORY_MIB))


def _parts() -> tuple[bytes, Kernel]:
    """The guest's shell, and its kernel. `Missing`."""
    if os.geteuid() != 0:
        raise Missing("only root can lend the guest this host's files")
    _install_what_lacks()
    busybox = Path(_where("busybox")).read_bytes()
    if not is_static(busybox):
        raise Missing("busybox is not static: install busybox-static")
    return busybox, find_kernel(CACHE)


def _boot(command: list[str]) -> int:
    """Run the machine, passing on what it prints; the exit code that it names."""
    began = time.monotonic()
    printed = []
    with subprocess.Popen(
        ["timeout", "--kill-after=5", str(LONGEST_S), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as machine:
        assert machine.stdout is not None
        for line in machine.stdout:
            printed.append(line)
            sys.stdout.write(line.replace("\r", ""))
            sys.stdout.flush()
    told = EXIT_LINE.search("".join(printed).replace("\r", ""))
    seconds = round(time.monotonic() - began)
    if told is None:
        _say(f"the machine ended after {seconds} s without a word of the tests")
        return machine.returncode or _NO_ANSWER
    _say(f"{seconds} s in all")
    return int(told[1])


def _install_what_lacks() -> None:
    lacks = sorted(package for program, package in _PACKAGES.items() if not _where(program))
    if not lacks and (CACHE / "kernel").exists():
        return
    if not _where("apt-get"):
        raise Missing(f"there is no apt-get to install {' and '.join(lacks) or 'a kernel'} with")
    run("apt-get", "update", "-qq")
    if lacks:
        _say(f"installing {' and '.join(lacks)}")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacks)


def _where(program: str) -> str:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


def _say(sentence: str) -> None:
    print(f"test-v2: {sentence}", flush=True)  # noqa: T201  (a program for people)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(TESTS)))
