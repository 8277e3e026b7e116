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


def _control(option: int, argument: bytes | int) -> None:
    if _prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
