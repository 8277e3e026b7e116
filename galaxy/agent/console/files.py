"""Files below the directory of a pod, and nothing else, whatever its tasks change meanwhile."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from galaxy.agent.walk import Walk, readable
from galaxy.names import printable
from galaxy.protocol.agent_pb2 import FileEntry
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kConflict, kNotFound, kPermission

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
_STATUSES: dict[int | None, Status] = {
    errno.ENOENT: kNotFound,
    errno.ENOTDIR: kNotFound,
    errno.EACCES: kPermission,
    errno.EPERM: kPermission,
}


def opened(root: Path, path: bytes) -> int:
    """
    A descriptor of the directory or the regular file at a path below `root`.

    It is to be closed by the caller. `GalaxyError` says why there is none.
    """
    try:
        walk = Walk(root)
        try:
            walk.go(path)
            return readable(walk.here)
        finally:
            walk.close()
    except GalaxyError as error:
        raise GalaxyError(error.status, f"{printable(path)}: {error.reason}") from None
    except OSError as error:
        status = _STATUSES.get(error.errno, kConflict)
        raise GalaxyError(status, f"{printable(path)}: {error.strerror}") from None


def entries(directory: int) -> Iterator[FileEntry]:
    """What is in a directory, in no order, as one goes along. Raises `OSError`."""
    owners: dict[int, str] = {}
    with os.scandir(directory) as names:
        for each in names:
            try:
                status = os.stat(each.name, dir_fd=directory, follow_symlinks=False)
                entry = _entry(os.fsencode(each.name), status, owners)
                if entry.kind == "link":
                    entry.target = os.readlink(os.fsencode(each.name), dir_fd=directory)
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.EINVAL}:  # gone, or no link by now
                    raise
            else:
                yield entry


def entry_of(descriptor: int, path: bytes) -> FileEntry:
    """A file as an entry."""
    return _entry(path.rstrip(b"/").rpartition(b"/")[2], os.fstat(descriptor), {})


def _entry(name: bytes, status: os.stat_result, owners: dict[int, str]) -> FileEntry:
    uid = status.st_uid
    if uid not in owners:
        try:
            owners[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            owners[uid] = str(uid)
    return FileEntry(
        name=name,
        kind=_KINDS.get(stat.S_IFMT(status.st_mode), "other"),
        size=status.st_size,
        modified=status.st_mtime,
        mode=stat.S_IMODE(status.st_mode),
        owner=owners[uid],
    )
