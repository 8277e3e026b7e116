"""
Where the control groups are mounted: /proc/self/mountinfo, taken apart. Pure.

The controllers of version 1 may share hierarchies ("cpu,cpuacct"). A *hybrid*
machine has hierarchies of both versions; there, version 1 holds the
controllers.
"""

from __future__ import annotations

import re

from attrs import frozen

_CONTROLLERS = frozenset(
    {"cpu", "cpuacct", "cpuset", "memory", "pids", "freezer", "blkio"},
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


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


def parse_mountinfo(text: str) -> Mounts:
    """
    The hierarchies that can be written to. Of one mounted twice the first counts.

    The format is that of proc(5): optional fields end with a single "-", after
    which come the file system's type, its source, and its options.
    """
    hierarchies: dict[tuple[str, ...], Hierarchy] = {}
    unified = ""
    for line in text.splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields, options = mount.split(), filesystem.split()
        if len(fields) < 6 or len(options) < 3 or "ro" in fields[5].split(","):
            continue
        path = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
        if options[0] == "cgroup2":
            unified = unified or path
        elif options[0] == "cgroup":
            controllers = tuple(sorted(_CONTROLLERS.intersection(options[2].split(","))))
            if controllers:
                hierarchies.setdefault(controllers, Hierarchy(controllers, path))
    return Mounts(tuple(hierarchies.values()), unified)
