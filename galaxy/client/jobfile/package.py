"""
The bytes of a package that lies beside a job file.

A directory is packed on the way: sorted, without times and owners, so that the
same files are the same bytes, the same sha256 and the same version everywhere.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from galaxy.descriptions import INLINE_LIMIT_BYTES

_READ_LIMIT_BYTES = 8 * INLINE_LIMIT_BYTES


class PackageError(Exception):
    """The package cannot be sent; the sentence says why."""


def read_package(path: Path) -> bytes:
    """The archive in a file, or the archive of a directory."""
    try:
        if path.is_dir():
            return packed(path)
        size = path.stat().st_size
        if size <= INLINE_LIMIT_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise PackageError(f"cannot read {path}: {error.strerror}") from error
    raise PackageError(
        f"{path} is {size} bytes, at most {INLINE_LIMIT_BYTES} are taken inside a job:"
        " put it where agents can fetch it, and give the URL (kSourceTypeFTP)"
    )


def packed(directory: Path) -> bytes:
    """The files of a directory as a .tar.gz; its top is the archive's top."""
    archive = io.BytesIO()
    weight = 0
    with (
        gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(directory.rglob("*")):
            entry = tar.gettarinfo(path, str(path.relative_to(directory)))
            if entry is None:
                raise PackageError(f"{path} is a socket: it cannot be packed")
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = 0
            weight += entry.size
            if weight > _READ_LIMIT_BYTES:
                raise PackageError(
                    f"{directory} holds more than {_READ_LIMIT_BYTES} bytes, too much to send"
                    " inside a job: put an archive where agents can fetch it (kSourceTypeFTP)"
                )
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    return archive.getvalue()
