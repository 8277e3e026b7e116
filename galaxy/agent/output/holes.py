"""
Gives the front of a file back to the disk; its size, and the offsets in it, stay.

Whoever appends to the file notices nothing. What was there reads as a hole.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from galaxy.libc import checked, library

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_UNABLE = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})

_fallocate = library.fallocate64
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class CannotPunch(Exception):
    """The file system knows no holes, or cannot make them."""


def punch_front(path: Path, keep: int) -> None:
    """
    Give back all but the last `keep` bytes, in whole blocks: a part of a block would
    read as zeros.

    Raises `CannotPunch`, or `OSError`; never follows a symbolic link.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        block = os.fstatvfs(descriptor).f_bsize
        length = (os.fstat(descriptor).st_size - keep) // block * block
        if length <= 0:
            return
        checked(_fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, 0, length), str(path))
    except OSError as error:
        if error.errno in _UNABLE:
            raise CannotPunch(error.strerror) from error
        raise
    finally:
        os.close(descriptor)
