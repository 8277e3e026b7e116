"""
The inside of a box: what a task sees of the machine. Called between fork and exec, as root.

A root of its own, which cannot be written to: a small file system in memory with the
way to what was bound, /proc of its own process ids, /sys without the control
groups, a /dev of its own. What is bound is copied, and made read-only if it should be, before it is
put in place; and it is put in place when the machine's own root can no longer be reached by a
path: so no symbolic link, wherever it points, leads a mount astray.

Needs Linux 5.12 (mount_setattr).
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from typing import Any

from galaxy.gce.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SLAVE,
    attach_mounts,
    clone_mounts,
    datagram_socket,
    exchange_root,
    leave_old_root,
    mount,
    set_hostname,
    unshare,
)

_SAFE = MS_NOSUID | MS_NODEV
_DIRECTORIES = ("/dev/pts", "/dev/shm", "/proc", "/run", "/sys", "/tmp", "/var/tmp")  # noqa: S108
_DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}  # of major number 1
_TTY = 5, 0
_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/dev/ptmx": "pts/ptmx",
}
# The kernel lets uid 0 write here, with or without capabilities.
_ROOTS_OWN = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_IFREQ = struct.Struct("16sh22x")


def enter(box: dict[str, Any], *, as_root: bool) -> None:
    """
    Go into a new box, described as in `galaxy.gce.record.Box`.

    The working directory, which a file system is mounted on for a moment, becomes the new root.
    """
    network = CLONE_NEWNET if box["private_network"] else 0
    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | network)
    set_hostname(box["hostname"])
    if network:
        _raise_loopback()
    mount("none", "/", "", MS_REC | MS_SLAVE)  # what happens here stays here
    found = [_Found(bind) for bind in box["binds"]]
    mount("galaxy", ".", "tmpfs", MS_NOSUID, "size=256k,mode=755")
    os.chdir(os.getcwd())
    exchange_root()
    _furnish(as_root=as_root)
    for bind in sorted(found, key=lambda bind: bind.target):
        bind.place()
    for bind in found:
        bind.shut()
    leave_old_root()
    mount("none", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)


class _Found:
    """What is to be bound, as it was found on the machine."""

    def __init__(self, bind: dict[str, Any]) -> None:
        self.target: str = bind["target"]
        self._source: str = bind["source"]
        self._writable: bool = bind["writable"]
        self._tmpfs: int = bind["tmpfs"]
        self._is_directory = True
        self._mounts: int | None = None
        self._link = ""
        if not self._source:
            return
        try:
            mode = os.lstat(self._source).st_mode
        except FileNotFoundError:
            return
        self._is_directory = stat.S_ISDIR(mode)
        if stat.S_ISLNK(mode):
            self._link = os.readlink(self._source)
        else:
            access = 0 if self._writable else MS_RDONLY
            self._mounts = clone_mounts(self._source, _SAFE | access)

    def place(self) -> None:
        """Put it at its target, in the new root."""
        if self._link:
            _make_directory(os.path.dirname(self.target))
            if not os.path.lexists(self.target):
                os.symlink(self._link, self.target)
        elif self._mounts is not None:
            if self._is_directory:
                _make_directory(self.target)
            else:
                _make_file(self.target)
            attach_mounts(self._mounts, self.target)
            os.close(self._mounts)
        elif not self._source:
            _make_directory(self.target)
            mount("galaxy", self.target, "tmpfs", _SAFE, f"size={self._tmpfs},mode={self._mode()}")

    def shut(self) -> None:
        """Let nothing be written to a file system in memory that only leads to others."""
        if not self._source and not self._writable:
            mount("none", self.target, "", MS_REMOUNT | MS_BIND | MS_RDONLY | _SAFE)

    def _mode(self) -> str:
        return "1777" if self._writable else "755"


def _furnish(*, as_root: bool) -> None:
    """What every box has."""
    for directory in _DIRECTORIES:
        _make_directory(directory)
    mount("proc", "/proc", "proc", _SAFE | MS_NOEXEC)
    if as_root:
        for path in _ROOTS_OWN:
            if os.path.exists(path):
                attach_mounts(clone_mounts(path, _SAFE | MS_NOEXEC | MS_RDONLY), path)
    mount("sysfs", "/sys", "sysfs", _SAFE | MS_NOEXEC | MS_RDONLY)
    options = "newinstance,ptmxmode=0666,mode=0620,gid=5"
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options)
    mount("shm", "/dev/shm", "tmpfs", _SAFE, "size=64m,mode=1777")  # noqa: S108
    umask = os.umask(0)
    for name, minor in _DEVICES.items():
        os.mknod(f"/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    os.mknod("/dev/tty", 0o666 | stat.S_IFCHR, os.makedev(*_TTY))
    os.umask(umask)
    for path, target in _LINKS.items():
        os.symlink(target, path)


def _make_directory(path: str) -> None:
    """Make a directory that all may enter, and those on the way to it, as far as they are not."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make_directory(os.path.dirname(path))
        os.mkdir(path, 0o755)


def _make_file(path: str) -> None:
    _make_directory(os.path.dirname(path))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK, 0o644))


def _raise_loopback() -> None:
    """A new network has nothing but a loopback, which is down."""
    fd = datagram_socket()
    try:
        asked = fcntl.ioctl(fd, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        flags = _IFREQ.unpack(asked)[1]
        fcntl.ioctl(fd, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | _IFF_UP))
    finally:
        os.close(fd)
