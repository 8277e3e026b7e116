"""
Starting the cradle. Imports no Twisted: it happens before there is one.

The cradle is executed afresh, not forked: it must be small whatever this process
has become, also when it is replaced later.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from attrs import frozen

import galaxy

LOCK = "cradle.lock"


@frozen(eq=False)
class Cradle:
    """A cradle that was started: its process, and our end of its socket."""

    process: subprocess.Popen[bytes]
    socket: socket.socket


class Spawn(Protocol):
    """Starts a cradle."""

    def __call__(self, directory: Path) -> Cradle:
        """Start one for the records in `directory`. Raises `OSError`."""


def spawn_cradle(directory: Path, module: str = "galaxy.gce.cradle") -> Cradle:
    """
    Start a cradle, which is this module's program, for the records in `directory`.

    It has a session of its own, nothing of our environment, and none of our
    descriptors but standard error, where it could only write a traceback.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [
                sys.executable,
                "-S",
                "-m",
                module,
                str(directory / "containers"),
                str(directory / LOCK),
                str(theirs.fileno()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env={"PYTHONPATH": str(Path(galaxy.__file__).parent.parent), "LD_BIND_NOW": "1"},
            start_new_session=True,
        )
    ours.setblocking(False)
    return Cradle(process, ours)
