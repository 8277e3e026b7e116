"""The engine's command line. Imported before Twisted is."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from attrs import frozen

HANDED_OVER = "--handed-over="
_LONGEST_SOCKET_PATH = 107  # the kernel's limit


@frozen
class Options:
    """
    What the command line says. `cgroup` is empty where none is wanted. `handed_over` are the
    descriptors of the lock and the listening socket, if this process was a gce before
    (`galaxy.gce.upgrade`); `arguments` is everything else that was said.
    """

    socket: str
    directory: Path
    cgroup: str
    pidfile: Path
    log: Path | None
    handed_over: tuple[int, int] | None = None
    arguments: tuple[str, ...] = ()


def parse_options(arguments: list[str]) -> Options:
    """The options; exits with 2 and a usage line if they make none."""
    parser = argparse.ArgumentParser(prog="python -m galaxy.gce", description="Runs processes.")
    parser.add_argument("--socket", required=True, metavar="PATH", help="the socket to serve")
    parser.add_argument("--dir", required=True, type=Path, help="where the records are kept")
    parser.add_argument("--cgroup", default="", metavar="NAME", help="the group that is ours")
    parser.add_argument("--pidfile", required=True, type=Path, metavar="PATH")
    parser.add_argument("--log", type=Path, metavar="PATH", help="default: standard output")
    parser.add_argument("--handed-over", metavar="LOCK,SOCKET", help=argparse.SUPPRESS)
    found = parser.parse_args(arguments)
    socket = os.path.abspath(found.socket)
    if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
        parser.error(f"the socket's path is longer than {_LONGEST_SOCKET_PATH} bytes: {socket}")
    cgroup = found.cgroup.strip("/")
    if cgroup and not all(part.strip(".") for part in cgroup.split("/")):
        parser.error(f"a group's name has no empty part, no '.' and no '..': {found.cgroup}")
    return Options(
        socket=socket,
        directory=found.dir.absolute(),
        cgroup=cgroup,
        pidfile=found.pidfile.absolute(),
        log=found.log and found.log.absolute(),
        handed_over=_descriptors(found.handed_over),
        arguments=tuple(said for said in arguments if not said.startswith(HANDED_OVER)),
    )


def _descriptors(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    lock, _, listening = text.partition(",")
    return int(lock), int(listening)
