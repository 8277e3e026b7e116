"""
A package that is on its way: what has come of it, in a file, and what it is a part of.

    <directory>/NAME         the bytes
               /NAME.of      the server's tag, the size in all, the boot in which they were written

It stays when a fetch breaks off or the agent ends, so that the next goes on from there.
What was written before the machine went down without a word is not trusted, unless the
package's sha256 will tell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from attrs import asdict, frozen
from zope.interface import implementer

from galaxy.agent.delivery.fetch import FetchError, Have, ISink, Tag
from galaxy.agent.delivery.packages import Bound

OF = ".of"
_LOOK_BYTES = 16 << 20  # so often the disk and the cache are looked at


def boot_id() -> str:
    """What this boot of the machine is called."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


MakeRoom = Callable[["Part", int, int], int]
"""
Tries to have so many bytes more of the disk to give for a part that will then have so
many in all; how many there are. Raises `FetchError` when the cache has none.
"""


@frozen
class PartOf:
    """What the bytes of a part are the beginning of."""

    url: str
    boot: str
    etag: str = ""
    modified: str = ""
    total: int | None = None


@implementer(ISink)
class Part:
    """
    The bytes of one package, while they come. `room` sees to the disk; `bound` says how
    many they may be, which those who wait decide.
    """

    def __init__(
        self, path: Path, url: str, boot: str, room: MakeRoom, bound: Callable[[], Bound]
    ) -> None:
        self.path = path
        self.total: int | None = None
        self.received = 0
        self._of = path.with_name(path.name + OF)
        self._url = url
        self._boot = boot
        self._room = room
        self._bound = bound
        self.resumed = False  # what came did not come in one piece
        self.tag = Tag()
        self._file: BinaryIO | None = None
        self._over = False
        self._look_at = 0

    def resume(self, *, checked: bool) -> None:
        """Take what an earlier fetch left; `checked`: the sha256 will tell if it is good."""
        try:
            of = PartOf(**json.loads(self._of.read_text()))
            size = self.path.stat().st_size
        except (OSError, ValueError, TypeError):
            return
        if of.url == self._url and (checked or of.boot == self._boot):
            self.tag, self.total, self.received = Tag(of.etag, of.modified), of.total, size
            self.resumed = True

    @property
    def complete(self) -> bool:
        """Whether all came already, and only what follows on that did not happen."""
        return self.resumed and self.received == self.total

    @property
    def promised_bytes(self) -> int:
        """How large it is, or will be as far as that is known."""
        return max(self.received, self.total or 0)

    def check_size(self, size_bytes: int) -> None:
        """Raise `FetchError` if the package may not be as large."""
        if refusal := self._bound().refusal(size_bytes):
            raise FetchError(refusal, final=True)

    def have(self, whole: Tag) -> Have:
        """What to tell the source."""
        return Have(self.received if self.tag.strong else 0, self.tag, whole)

    def begin(self, offset: int, total: int | None, tag: Tag) -> None:
        """Go on from there, or anew; refused when the disk has not enough for the rest."""
        self._check()
        self.close()
        self._look_at = offset
        self.check_size(max(total or 0, offset))
        self._need((total or offset) - offset, offset)
        self.total, self.tag, self.received, self.resumed = total, tag, offset, offset > 0
        of = PartOf(self._url, self._boot, tag.etag, tag.modified, total)
        self._of.write_text(json.dumps(asdict(of)))
        self._file = self.path.open("r+b" if offset else "wb", buffering=0)
        self._file.truncate(offset)
        self._file.seek(offset)

    def write(self, data: bytes) -> None:
        """Keep the next piece."""
        self._check()
        assert self._file is not None
        self.check_size(self.received + len(data))
        if self.received >= self._look_at:
            self._need(len(data), self.received)
            self._look_at = self.received + _LOOK_BYTES
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            self.received += written
            view = view[written:]

    def sync(self) -> None:
        """Have what came on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Write no more for now."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def end(self) -> None:
        """Take nothing more, also not from a thread that has yet to hear of it."""
        self._over = True
        self.close()

    def drop(self) -> None:
        """Let go of all that came."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._of.unlink(missing_ok=True)
        self.received, self.total, self.tag, self.resumed = 0, None, Tag(), False

    def _check(self) -> None:
        if self._over:
            raise FetchError("nobody waits for the package any more")

    def _need(self, size: int, there: int) -> None:
        free = self._room(self, there + size, size)
        if free < size:
            raise FetchError(
                f"the package needs {size} bytes more than the {there} that came, of which the disk"
                f" has {free} to give",
                final=True,
            )
