"""
Unpacks an archive into a directory, shut in and without rights.

    python -I unpack.py [--user USER] ARCHIVE DIRECTORY

The agent has gce run this file in the task's container (process "deploy.N"). As
root, with --user: everything needed is imported and the archive opened, then the
process makes DIRECTORY its root, becomes USER, and only then reads the archive; so
a hole in a decompressor, or in tarfile's filter, gives away no more than the
task could reach anyway. Without --user it relies on the filter alone.

Takes tar (plain or compressed by gzip, bzip2, xz) and zip. It stands alone, on the
standard library: it is run by path, and takes 30 ms. On failure the last line on
stderr says why, and the status is 1.
"""

from __future__ import annotations

import argparse
import importlib
import lzma
import os
import pwd
import stat
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")


class Unusable(Exception):
    """The archive is not one that can be unpacked; the sentence says why."""


def unpack(archive: BinaryIO, directory: Path) -> None:
    """Put what is in the archive below the directory; nothing outside of it."""
    magic = archive.read(4)
    archive.seek(0)
    try:
        if magic in _ZIP_MAGIC:
            _unpack_zip(archive, directory)
        else:
            _unpack_tar(archive, directory)
    except tarfile.FilterError as error:
        raise Unusable(f"the package is refused: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Unusable(
            f"the package is not a tar (plain, gzip, bzip2, xz) or zip archive, or damaged: {error}"
        ) from error
    except OSError as error:
        raise Unusable(f"the package cannot be unpacked: {error}") from error


def _unpack_tar(archive: BinaryIO, directory: Path) -> None:
    with tarfile.open(fileobj=archive) as tar:
        tar.extractall(directory, filter="data")


def _unpack_zip(archive: BinaryIO, directory: Path) -> None:
    """Like `ZipFile.extractall`, which drops ".." by itself, but loses the permissions."""
    with zipfile.ZipFile(archive) as package:
        for member in package.infolist():
            mode = member.external_attr >> 16
            if ".." in member.filename.split("/") or member.filename.startswith("/"):
                raise Unusable(f"the package is refused: {member.filename!r} leads out of it")
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Unusable(f"the package is refused: {member.filename!r} is not a file")
            path = package.extract(member, directory)
            if mode and not member.is_dir():
                Path(path).chmod(mode & 0o755 | 0o600)


def _shut_in(directory: Path, user: str) -> Path:
    """Become the user, with the directory as the root; where it now is."""
    account = pwd.getpwnam(user)
    groups = os.getgrouplist(user, account.pw_gid)
    # What would be imported from inside, where nothing is to be found.
    b"".decode("cp437")
    importlib.import_module("bz2")
    os.chroot(directory)
    os.chdir("/")
    os.setgroups(groups)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    return Path("/")


def main(arguments: list[str]) -> int:
    """Unpack as the command line says; the process's status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", default="")
    parser.add_argument("archive", type=Path)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args(arguments)
    try:
        with options.archive.open("rb") as archive:
            directory = options.directory
            if options.user and os.geteuid() == 0:
                directory = _shut_in(directory, options.user)
            unpack(archive, directory)
    except KeyError:
        print(f"there is no account {options.user!r} on this machine", file=sys.stderr)  # noqa: T201
        return 1
    except (Unusable, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - stderr is how it answers
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
