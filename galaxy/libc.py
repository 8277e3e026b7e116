"""
The C library, for what Python 3.11 does not offer of it: a name is asked of `library`, its
answer is `checked`. Also what mounts, which gce and the agent both do.

A keeper carries this, too: it imports next to nothing.
"""

from __future__ import annotations

import ctypes
import os

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1 << 5, 1 << 12, 1 << 14, 1 << 19
_MNT_DETACH = 2

library = ctypes.CDLL(None, use_errno=True)
_mount = library.mount
_mount.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
_umount = library.umount2


def checked(result: int, path: str | None = None) -> int:
    """What a call gave back; of one that failed, `OSError` by its errno, about a path."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    texts = [os.fsencode(text) for text in (source, target, kind)]
    checked(_mount(*texts, flags, os.fsencode(options) or None), target)


def unmount(target: str) -> None:
    """Take away what is mounted there; what is still open in it goes with its last user."""
    checked(_umount(os.fsencode(target), _MNT_DETACH), target)
