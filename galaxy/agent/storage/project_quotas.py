"""
Quotas that the file system keeps: a directory as a *project* with a limit.

ext4 (made with `-O quota,project`, mounted with `prjquota`) and xfs (`prjquota`) have them, if
the kernel does (5.14, for `quotactl_fd`). Whoever writes more than is granted gets an error
at once, whatever the file, deleted but open ones too. Where one of these is missing nothing here
does anything, and `galaxy.agent.storage.scales` takes its place.

Note: the numbers of projects
    Made of the directory's inode, which no other directory of the file system has. The
    directory itself says that it is a project, so nothing need be remembered.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galaxy.agent.storage.quotas import LEAST_BYTES
from galaxy.libc import checked, library

_FSGETXATTR, _FSSETXATTR = 0x801C581F, 0x401C5820
_FSXATTR = struct.Struct("=IIIII8x")  # flags, extent size, extents, project, cow extent size
_INHERIT = 0x200

_QUOTACTL_FD = 443
_PROJECTS = 2
_GET, _SET, _STATE = 0x800007, 0x800008, 0x5808
_DQBLK = struct.Struct("=8QI4x")  # limits and use of blocks, of inodes, two times, what is valid
_BLOCK_BYTES = 1024  # of limits, whatever the file system's are
_VALID_LIMITS = 1 | 4
_STATE_BYTES = 512
_ENFORCED = 1 << 5

_OURS, _OF_INODE = 1 << 30, (1 << 30) - 1
_ABSENT = frozenset(
    {errno.ENOSYS, errno.ENOTTY, errno.EOPNOTSUPP, errno.ESRCH, errno.EINVAL, errno.EPERM}
)


def keeps_quotas(directory: Path) -> bool:
    """Whether the file system of a directory keeps the limits of projects."""
    state = bytearray(_STATE_BYTES)
    state[0] = 1  # the version of the answer
    with _opened(directory) as fd:
        try:
            _FSXATTR.unpack(_attributes(fd))
            _quotactl(fd, _STATE, 0, state)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise
    (flags,) = struct.unpack_from("=H", state, 2)
    return bool(flags & _ENFORCED)


def limit(directory: Path, size_bytes: int) -> None:
    """
    Let a directory hold so much, and so many files as `galaxy.agent.storage.quotas` has it.

    It becomes a project if it is none, for which it should be empty: what is in it
    already does not count. Raises `OSError`.
    """
    with _opened(directory) as fd:
        flags, extent, extents, project, cow = _FSXATTR.unpack(_attributes(fd))
        if not project:
            project = _OURS | (os.fstat(fd).st_ino & _OF_INODE)
            changed = _FSXATTR.pack(flags | _INHERIT, extent, extents, project, cow)
            fcntl.ioctl(fd, _FSSETXATTR, changed)
        blocks, files = -(-size_bytes // _BLOCK_BYTES), -(-size_bytes // LEAST_BYTES)
        limits = _DQBLK.pack(blocks, blocks, 0, files, files, 0, 0, 0, _VALID_LIMITS)
        _quotactl(fd, _SET, project, bytearray(limits))


def is_limited(directory: Path) -> bool:
    """Whether a directory is a project. Ask only where quotas are kept."""
    try:
        with _opened(directory) as fd:
            return bool(_FSXATTR.unpack(_attributes(fd))[3])
    except FileNotFoundError:
        return False


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield fd
    finally:
        os.close(fd)


def _attributes(fd: int) -> bytes:
    return fcntl.ioctl(fd, _FSGETXATTR, bytes(_FSXATTR.size))


def _quotactl(fd: int, command: int, project: int, data: bytearray) -> None:
    buffer = (ctypes.c_char * len(data)).from_buffer(data)
    number = ctypes.c_uint(command << 8 | _PROJECTS)
    checked(library.syscall(_QUOTACTL_FD, fd, number, ctypes.c_uint(project), buffer))
