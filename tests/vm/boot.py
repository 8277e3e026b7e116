"""
What the machine is started from: an archive with a first program (init.sh) and the kernel's
modules, what it is to run, and the command line of qemu. Pure.
"""

from __future__ import annotations

import re
import shlex
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# What the guest needs to see the host's files, and to have a disk of its own.
MODULES = (
    "virtio_pci",
    "9pnet_virtio",
    "9p",
    "overlay",
    "virtio_blk",
    "crc32c_generic",
    "ext4",
    "quota_v2",
    "bfq",
)
EXIT_LINE = re.compile(r"^galaxy-vm: exit (\d+)\s*$", re.MULTILINE)

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_FASTER = "mitigations=off tsc=reliable no_timer_check"
_INTERPRETER = 3
_REGULAR, _DIRECTORY = 0o100755, 0o040755

_SCRIPT = """\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/scratch
echo "galaxy-vm: Linux $(uname -r), control groups: $(cat /sys/fs/cgroup/cgroup.controllers)"
mke2fs -q -t ext4 -O quota,project /dev/vda && mount -t ext4 -o prjquota /dev/vda /scratch &&
chmod 1777 /scratch &&
cd {project} &&
{command}
echo "galaxy-vm: exit $?"
/busybox sync
/busybox poweroff -f
"""


def script(project: Path, command: Sequence[str]) -> str:
    """What runs in the machine: a command in the project's directory, as the host has it."""
    return _SCRIPT.format(project=shlex.quote(str(project)), command=shlex.join(command))


def load_order(wanted: Iterable[str], found: Mapping[str, bytes]) -> list[str]:
    """
    The modules to load, each after those it depends on; KeyError names one that is missing.

    `found` are the contents of all modules by name; '-' is '_' in names.
    """
    order: list[str] = []

    def add(name: str) -> None:
        if name in order:
            return
        depends = _DEPENDS.search(found[name])
        for other in (depends[1].decode() if depends else "").split(","):
            if other:
                add(other.replace("-", "_"))
        order.append(name)

    for name in wanted:
        add(name)
    return order


def is_static(program: bytes) -> bool:
    """Whether a program (ELF, 64 bit) asks for no loader, of which the archive has none."""
    (headers,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    kinds = [struct.unpack_from("<I", program, headers + size * n)[0] for n in range(count)]
    return _INTERPRETER not in kinds


def archive(files: Mapping[str, bytes]) -> bytes:
    """An initramfs (cpio, "newc") with these files, all executable, and their directories."""
    directories = {"dev", "proc", "host", "over", "root"}
    for path in files:
        directories.update(str(parent) for parent in Path(path).parents if parent.name)
    entries = [
        *((path, _DIRECTORY, b"") for path in sorted(directories)),
        *((path, _REGULAR, content) for path, content in files.items()),
        ("TRAILER!!!", 0, b""),
    ]
    return b"".join(
        _entry(number, path, mode, content)
        for number, (path, mode, content) in enumerate(entries, 1)
    )


def _entry(number: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)


def qemu(kernel: Path, initramfs: Path, disk: Path, memory_mib: int) -> list[str]:
    """The machine: emulated in software, the host's files read-only, one disk, one serial line."""
    return [
        *("qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi,tb-size=256"),
        *("-cpu", "max", "-smp", "1", "-m", str(memory_mib)),
        *("-kernel", str(kernel), "-initrd", str(initramfs)),
        *("-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-append", f"console=ttyS0 loglevel=2 panic=-1 {_FASTER}"),
        *("-fsdev", "local,id=h,path=/,security_model=none,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=h,mount_tag=host"),
        *("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"),
    ]
