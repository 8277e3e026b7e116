"""
The few calls of the C library that gce needs and Python 3.11 does not offer (`galaxy.libc`).

Bound once, before anything forks, so that keepers share the memory.
"""

from __future__ import annotations

import ctypes
import os

from galaxy.libc import MS_SLAVE, checked, library

_PR_SET_PDEATHSIG = 1
_KEYCTL, _JOIN_SESSION = {"x86_64": 250, "aarch64": 219}, 1
_SECCOMP, _SET_FILTER, _SPECULATE = {"x86_64": 317, "aarch64": 277}, 1, 1 << 2
_PR_SET_NAME = 15
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SIGKILL, _SIGCHLD = 9, 17  # `signal` would give the same numbers for 0.2 MB a keeper
_EPERM, _EINVAL, _ENOSYS = 1, 22, 38
_keyctl = _KEYCTL.get(os.uname().machine, -1)  # -1: ENOSYS
_seccomp = _SECCOMP.get(os.uname().machine, -1)

_prctl = library.prctl
_signal = library.signal
_signal.restype = ctypes.c_void_p
_signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
_pivot_root = library.pivot_root
_unshare = library.unshare
_setns = library.setns
_capset = library.capset
_sethostname = library.sethostname
_socket = library.socket
_syscall = library.syscall

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWPID, CLONE_NEWNET = 0x2000_0000, 0x4000_0000
_AF_INET, _SOCK_DGRAM = 2, 2

# Since Linux 5.12, by the same numbers on every architecture but alpha.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH, _MOVE_MOUNT_T_EMPTY_PATH = 0x04, 0x40

_Words = ctypes.c_uint64 * 4  # struct mount_attr: set, clear, propagation, user namespace
_Header = ctypes.c_uint32 * 2  # struct __user_cap_header_struct
_Nothing = ctypes.c_uint32 * 6
_CAPABILITIES_3 = 0x2008_0522


class _Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


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


def bound_capabilities() -> None:
    """Have executing a program, as root too, give no capability any more."""
    number = 0
    while _prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    if ctypes.get_errno() != _EINVAL:  # which says that there is no such capability
        checked(-1)


def drop_capabilities() -> None:
    """Give up every capability there is."""
    _control(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    checked(_capset(_Header(_CAPABILITIES_3, 0), _Nothing()))


def leave_session_keyring() -> None:
    """
    Hold no keys of whoever began this process, but an empty keyring.

    Where there are no keys, or somebody keeps them from us, there is nothing to leave.
    """
    if _syscall(_keyctl, _JOIN_SESSION, None) < 0 and ctypes.get_errno() not in (_EPERM, _ENOSYS):
        checked(-1)


def filter_system_calls(program: bytes) -> None:
    """Have the kernel ask a program (see `galaxy.gce.seccomp`) about each system call."""
    asked = _asked(program)
    checked(_prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(asked), 0, 0))


def filter_calls_of_all(program: bytes) -> None:
    """
    The same for all that this process begins, at no cost to them: kernels before 5.16 would
    have the processor not run ahead. As root.
    """
    asked = _asked(program)
    checked(_syscall(_seccomp, _SET_FILTER, _SPECULATE, ctypes.byref(asked)))


def _asked(program: bytes) -> _Filter:
    return _Filter(len(program) // 8, ctypes.cast(ctypes.c_char_p(program), ctypes.c_void_p))


def await_children() -> None:
    """Undo an inherited SIG_IGN of SIGCHLD, under which no exit status can be had."""
    heed(_SIGCHLD)


def heed(number: int) -> None:
    """Have a signal do what it does by default; a fifth of what `signal.signal` takes."""
    _signal(number, None)


def unshare(namespaces: int) -> None:
    """Go into new namespaces of these kinds; as to process ids, the children will."""
    checked(_unshare(namespaces))


def set_namespaces(fd: int, namespaces: int) -> None:
    """Go into the namespaces of a process (pidfd), or into the one that the descriptor is."""
    checked(_setns(fd, namespaces))


def set_hostname(name: str) -> None:
    """Call the machine by this name, in the present UTS namespace."""
    encoded = name.encode()
    checked(_sethostname(encoded, len(encoded)))


def datagram_socket() -> int:
    """A descriptor to ask about the network with; importing `socket` would cost more."""
    return checked(_socket(_AF_INET, _SOCK_DGRAM | os.O_CLOEXEC, 0))


def clone_mounts(source: str, flags: int) -> int:
    """
    A copy of the mounts at and below a path, with `flags` (MS_RDONLY, MS_NOSUID, MS_NODEV),
    attached nowhere yet; the descriptor of it. What is mounted on it shows nowhere
    else. Since Linux 5.12.
    """
    options = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
    fd = checked(_syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(source), options), source)
    words = _Words(flags, 0, MS_SLAVE, 0)
    options = _AT_EMPTY_PATH | _AT_RECURSIVE
    size = ctypes.sizeof(words)
    checked(_syscall(_MOUNT_SETATTR, fd, b"", options, ctypes.byref(words), size), source)
    return fd


def attach_mounts(fd: int, place: int, target: str) -> None:
    """Mount what `clone_mounts` copied on what the descriptor `place` is of; `target` names it."""
    flags = _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH
    checked(_syscall(_MOVE_MOUNT, fd, b"", place, b"", flags), target)


def exchange_root() -> None:
    """
    Make the working directory, which a file system is mounted on, the root directory.

    The old root is beneath it until it is unmounted, but no path leads there.
    """
    checked(_pivot_root(b".", b"."), ".")


def _control(option: int, argument: bytes | int) -> None:
    checked(_prctl(option, argument, 0, 0, 0))
