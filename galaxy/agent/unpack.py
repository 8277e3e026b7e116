"""
Unpacks an archive into a directory, shut in and without rights.

    python -I -S unpack.py ARCHIVE DIRECTORY [USER]

The agent has gce run this file in the task's container (process "deploy.N"). As
root, with a USER: everything needed is imported and the archive opened, then the
process makes DIRECTORY its root, becomes USER, and only then reads the archive; so
a hole in a decompressor, or in the checks here, gives away no more than
the task could reach anyway. Without USER it relies on the checks alone.

Takes tar (plain or compressed by gzip, bzip2, xz) and zip. It stands alone, on the
standard library, and imports little: it runs in the task's share of the processor,
20 ms of it. On failure the last line on stderr says why, and the status is 1.
"""

from __future__ import annotations

import bz2  # noqa: F401 - tarfile imports these from inside, where nothing is to be found
import codecs
import gzip
import lzma
import os
import pwd
import stat
import sys
import tarfile
import zlib
from typing import Any, BinaryIO

# Python has this filter since 3.11.4; `_admitted` is ours, and is asked first on every one.
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")


class Unusable(Exception):
    """The archive is not one that can be unpacked; the sentence says why."""


def unpack(archive: BinaryIO, directory: str) -> None:
    """Put what is in the archive below the directory; nothing outside of it."""
    try:
        if is_zip(archive):
            _unpack_zip(archive, directory)
        else:
            _unpack_tar(archive, directory)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise Unusable(
            "the package is not a tar (plain, gzip, bzip2, xz) or zip archive, or is damaged"
        ) from error
    except OSError as error:
        raise Unusable(f"the package cannot be unpacked: {error}") from error


def is_zip(archive: BinaryIO) -> bool:
    """Whether the archive begins like a zip file."""
    magic = archive.read(4)
    archive.seek(0)
    return magic in _ZIP_MAGIC


def _unpack_tar(archive: BinaryIO, directory: str) -> None:
    """One member after the other: each is judged by what those before it have made."""
    root = os.path.realpath(directory)
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            tar.extract(_admitted(member, root), root, **_FILTER)


def _admitted(member: tarfile.TarInfo, root: str) -> tarfile.TarInfo:
    """The member as it may be unpacked; Unusable if it may not be."""
    name = member.name
    if not (member.isreg() or member.isdir() or member.islnk() or member.issym()):
        raise Unusable(f"the package is refused: {name!r} is not a file")
    if name.startswith("/") or not _inside(root, name):
        raise Unusable(f"the package is refused: {name!r} leads out of it")
    if member.islnk() or member.issym():
        start = os.path.dirname(name) if member.issym() else ""
        if member.linkname.startswith("/") or not _inside(
            root, os.path.join(start, member.linkname)
        ):
            target = member.linkname
            raise Unusable(f"the package is refused: {name!r} links to {target!r}, out of it")
    if not member.issym():
        member.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
    return member


def _inside(root: str, path: str) -> bool:
    """Whether a path, with the links that stand already, ends at or below the root."""
    real = os.path.realpath(os.path.join(root, path))
    return real == root or real.startswith(root.rstrip("/") + "/")


def _unpack_zip(archive: BinaryIO, directory: str) -> None:
    """Like `ZipFile.extractall`, which loses the permissions and bends names."""
    import zipfile

    try:
        with zipfile.ZipFile(archive) as package:
            for member in package.infolist():
                mode = member.external_attr >> 16
                _check_member(member.filename, mode)
                path = package.extract(member, directory)
                if mode and not member.is_dir():
                    os.chmod(path, mode & 0o755 | 0o600)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unusable(f"the package is a zip archive that is damaged: {error}") from error


def _check_member(name: str, mode: int) -> None:
    if ".." in name.split("/") or name.startswith("/"):
        raise Unusable(f"the package is refused: {name!r} leads out of it")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Unusable(f"the package is refused: {name!r} is not a file")


def _shut_in(directory: str, user: str) -> str:
    """Become the user, with the directory as the root; where it now is."""
    account = pwd.getpwnam(user)
    groups = os.getgrouplist(user, account.pw_gid)
    codecs.lookup("cp437")  # a module, too, which zipfile needs
    os.chroot(directory)
    os.chdir("/")
    os.setgroups(groups)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    return "/"


def main(arguments: list[str]) -> int:
    """Unpack as the command line says; the process's status."""
    path, directory, *users = arguments
    try:
        with open(path, "rb") as archive:
            if is_zip(archive):
                import zipfile  # noqa: F401 - before nothing is to be found
            if users and os.geteuid() == 0:
                directory = _shut_in(directory, users[0])
            unpack(archive, directory)
    except KeyError:
        print(f"there is no account {users[0]!r} on this machine", file=sys.stderr)  # noqa: T201
        return 1
    except (Unusable, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - stderr is how it answers
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
