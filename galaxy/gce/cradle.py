"""
The cradle: a tiny process that forks one keeper per task process.

Run by `galaxy.gce.launcher` as `python -S -m galaxy.gce.cradle ROOT LOCK FD`,
before or beside a gce that holds Twisted: forking a small process is cheap, and
what it forks stays small. It talks over one SOCK_SEQPACKET socket:

    in   WAY CONTAINER/NAME  launch the process whose record is ROOT/CONTAINER/NAME
    in   WAY CONTAINER/NAME KEY  the same in a box, made of the template of this name
    out  a single dot        ready: no other cradle forks for ROOT
    out  CONTAINER/NAME      its record has news (sent by the keeper itself)

WAY is one letter: whether the keeper is the first process of a namespace of process
ids, so that what it keeps sees nothing else and the kernel ends it all when the keeper goes.

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

from galaxy.gce.box import Template
from galaxy.gce.keeper import give_up, keep, write_failed
from galaxy.gce.kernel import (
    CLONE_NEWPID,
    filter_calls_of_all,
    leave_session_keyring,
    name_process,
    set_namespaces,
    unshare,
)
from galaxy.gce.seccomp import keys_filter
from galaxy.gce.template import TemplateError, make_template

READY = b"."
HOST, BOX, JOIN = b"h", b"b", b"j"  # the ways; JOIN: into another process's namespaces
_LONGEST = 4096
_MOST_TEMPLATES = 8
# It goes when gce hangs up, not before, and keepers inherit this.
# Of SIGCHLD it means that the kernel reaps keepers.
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)


def serve(root: str, lock_path: str, socket: int) -> None:
    """Fork keepers until gce hangs up."""
    os.set_inheritable(socket, False)
    name_process(b"galaxy-cradle")
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    _give_up_keys()
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    gc.disable()
    gc.freeze()
    # What is written to between two forks is one more page in every keeper.
    below = os.fsencode(root) + b"/"
    home = os.open("/proc/self/ns/pid", os.O_RDONLY)
    templates: dict[bytes, Template] = {}
    try:
        os.write(socket, READY)
        while request := os.read(socket, _LONGEST):
            way, name = request[:1], request[1:]
            if way == BOX:
                name, _, key = name.partition(b" ")
                template = _template(templates, key, below + name, socket, name)
                if template is not None:
                    _launch_boxed(below + name, lock, socket, name, home, template)
            else:
                _launch(below + name, lock, socket, name, joins=way == JOIN)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ECONNRESET):
            raise


def _give_up_keys() -> None:
    """
    Keep the kernel's keys, which know neither boxes nor who a task belongs to, from all tasks.

    An engine without root runs all as one user, whose keys they are.
    """
    leave_session_keyring()
    program = keys_filter(os.uname().machine)
    if not program or os.geteuid() != 0:
        return
    try:
        filter_calls_of_all(program)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EINVAL, errno.ENOSYS):
            raise  # else it is root in name only, and makes no boxes; or the kernel has no filters


def _template(
    templates: dict[bytes, Template], key: bytes, directory: bytes, socket: int, request: bytes
) -> Template | None:
    """The template of this key, made if need be; None: it cannot be, and the record says why."""
    if key not in templates:
        if len(templates) == _MOST_TEMPLATES:
            for descriptor in templates.pop(next(iter(templates))):
                os.close(descriptor)
        try:
            templates[key] = make_template(directory)
        except OSError as error:
            _fail(directory, socket, request, f"cannot make a box: {error.strerror}")
            return None
        except TemplateError as error:
            _fail(directory, socket, request, f"cannot make a box: {error}")
            return None
    return templates[key]


def _launch_boxed(  # noqa: PLR0917
    directory: bytes, lock: int, socket: int, request: bytes, home: int, template: Template
) -> None:
    """As `_launch`; the next child, and no later one, is in a namespace of its own."""
    try:
        unshare(CLONE_NEWPID)
    except OSError as error:
        _fail(directory, socket, request, f"cannot make a namespace: {error.strerror}")
        return
    try:
        _launch(directory, lock, socket, request, template=template)
    finally:
        set_namespaces(home, CLONE_NEWPID)


def _launch(
    directory: bytes,
    lock: int,
    socket: int,
    request: bytes,
    *,
    joins: bool = False,
    template: Template | None = None,
) -> None:
    try:
        pid = os.fork()
    except OSError as error:
        _fail(directory, socket, request, f"cannot fork a keeper: {error.strerror}")
        return
    if pid == 0:
        try:
            keep(directory, lock, socket, request, joins=joins, template=template)
        except BaseException:  # noqa: BLE001  (a keeper must not become a second cradle)
            sys.excepthook(*sys.exc_info())
            give_up(socket, request)
            os._exit(70)
        os._exit(0)


def _fail(directory: bytes, socket: int, request: bytes, reason: str) -> None:
    os.chdir(directory)
    write_failed(reason)
    os.chdir("/")
    os.write(socket, request)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
