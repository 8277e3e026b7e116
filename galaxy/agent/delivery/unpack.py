"""
Unpacks an archive into a directory, shut in and without rights: all of it, or nothing.

    python -I -S unpack.py ARCHIVE DIRECTORY MOST_BYTES [USER]

The agent has gce run this file in the task's container (process "deploy.N"). As
root, with a USER: everything needed is imported and the archive opened, then the
process makes DIRECTORY its root, becomes USER, and only then reads the archive; so
a hole in a decompressor, or in the checks here, gives away no more than
the task could reach anyway. Without USER it relies on the checks alone.

What is in the archive comes to a directory beside its place first, and is moved there
when all of it stands. MOST_BYTES bounds what it may take (0: the disk alone does).

Takes tar (plain or compressed by gzip, bzip2, xz) and zip. It stands alone, on the
standard library, and imports little: that is 20 ms of the processor. On failure the last
line on stderr says why, and the status is 1.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import pwd
import resource
import shutil
import signal
import stat
import struct
import sys
import tarfile
import zlib
from typing import Any, BinaryIO, NoReturn

STAGING = ".galaxy-unpacking"
MOST_ENTRIES = 1_000_000
MOST_LEVELS = 200
MOST_MEMORY = 1 << 30

_BLOCK = 4096  # what the least file takes of a disk
_RESERVE = 1 << 30  # of a disk nobody unpacks the last twentieth, or the last of these
_LONGEST_HEADER = 1 << 20
_END_OF_TAR = bytes(512)
_CHUNK = 1 << 16

# Python has this filter since 3.11.4; `_admitted` is ours, and is asked first on every one.
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSIONS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)
_DAMAGED = (
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
)


class Unusable(Exception):
    """The archive is not one that can be unpacked; the sentence says why."""


class _Budget:
    """What the archive may take of the disk, and how much of that it has taken."""

    def __init__(self, directory: str, most_bytes: int) -> None:
        disk = os.statvfs(directory)
        reserve = min(_RESERVE, disk.f_blocks * disk.f_frsize // 20)
        free = max(0, disk.f_bavail * disk.f_frsize - reserve)
        self.most_bytes = min(most_bytes, free) if most_bytes else free
        self._why = "what the task may have" if self.most_bytes == most_bytes else "the disk has"
        self._bytes = self.most_bytes
        files = disk.f_favail * 9 // 10 if disk.f_files else MOST_ENTRIES
        self._entries = min(MOST_ENTRIES, files)

    def spend(self, path: str, size: int) -> None:
        """Take what one more entry needs, and the directories above it that are missing."""
        entries = 1
        while not os.path.lexists(path := os.path.dirname(path)):
            entries += 1
        self._entries -= entries
        self._bytes -= max(_BLOCK, size) + _BLOCK * (entries - 1)
        if size < 0 or self._bytes < 0:
            raise Unusable(
                "the package is refused: unpacked it is more than"
                f" {self.most_bytes} bytes, which is {self._why}"
            )
        if self._entries < 0:
            raise Unusable("the package is refused: it holds too many files")


class _Stream:
    """
    A tar as it comes out of its compression.

    It is never longer than twice what may be unpacked, and no header in it is read that
    fills the memory. `last` is what was read last.
    """

    def __init__(self, stream: BinaryIO, most_bytes: int) -> None:
        self._stream = stream
        self._end = 2 * most_bytes + (16 << 20)
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise Unusable("the package is refused: a header in it is too long")
        self.last = self._stream.read(size)
        self._bound(self._stream.tell())
        return self.last

    def seek(self, position: int) -> None:
        self._bound(position)
        self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()

    def drain(self) -> None:
        """Read to the end, where the checksums are."""
        while self.read(_CHUNK):
            pass

    def _bound(self, position: int) -> None:
        if position > self._end:
            raise Unusable("the package is refused: what is compressed in it does not end")


def deploy(archive: BinaryIO, directory: str, most_bytes: int = 0) -> None:
    """Put what is in the archive below the directory; raises `Unusable`, and leaves nothing."""
    staging = os.path.join(directory, STAGING)
    try:
        _wipe(staging)
        os.mkdir(staging, 0o700)
        try:
            unpack(archive, staging, most_bytes)
            if os.path.lexists(os.path.join(staging, STAGING)):
                raise Unusable(f"the package is refused: {STAGING!r} in it is not a name to have")
            _move(staging, directory)
        finally:
            _wipe(staging)
    except OSError as error:
        raise Unusable(f"the package cannot be unpacked: {error}") from error


def unpack(archive: BinaryIO, directory: str, most_bytes: int = 0) -> None:
    """Put what is in the archive below an empty directory; nothing outside of it."""
    budget = _Budget(directory, most_bytes)
    try:
        if is_zip(archive):
            _unpack_zip(archive, directory, budget)
        else:
            _unpack_tar(archive, directory, budget)
    except _DAMAGED as error:
        raise Unusable(
            "the package is not a tar (plain, gzip, bzip2, xz) or zip archive, or is damaged"
        ) from error
    except (MemoryError, RecursionError) as error:
        raise Unusable("the package is refused: it takes too much memory to unpack") from error


def is_zip(archive: BinaryIO) -> bool:
    """Whether the archive begins like a zip file."""
    return _head(archive).startswith(_ZIP_MAGIC)


def _head(archive: BinaryIO) -> bytes:
    head = archive.read(8)
    archive.seek(0)
    return head


def _move(source: str, target: str) -> None:
    """Move what is in one directory into the other, in place of what has the same name."""
    for entry in list(os.scandir(source)):
        there = os.path.join(target, entry.name)
        if entry.is_dir(follow_symlinks=False) and _is_directory(there):
            os.chmod(there, stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode))
            _move(entry.path, there)
        else:
            _wipe(there)
            os.rename(entry.path, there)


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _wipe(path: str) -> None:
    if _is_directory(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _unpack_tar(archive: BinaryIO, directory: str, budget: _Budget) -> None:
    """One member after the other: each is judged by what those before it have made."""
    root = os.path.realpath(directory)
    head = _head(archive)
    opener = next((opener for magic, opener in _COMPRESSIONS if head.startswith(magic)), None)
    whole = archive if opener is None else opener(archive)
    stream = _Stream(whole, budget.most_bytes)
    links: list[str] = []
    # "r:": plain. Tarfile would try every compression in turn, and take what none is for a tar.
    with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            if member.isdir() and os.path.normpath(member.name) == ".":
                continue
            _admitted(member, root)
            path = os.path.join(root, member.name)
            budget.spend(path, member.size)
            if member.issym() or member.islnk():
                _link(member, path, root)
            else:
                tar.extract(member, root, **_FILTER)
            if member.issym():
                links.append(member.name)
            tar.members.clear()  # else all headers stay in memory
    if stream.last != _END_OF_TAR:  # tarfile takes any break between two members for the end
        raise EOFError
    stream.drain()
    for name in links:  # what one leads through may have changed after it was made
        _check_name(name, root)


def _link(member: tarfile.TarInfo, path: str, root: str) -> None:
    """Make a link. Where one cannot be made, tarfile would take another member for it, unjudged."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    if member.issym():
        os.symlink(member.linkname, path)
    else:
        os.link(os.path.join(root, member.linkname), path)


def _admitted(member: tarfile.TarInfo, root: str) -> None:
    """Make of the member what may be unpacked; Unusable if it may not be."""
    name = member.name
    known = member.isreg() or member.isdir() or member.islnk() or member.issym()
    if not known or os.path.normpath(name) == ".":
        raise Unusable(f"the package is refused: {name!r} is not a file")
    _check_name(name, root)
    if member.islnk() or member.issym():
        start = os.path.dirname(name) if member.issym() else ""
        target = os.path.join(start, member.linkname)
        if member.linkname.startswith("/") or not _inside(root, target):
            raise Unusable(
                f"the package is refused: {name!r} links to {member.linkname!r}, out of it"
            )
        if member.islnk() and not _is_file(os.path.join(root, target)):
            raise Unusable(f"the package is refused: {name!r} links to what is no file of it")
    if not member.issym():
        member.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
    member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""


def _check_name(name: str, root: str) -> None:
    if name.count("/") > MOST_LEVELS:
        raise Unusable(f"the package is refused: {name[:40]!r}... lies too deep")
    if name.startswith("/") or not _inside(root, name):
        raise Unusable(f"the package is refused: {name!r} leads out of it")


def _is_file(path: str) -> bool:
    return os.path.lexists(path) and stat.S_ISREG(os.lstat(path).st_mode)


def _inside(root: str, path: str) -> bool:
    """Whether a path, with the links that stand already, ends at or below the root."""
    real = os.path.realpath(os.path.join(root, path))
    return real == root or real.startswith(root.rstrip("/") + "/")


def _unpack_zip(archive: BinaryIO, directory: str, budget: _Budget) -> None:
    """Like `ZipFile.extractall`, which loses the permissions and bends names."""
    import zipfile

    try:
        with zipfile.ZipFile(archive) as package:
            for member in package.infolist():
                mode = member.external_attr >> 16
                _check_member(member.filename, mode)
                budget.spend(os.path.join(directory, member.filename.strip("/")), member.file_size)
                path = package.extract(member, directory)
                if mode and not member.is_dir():
                    os.chmod(path, mode & 0o755 | 0o600)
    except RecursionError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unusable(f"the package is a zip archive that is damaged: {error}") from error


def _check_member(name: str, mode: int) -> None:
    if name.count("/") > MOST_LEVELS:
        raise Unusable(f"the package is refused: {name[:40]!r}... lies too deep")
    if ".." in name.split("/") or name.startswith("/"):
        raise Unusable(f"the package is refused: {name!r} leads out of it")
    nameless = os.path.normpath(name) == "." and not name.endswith("/")
    if nameless or stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Unusable(f"the package is refused: {name!r} is not a file")


def _shut_in(directory: str, user: str) -> str:
    """Become the user, with the directory as the root; where it now is."""
    account = pwd.getpwnam(user)
    groups = os.getgrouplist(user, account.pw_gid)
    codecs.lookup("cp437")  # a module, too, which zipfile needs
    # What is not imported by now would come from the task's files, and would not be in its box.
    sys.meta_path[:] = [each for each in sys.meta_path if "PathFinder" not in repr(each)]
    os.chroot(directory)
    os.chdir("/")
    os.setgroups(groups)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    return "/"


def _stopped(_number: int, _frame: object) -> NoReturn:
    raise Unusable("it was stopped before the package was unpacked")


def main(arguments: list[str]) -> int:
    """Unpack as the command line says; the process's status."""
    path, directory, most_bytes, *users = arguments
    signal.signal(signal.SIGTERM, _stopped)  # so that it leaves nothing
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most_memory = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, hard))
    try:
        with open(path, "rb") as archive:
            if is_zip(archive):
                import zipfile  # noqa: F401 - before nothing is to be found
            if users and os.geteuid() == 0:
                directory = _shut_in(directory, users[0])
            deploy(archive, directory, int(most_bytes))
    except KeyError:
        print(f"there is no account {users[0]!r} on this machine", file=sys.stderr)  # noqa: T201
        return 1
    except (Unusable, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - stderr is how it answers
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
