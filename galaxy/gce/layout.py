"""
Which parts of a box are the same for many, so that they are made once. Pure.

What the machine has for all, not to be written to, is put in a template (`galaxy.gce.box`);
what is a task's own is put in place at its start. A template cannot be written to, so where
the way to something of a task's own has to be made first, a small file system in memory covers
what the template has there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the cradle imports this, and has no attrs
    from galaxy.gce.record import Bind

# Of every template; the directories of mounts that every box has.
STANDING = ("/dev/pts", "/dev/shm", "/proc", "/run", "/sys", "/tmp", "/var/tmp")  # noqa: S108


class Layout(NamedTuple):
    """Binds of the template, binds of the task, and directories of the root to cover."""

    shared: tuple[Bind, ...]
    own: tuple[Bind, ...]
    covers: tuple[str, ...]


def lay_out(binds: Iterable[Bind], is_directory: Callable[[str], bool]) -> Layout:
    """Divide them; `is_directory` tells of the machine, where a symbolic link is none."""
    binds = tuple(binds)
    sources = {bind.target: bind.source for bind in binds}
    own = {bind.target for bind in binds if bind.writable or not bind.source}
    covers = set()
    for target in own:
        over = [above for above in _above(target) if above in sources]
        if not any(not sources[above] or is_directory(sources[above]) for above in over):
            covers.update(_cover(target))
    hidden = covers | own
    shared: list[Bind] = []
    rest: list[Bind] = []
    for bind in binds:
        (shared if hidden.isdisjoint(_way(bind.target)) else rest).append(bind)
    return Layout(tuple(shared), tuple(rest), tuple(sorted(covers)))


def is_of_template(target: str) -> bool:
    """Whether the mount point of something of a task's own is made in the template."""
    return target.count("/") == 1 or target.startswith("/dev/")


def _cover(target: str) -> list[str]:
    if is_of_template(target) or target in STANDING:
        return []
    return [target[: target.index("/", 1)]]


def _above(target: str) -> list[str]:
    """The directories on the way, without the root."""
    names = target.split("/")
    return ["/".join(names[:end]) for end in range(2, len(names))]


def _way(target: str) -> list[str]:
    return [*_above(target), target]
