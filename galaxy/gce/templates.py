"""
When two boxes can be made of one template (`galaxy.gce.box`), and when it is out of date.

Whatever a template was made from is part of its key: what its binds lead to, and all mounts of the
machine. A later change gives boxes a new key, and the cradle makes a new template.
"""

from __future__ import annotations

import itertools
import os
import select
import stat
from collections.abc import Hashable, Iterator

from galaxy.gce.layout import is_of_template
from galaxy.gce.record import Bind, Box

_MOST = 64


class TemplateKeys:
    """The keys of the templates of one cradle."""

    def __init__(self) -> None:
        self._known: dict[Hashable, bytes] = {}
        self._serials = itertools.count(1)
        self._mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        # The kernel tells each change of our mounts once, as an "error" of this file.
        self._changes = select.poll()
        self._changes.register(self._mounts, select.POLLPRI)

    def key(self, box: Box) -> bytes:
        """The same as before, as long as the same template would do."""
        if self._changes.poll(0) or len(self._known) >= _MOST:
            self._known.clear()
        made_of = (box.covers, *_parts(box))
        if made_of not in self._known:
            self._known[made_of] = str(next(self._serials)).encode()
        return self._known[made_of]

    def close(self) -> None:
        """Watch the mounts no more."""
        os.close(self._mounts)


def _parts(box: Box) -> Iterator[Hashable]:
    for bind in box.shared:
        yield bind.source, bind.target, _found(bind)
    for bind in box.binds:
        if is_of_template(bind.target):
            found = _found(bind) if bind.source else (stat.S_IFDIR, 0, 0)
            yield bind.target, found[0] if isinstance(found, tuple) else found


def _found(bind: Bind) -> tuple[int, int, int] | str | None:
    """What there is at the source: kind and identity, or where a link leads."""
    try:
        status = os.lstat(bind.source)
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(bind.source)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.S_IFMT(status.st_mode), status.st_dev, status.st_ino
