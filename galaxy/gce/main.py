"""
The engine's process.

    python -m galaxy.gce --socket PATH --dir DIR --cgroup NAME --pidfile PATH [--log PATH]

Whoever starts it puts it into a session of its own. It serves as soon as the
socket answers. SIGTERM: it leaves, and what it started runs on. SIGUSR1: it becomes the
gce that is installed now (`galaxy.gce.upgrade`). Exit codes: 75, another gce serves DIR;
78, something that was given cannot be used.

Twisted is imported after the cradle was started: both take their time at once.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
import time
from pathlib import Path
from typing import NoReturn

from galaxy.gce.kernel import leave_session_keyring
from galaxy.gce.options import Options, parse_options
from galaxy.gce.spawn import Spawn, spawn_cradle

_LOCK = "gce.lock"
_PATIENCE_S = 0.5
_OPEN_FILES = 1 << 20  # the kernel's own bound, as it is delivered
EX_TEMPFAIL, EX_CONFIG = 75, 78


def main(spawn: Spawn = spawn_cradle) -> NoReturn:
    """Run until SIGTERM."""
    options = parse_options(sys.argv[1:])
    os.umask(0o077)
    try:
        options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (options.directory / "containers").mkdir(mode=0o700, exist_ok=True)
        lock = _lock(options)
        _try_to_write(options.directory / "probe")
        if options.log is not None:
            _write_output_to(options.log)
    except OSError as error:
        _leave(
            EX_CONFIG,
            f"{error.filename or options.directory} cannot be used: {error.strerror}. "
            "Make it writable, free space there, or name another one.",
        )
    if not _locked(lock):
        _leave(EX_TEMPFAIL, f"another gce serves {options.directory} already.")
    leave_session_keyring()
    cradle = spawn(options.directory)
    _open_many_files()

    from galaxy.gce.run import run

    sys.exit(run(options, cradle, lock, spawn))


def _lock(options: Options) -> int:
    """The descriptor of the lock, which the gce that this process was before has already."""
    if options.handed_over is not None:
        return options.handed_over[0]
    return os.open(options.directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)


def _locked(lock: int) -> bool:
    """
    Whether the lock is ours, after a moment: a gce that was killed while it started its
    cradle leaves a process that has the lock, and is about to give it up.
    """
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(_PATIENCE_S / 10)
        else:
            return True


def _open_many_files() -> None:
    """As many as we may: each keeper is watched by a descriptor, each container by several."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _try_to_write(path: Path) -> None:
    path.write_bytes(b"\0" * 4096)
    path.unlink()


def _write_output_to(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def _leave(code: int, sentence: str) -> NoReturn:
    print(f"gce: {sentence}", file=sys.stderr)  # noqa: T201  (there is no log yet)
    sys.exit(code)
