"""
The inside of a box: what a task sees of the machine. As root.

A root of its own, which cannot be written to: a small file system in memory with the
way to what was bound, /proc of its own process ids, /sys without the control
groups, a /dev of its own. What is bound is copied, and made read-only if it should be, before it is
put in place; and it is put in place when the machine's own root can no longer be reached by a
path. /proc would lead there (/proc/1 is the keeper, whose root is the machine's), so it comes
last; and no way to a place goes through a symbolic link, wherever it points (`galaxy.gce.way`).

What boxes have in common is made once, as a template (`galaxy.gce.template`): a namespace of
mounts without the machine's root. A task goes into a copy of it (`enter`, called between fork
and exec) and adds what is its own. So nothing is unmounted on the way, for which the kernel
would have it wait for every processor.

Needs Linux 5.12 (mount_setattr).
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from typing import Any, NamedTuple

from galaxy.gce import way
from galaxy.gce.kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    attach_mounts,
    clone_mounts,
    datagram_socket,
    exchange_root,
    set_hostname,
    set_namespaces,
    unshare,
)
from galaxy.gce.layout import STANDING, is_of_template
from galaxy.libc import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SLAVE,
    mount,
    unmount,
)

_SAFE = MS_NOSUID | MS_NODEV
_SYS = _SAFE | MS_NOEXEC | MS_RDONLY
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


class Template(NamedTuple):
    """Descriptors: a namespace of mounts, and the root directory in it."""

    namespace: int
    root: int


def build_template(box: dict[str, Any]) -> None:
    """
    Go where there is what boxes like this one have in common (see `galaxy.gce.record.Box`).

    The working directory, which a file system is mounted on for a moment, becomes the new root.
    """
    os.umask(0o022)  # the engine's own lets nobody in
    unshare(CLONE_NEWNS)
    mount("none", "/", "", MS_REC | MS_SLAVE)  # what happens here stays here
    found = [_Found(bind) for bind in box["shared"]]
    own = [_Found(bind) for bind in box["binds"] if is_of_template(bind["target"])]
    mount("galaxy", ".", "tmpfs", MS_NOSUID, "size=256k,mode=755")
    os.chdir(os.getcwd())
    exchange_root()
    for directory in (*STANDING, *box["covers"]):
        os.close(way.directory(directory, made=True))
    _make_devices()
    mount("sysfs", "/sys", "sysfs", _SYS)
    for bind in sorted(found, key=_target):
        bind.place()
    for bind in sorted(own, key=_target):
        bind.prepare()
    unmount(".")  # the old root
    mount("none", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)


def enter(box: dict[str, Any], template: Template, *, as_root: bool) -> None:
    """Go into a new box, described as in `galaxy.gce.record.Box`, made of its template."""
    found = [_Found(bind) for bind in box["binds"]]
    set_namespaces(template.namespace, CLONE_NEWNS)
    # The root of the namespace is another where the engine itself was begun by chroot.
    os.fchdir(template.root)
    os.chroot(".")
    network = CLONE_NEWNET if box["private_network"] else 0
    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | network)
    set_hostname(box["hostname"])
    if network:
        _raise_loopback()
        mount("sysfs", "/sys", "sysfs", _SYS)  # which shows a network
    _furnish()
    for path in box["covers"]:
        mount("galaxy", path, "tmpfs", _SAFE, "size=256k,mode=755")
        for directory in STANDING:
            if directory.startswith(path + "/"):
                os.close(way.directory(directory, made=True))
    for bind in sorted(found, key=_target):
        bind.place()
    for bind in found:
        bind.shut()
    for path in box["covers"]:
        mount("none", path, "", MS_REMOUNT | MS_BIND | MS_RDONLY | _SAFE)
    _show_processes(as_root=as_root)


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

    def prepare(self) -> None:
        """Make what it is to be put on; of a symbolic link, this is all."""
        if self._link:
            way.link(self.target, self._link)
        elif self._mounts is not None or not self._source:
            os.close(self._place())

    def place(self) -> None:
        """Put it at its target, in the new root."""
        if self._mounts is not None:
            place = self._place()
            attach_mounts(self._mounts, place, self.target)
            os.close(place)
            os.close(self._mounts)
        elif self._source:
            self.prepare()
        else:
            self._mount("galaxy", "tmpfs", _SAFE, f"size={self._tmpfs},mode={self._mode()}")

    def shut(self) -> None:
        """Let nothing be written to a file system in memory that only leads to others."""
        if not self._source and not self._writable:
            self._mount("none", "", MS_REMOUNT | MS_BIND | MS_RDONLY | _SAFE)

    def _place(self) -> int:
        """A descriptor of its target, made if need be."""
        if self._is_directory:
            return way.directory(self.target, made=True)
        return way.file(self.target)

    def _mount(self, source: str, kind: str, flags: int, options: str = "") -> None:
        """Mount on its target, as the working directory: no name is looked up again."""
        place = self._place()
        os.fchdir(place)
        os.close(place)
        mount(source, ".", kind, flags, options)
        os.chdir("/")

    def _mode(self) -> str:
        return "1777" if self._writable else "755"


def _target(found: _Found) -> str:
    return found.target


def _furnish() -> None:
    """What every box has for itself, but for /proc."""
    options = "newinstance,ptmxmode=0666,mode=0620,gid=5"
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options)
    mount("shm", "/dev/shm", "tmpfs", _SAFE, "size=64m,mode=1777")  # noqa: S108


def _show_processes(*, as_root: bool) -> None:
    """Those of the box."""
    mount("proc", "/proc", "proc", _SAFE | MS_NOEXEC)
    for path in _ROOTS_OWN if as_root else ():
        if os.path.exists(path):
            place = way.directory(path) if os.path.isdir(path) else way.file(path)
            mounts = clone_mounts(path, _SAFE | MS_NOEXEC | MS_RDONLY)
            attach_mounts(mounts, place, path)
            os.close(place)
            os.close(mounts)


def _make_devices() -> None:
    umask = os.umask(0)
    for name, minor in _DEVICES.items():
        os.mknod(f"/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    os.mknod("/dev/tty", 0o666 | stat.S_IFCHR, os.makedev(*_TTY))
    os.umask(umask)
    for path, target in _LINKS.items():
        os.symlink(target, path)


def _raise_loopback() -> None:
    """A new network has nothing but a loopback, which is down."""
    fd = datagram_socket()
    try:
        asked = fcntl.ioctl(fd, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        flags = _IFREQ.unpack(asked)[1]
        fcntl.ioctl(fd, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | _IFF_UP))
    finally:
        os.close(fd)
