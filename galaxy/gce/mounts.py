"""
What is mounted where: /proc/self/mountinfo, taken apart. Pure.

The controllers of version 1 may share hierarchies ("cpu,cpuacct"). A *hybrid*
machine has hierarchies of both versions; there, version 1 holds the
controllers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

_CONTROLLERS = frozenset(
    {"cpu", "cpuacct", "cpuset", "memory", "pids", "freezer", "blkio"},
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


@frozen
class Mount:
    """One mount: its device ("8:1"; "0:..." where there is none), and what is mounted."""

    device: str
    path: str
    options: tuple[str, ...]
    kind: str  # the type of the file system
    source: str
    super_options: tuple[str, ...]


@frozen
class Hierarchy:
    """A hierarchy of version 1: the controllers we use of it, and where it is mounted."""

    controllers: tuple[str, ...]
    path: str


@frozen
class Mounts:
    """All that is mounted. `unified` is where version 2 is; empty: nowhere."""

    hierarchies: tuple[Hierarchy, ...] = ()
    unified: str = ""


def mounts_in(text: str) -> Iterator[Mount]:
    """
    The mounts, in the order in which they were made.

    The format is that of proc(5): optional fields end with a single "-", after
    which come the file system's type, its source, and its options.
    """
    for line in text.splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields, what = mount.split(), filesystem.split()
        if len(fields) < 6 or len(what) < 3:
            continue
        path, source = (
            _ESCAPE.sub(lambda match: chr(int(match[1], 8)), part) for part in (fields[4], what[1])
        )
        yield Mount(
            device=fields[2],
            path=path,
            options=tuple(fields[5].split(",")),
            kind=what[0],
            source=source,
            super_options=tuple(what[2].split(",")),
        )


def parse_mountinfo(text: str) -> Mounts:
    """The hierarchies that can be written to. Of one mounted twice the first counts."""
    hierarchies: dict[tuple[str, ...], Hierarchy] = {}
    unified = ""
    for mount in mounts_in(text):
        if "ro" in mount.options:
            continue
        if mount.kind == "cgroup2":
            unified = unified or mount.path
        elif mount.kind == "cgroup":
            controllers = tuple(sorted(_CONTROLLERS.intersection(mount.super_options)))
            if controllers:
                hierarchies.setdefault(controllers, Hierarchy(controllers, mount.path))
    return Mounts(tuple(hierarchies.values()), unified)
