"""
The packages that are whole, on disk, by their content.

    <directory>/whole/SHA256     a package
               /notes/SHA256     its size and time when it was put here; touched when it is used
               /links/NAME       which content a URL led to (no sha256 given), and the server's tag

A package is there whole or not at all: it comes by a rename. One that is not as its note
says was damaged, and is let go of.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path

from attrs import asdict, frozen

from galaxy.agent.delivery.eviction import Kept, spared, superfluous
from galaxy.agent.delivery.fetch import Tag

VERIFY_S = 3600.0  # what was read through within so long is not read again


@frozen
class Note:
    """By what a damaged file is known without reading it."""

    size: int
    mtime_ns: int


@frozen
class Link:
    """What a URL led to when a version of a pod was first deployed here."""

    url: str
    sha256: str
    etag: str = ""
    modified: str = ""

    @property
    def tag(self) -> Tag:
        """What the server called it."""
        return Tag(self.etag, self.modified)


class Shelf:
    """
    Packages below `directory`, of `most_bytes` at most but for those in use.

    Its methods raise `OSError` where they write.
    """

    def __init__(
        self, directory: Path, most_bytes: int, in_use: Callable[[], Collection[str]]
    ) -> None:
        self._directory = directory
        self._whole = directory / "whole"
        self._notes = directory / "notes"
        self._links = directory / "links"
        self._most_bytes = most_bytes
        self._in_use = in_use
        self._verified: dict[str, float] = {}
        self._linked: dict[str, Link] = {}

    def prepare(self) -> None:
        """Make the directories, and know what is in them."""
        for directory in (self._whole, self._notes, self._links):
            directory.mkdir(parents=True, exist_ok=True)
            for left in directory.glob("*.new"):
                left.unlink()
        for path in sorted(self._links.iterdir(), key=lambda path: path.stat().st_mtime):
            link = _read_link(path)
            if link is None or not self.path(link.sha256).exists():
                path.unlink()
            else:
                self._linked[path.name] = link
        self._directory.chmod(0o700)
        unknown = [
            *(path for path in self._whole.iterdir() if not (self._notes / path.name).exists()),
            *(path for path in self._directory.iterdir() if path.is_file()),  # of earlier releases
        ]
        for path in unknown:
            path.unlink()
        self.trim()

    def path(self, sha256: str) -> Path:
        """Where a package is, if it is here."""
        return self._whole / sha256

    def link(self, name: str) -> Link | None:
        """What a URL led to, under the name that the package has."""
        return self._linked.get(name)

    def latest(self, url: str) -> Link | None:
        """What a URL led to when it was last asked, if that is here."""
        links = [link for link in self._linked.values() if link.url == url]
        return links[-1] if links and self.looks_whole(links[-1].sha256) else None

    def looks_whole(self, sha256: str) -> bool:
        """Whether a package is here and, from outside, as it was put here."""
        try:
            found = self.path(sha256).stat()
            note = Note(**json.loads((self._notes / sha256).read_text()))
        except (OSError, ValueError, TypeError):
            return False
        return (found.st_size, found.st_mtime_ns) == (note.size, note.mtime_ns)

    def is_whole(self, sha256: str, now: float, *, doubted: bool) -> bool:
        """Whether a package is as it was; it is read if that is doubted, or was not done lately."""
        if not self.looks_whole(sha256):
            return False
        verified = self._verified.get(sha256)
        if doubted or verified is None or now - verified > VERIFY_S:
            if digest(self.path(sha256)) != sha256:
                return False
            self._verified[sha256] = now
        return True

    def put(self, part: Path, sha256: str, now: float) -> Path:
        """Take a file whose content is known and safely on disk."""
        path = self.path(sha256)
        part.chmod(0o600)
        note = Note(part.stat().st_size, part.stat().st_mtime_ns)
        _write(self._notes / sha256, asdict(note))
        part.replace(path)
        self._verified[sha256] = now
        self.touch(sha256, now)
        return path

    def put_link(self, name: str, link: Link) -> None:
        """Remember what a URL led to."""
        _write(self._links / name, asdict(link))
        self._linked.pop(name, None)
        self._linked[name] = link

    def touch(self, sha256: str, now: float) -> None:
        """Note that a package is used."""
        os.utime(self._notes / sha256, (now, now))

    def drop(self, sha256: str) -> None:
        """Let go of a package, and of all that is known of it."""
        self.path(sha256).unlink(missing_ok=True)
        (self._notes / sha256).unlink(missing_ok=True)
        self._verified.pop(sha256, None)
        for name, link in list(self._linked.items()):
            if link.sha256 == sha256:
                del self._linked[name]
                (self._links / name).unlink(missing_ok=True)

    def trim(self, incoming: int = 0) -> None:
        """Let go of what is beyond the bound, if so many bytes come in addition."""
        most_bytes = max(0, self._most_bytes - incoming)
        for sha256 in superfluous(self._kept(), self._in_use(), most_bytes):
            self.drop(sha256)

    def give(self, wanted_bytes: int) -> None:
        """Let go of as much as gives the disk so many bytes back, if there is as much."""
        for sha256 in spared(self._kept(), self._in_use(), wanted_bytes):
            self.drop(sha256)

    def _kept(self) -> list[Kept]:
        kept: list[Kept] = []
        for path in self._whole.iterdir():
            try:
                used_at = (self._notes / path.name).stat().st_mtime
                kept.append(Kept(path.name, path.stat().st_size, used_at))
            except FileNotFoundError:
                continue  # it is on its way in or out
        return kept


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_link(path: Path) -> Link | None:
    try:
        return Link(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        return None


def _write(path: Path, table: object) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(table))
    beside.replace(path)
