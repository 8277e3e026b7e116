"""
The cradle: a tiny process that forks one keeper per task process.

Run by `galaxy.gce.launcher` as `python -S -m galaxy.gce.cradle ROOT LOCK FD`,
before or beside a gce that holds Twisted: forking a small process is cheap, and
what it forks stays small. It talks over one SOCK_SEQPACKET socket:

    in   CONTAINER/NAME   launch the process whose record is ROOT/CONTAINER/NAME
    out  a single dot     ready: no other cradle forks for ROOT
    out  CONTAINER/NAME   its record has news (sent by the keeper itself)

Messages only say where to look; the record on disk is the truth. The lock is
held by the cradle and by its keepers until they have claimed their record, so
once another holds it, a record without a claim is one that nobody will run.
The cradle goes when gce does; keepers stay.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import signal
import sys

from galaxy.gce.keeper import give_up, keep, write_failed
from galaxy.gce.kernel import name_process

READY = b"."
_LONGEST = 4096
# It goes when gce hangs up, not before, and keepers inherit this.
# Of SIGCHLD it means that the kernel reaps keepers.
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)


def serve(root: str, lock_path: str, socket: int) -> None:
    """Fork keepers until gce hangs up."""
    os.set_inheritable(socket, False)
    name_process(b"galaxy-cradle")
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    gc.disable()
    gc.freeze()
    # What is written to between two forks is one more page in every keeper.
    below = os.fsencode(root) + b"/"
    try:
        os.write(socket, READY)
        while request := os.read(socket, _LONGEST):
            _launch(below + request, lock, socket, request)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ECONNRESET):
            raise


def _launch(directory: bytes, lock: int, socket: int, request: bytes) -> None:
    try:
        pid = os.fork()
    except OSError as error:
        os.chdir(directory)
        write_failed(f"cannot fork a keeper: {error.strerror}")
        os.chdir("/")
        os.write(socket, request)
        return
    if pid == 0:
        try:
            keep(directory, lock, socket, request)
        except BaseException:  # noqa: BLE001  (a keeper must not become a second cradle)
            sys.excepthook(*sys.exc_info())
            give_up(socket, request)
            os._exit(70)
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
