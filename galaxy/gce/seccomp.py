"""
The filter of system calls that a task may ask for, as a program for the kernel. Pure.

It refuses (EPERM) what no ordinary program needs and what has led out of
containers before: mounts, namespaces, tracing, modules, keys, BPF, io_uring. All
else is allowed: a list of what is allowed would break programs with each
new kernel and each new libc.

clone3 passes its flags in memory, where a filter cannot look: it is answered with
ENOSYS, whereupon libraries take clone.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_GREATER_OR_EQUAL = 0x35
_IF_BIT = 0x45
_RETURN = 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
# struct seccomp_data, little-endian.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_NAMESPACES = 0x7E02_0000 | 0x80  # every CLONE_NEW... that there is
_X32 = 0x4000_0000  # calls of another ABI of x86-64, by other numbers


class _Machine(NamedTuple):
    """An architecture: its audit number, and the numbers of its system calls."""

    audit: int
    clone: int
    unshare: int
    denied: tuple[int, ...]
    other_abi: int = 0  # numbers from here on belong to another ABI


# The same everywhere since these calls came to be.
_CLONE3 = 435
_COMMON = (
    *(425, 426, 427),  # io_uring_setup, _enter, _register
    *range(428, 434),  # open_tree, move_mount, fsopen, fsconfig, fsmount, fspick
    438,  # pidfd_getfd
    442,  # mount_setattr
    467,  # open_tree_attr
)
_MACHINES = {
    "x86_64": _Machine(
        audit=0xC000_003E,
        clone=56,
        unshare=272,
        other_abi=_X32,
        denied=(
            101,  # ptrace
            *(155, 165, 166),  # pivot_root, mount, umount2
            163,  # acct
            *(167, 168, 169),  # swapon, swapoff, reboot
            *(172, 173),  # iopl, ioperm
            *(174, 175, 176, 313),  # create_module, init_module, delete_module, finit_module
            *(177, 178, 180),  # get_kernel_syms, query_module, nfsservctl
            *(246, 320),  # kexec_load, kexec_file_load
            *(248, 249, 250),  # add_key, request_key, keyctl
            298,  # perf_event_open
            304,  # open_by_handle_at
            308,  # setns
            *(310, 311, 312),  # process_vm_readv, process_vm_writev, kcmp
            321,  # bpf
            323,  # userfaultfd
            103,  # syslog
            179,  # quotactl
            443,  # quotactl_fd
            *(212, 153),  # lookup_dcookie, vhangup
        ),
    ),
    "aarch64": _Machine(
        audit=0xC000_00B7,
        clone=220,
        unshare=97,
        denied=(
            117,  # ptrace
            *(39, 40, 41),  # umount2, mount, pivot_root
            89,  # acct
            *(224, 225, 142),  # swapon, swapoff, reboot
            *(105, 106, 273),  # init_module, delete_module, finit_module
            42,  # nfsservctl
            *(104, 294),  # kexec_load, kexec_file_load
            *(217, 218, 219),  # add_key, request_key, keyctl
            241,  # perf_event_open
            265,  # open_by_handle_at
            268,  # setns
            *(270, 271, 272),  # process_vm_readv, process_vm_writev, kcmp
            280,  # bpf
            282,  # userfaultfd
            116,  # syslog
            60,  # quotactl
            443,  # quotactl_fd
            *(18, 58),  # lookup_dcookie, vhangup
        ),
    ),
}


# Of each audit number: add_key, request_key, keyctl; also by the other ABIs of such a machine.
_KEYS = {
    "x86_64": (
        (0xC000_003E, (248, 249, 250, _X32 | 248, _X32 | 249, _X32 | 250)),
        (0x4000_0003, (286, 287, 288)),
    ),
    "aarch64": ((0xC000_00B7, (217, 218, 219)), (0x4000_0028, (309, 310, 311))),
}


def is_known(machine: str) -> bool:
    """Whether there is a filter for an architecture, as `uname -m` names it."""
    return machine in _MACHINES


def default_filter(machine: str) -> bytes:
    """
    The program, as an array of struct sock_filter. KeyError: see `is_known`.

    A system call of another architecture's (32 bit programs) ends the process: its numbers
    mean something else.
    """
    return b"".join(struct.pack("<HBBI", *step) for step in _steps(_MACHINES[machine]))


def keys_filter(machine: str) -> bytes:
    """
    The program of every task: the kernel's keys know no boxes, so there are none (ENOSYS).

    Empty for an architecture that is not known.
    """
    return b"".join(struct.pack("<HBBI", *step) for step in _key_steps(_KEYS.get(machine, ())))


def _key_steps(
    calls: Sequence[tuple[int, tuple[int, ...]]],
) -> Iterator[tuple[int, int, int, int]]:
    for audit, numbers in calls:
        yield _LOAD_WORD, 0, 0, _ARCHITECTURE
        yield _IF_EQUAL, 0, 2 + 2 * len(numbers), audit
        yield _LOAD_WORD, 0, 0, _NUMBER
        for number in numbers:
            yield _IF_EQUAL, 0, 1, number
            yield _RETURN, 0, 0, _ERRNO | errno.ENOSYS
        yield _RETURN, 0, 0, _ALLOW
    if calls:
        yield _RETURN, 0, 0, _ALLOW


def _steps(machine: _Machine) -> Iterator[tuple[int, int, int, int]]:
    """Operation, steps to skip if so, steps to skip if not, operand."""
    yield _LOAD_WORD, 0, 0, _ARCHITECTURE
    yield _IF_EQUAL, 1, 0, machine.audit
    yield _RETURN, 0, 0, _KILL
    yield _LOAD_WORD, 0, 0, _NUMBER
    if machine.other_abi:
        yield _IF_GREATER_OR_EQUAL, 0, 1, machine.other_abi
        yield _RETURN, 0, 0, _ERRNO | errno.ENOSYS
    yield _IF_EQUAL, 0, 1, _CLONE3
    yield _RETURN, 0, 0, _ERRNO | errno.ENOSYS
    for number in (*machine.denied, *_COMMON):
        yield _IF_EQUAL, 0, 1, number
        yield _RETURN, 0, 0, _ERRNO | errno.EPERM
    yield _IF_EQUAL, 2, 0, machine.clone
    yield _IF_EQUAL, 1, 0, machine.unshare
    yield _RETURN, 0, 0, _ALLOW
    yield _LOAD_WORD, 0, 0, _FIRST_ARGUMENT
    yield _IF_BIT, 0, 1, _NAMESPACES
    yield _RETURN, 0, 0, _ERRNO | errno.EPERM
    yield _RETURN, 0, 0, _ALLOW
