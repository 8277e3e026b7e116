"""
The few calls into the C library that Python 3.11 does not offer.

Bound once, before anything forks, so that keepers share the memory.
"""

from __future__ import annotations

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL, _SIGCHLD = 9, 17  # `signal` would give the same numbers for 0.2 MB a keeper

_libc = ctypes.CDLL(None, use_errno=True)
_prctl = _libc.prctl
_signal = _libc.signal
_signal.restype = ctypes.c_void_p
_signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
_mount = _libc.mount
_mount.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
_unshare = _libc.unshare

MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 1 << 1, 1 << 2, 1 << 12, 1 << 14, 1 << 19
_CLONE_NEWNS = 0x20000


def name_process(name: bytes) -> None:
    """Show this name in lists of processes; 15 bytes at most."""
    _control(_PR_SET_NAME, name)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have this process killed when its parent ends. Forgotten when the user changes."""
    _control(_PR_SET_PDEATHSIG, _SIGKILL)


def renounce_privileges() -> None:
    """Gain no rights by any program executed from now on."""
    _control(_PR_SET_NO_NEW_PRIVS, 1)


def await_children() -> None:
    """Undo an inherited SIG_IGN of SIGCHLD, under which no exit status can be had."""
    _signal(_SIGCHLD, None)


def unshare_mounts() -> None:
    """Go into a mount namespace of this process's own."""
    _check(_unshare(_CLONE_NEWNS))


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    texts = [os.fsencode(text) for text in (source, target, kind)]
    _check(_mount(*texts, flags, os.fsencode(options) or None), target)


def _control(option: int, argument: bytes | int) -> None:
    _check(_prctl(option, argument, 0, 0, 0))


def _check(result: int, filename: str | None = None) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), filename)
