"""
A directory of LevelDB as a map of bytes, for the nexus of one master and for the
agent's own store.

Law: what `write` returned from is on the disk, and a failed write leaves nothing
behind, neither now nor after a restart. See Note [A torn log].
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import plyvel
from zope.interface import Interface, implementer

from galaxy.nexus.interfaces import CannotOpen, Unavailable

# Note [A torn log]: when an append to LevelDB's log fails half-way (a full disk), the
# half record stays in the file and the writer goes on behind it; a reader that later
# meets the half record drops the rest of its block, and with it writes that were
# acknowledged. A log opened afresh ends before the half record and begins a new file.
# So a database that failed a write is closed, and opened again for the next access.
# When the append was whole and its sync failed, the write is there after all: what stood
# there before, as the open database knows it, is then put back first.

_FORMAT_KEY = b"\x00format"


class IDatabase(Interface):
    """A map of bytes on stable storage. Reads are quick and block; so do writes."""

    def get(key: bytes) -> bytes | None:
        """The value of a key. Raises `Unavailable`."""

    def items(prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Every key that begins with `prefix`, in order, with its value. Raises `Unavailable`."""

    def write(changes: Mapping[bytes, bytes | None]) -> None:
        """
        Put (or, with None, delete) all keys or none, and sync.

        Raises `Unavailable`; nothing was written then. May be called in
        another thread than the reads, by one thread at a time.
        """

    def close() -> None:
        """Let another process have the directory. Closing twice is harmless."""


@implementer(IDatabase)
class LevelDatabase:
    """
    A LevelDB directory; made, with its parents, when absent.

    `kind` and `version` say what it holds ("galaxy nexus", 1): stored at
    first, compared later, so that no build misreads what another wrote.
    Raises `CannotOpen`.
    """

    def __init__(self, path: Path, kind: str, version: int) -> None:
        self.path = path
        self._lock = threading.Lock()  # for `_db` itself: a read must not meet a close
        self._closed = False
        self._undo: dict[bytes, bytes | None] = {}  # what a failed write may have left behind
        self._db: plyvel.DB | None = _open(path)
        try:
            self._claim(kind, version)
        except Unavailable as error:
            self.close()
            raise CannotOpen(str(path), str(error), "see that the disk has room") from error
        except CannotOpen:
            self.close()
            raise

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        with self._lock:
            db = self._opened()
            try:
                return db.get(key)
            except (plyvel.Error, OSError) as error:
                raise Unavailable(f"cannot read {self.path}: {_words(error)}") from error

    def items(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Every key that begins with `prefix`, in order, with its value."""
        with self._lock:
            db = self._opened()
            try:
                return list(db.iterator(prefix=prefix))
            except (plyvel.Error, OSError) as error:
                raise Unavailable(f"cannot read {self.path}: {_words(error)}") from error

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put or delete all keys or none, and sync."""
        with self._lock:
            db = self._opened()
        try:
            _write(db, changes)
        except (plyvel.Error, OSError) as error:
            with self._lock:  # Note [A torn log]
                self._undo = {key: db.get(key) for key in changes}
                db.close()
                self._db = None
            raise Unavailable(f"cannot write {self.path}: {_words(error)}") from error

    def close(self) -> None:
        """Let another process have the directory."""
        with self._lock:
            self._closed = True
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> plyvel.DB:
        if self._closed:
            raise Unavailable(f"{self.path} has been closed")
        if self._db is None:
            try:
                db = _open(self.path)
            except CannotOpen as error:
                raise Unavailable(str(error)) from error
            try:
                left = {key: old for key, old in self._undo.items() if db.get(key) != old}
                if left:
                    _write(db, left)
            except (plyvel.Error, OSError) as error:
                db.close()
                raise Unavailable(f"cannot write {self.path}: {_words(error)}") from error
            self._undo = {}
            self._db = db
        return self._db

    def _claim(self, kind: str, version: int) -> None:
        found = self.get(_FORMAT_KEY)
        if found is None:
            if self.items(b""):
                raise CannotOpen(
                    str(self.path),
                    f"it holds a LevelDB that is not a {kind}",
                    "choose another directory",
                )
            self.write({_FORMAT_KEY: f"{kind} {version}".encode("ascii")})
            return
        found_kind, _, found_version = found.decode("ascii", "replace").rpartition(" ")
        if found_kind != kind:
            raise CannotOpen(
                str(self.path),
                f"it holds a {found_kind}, not a {kind}",
                "choose another directory",
            )
        if found_version != str(version):
            raise CannotOpen(
                str(self.path),
                f"its format is {found_version}, this build knows {version}",
                "use the build that wrote it, or migrate it",
            )


def _write(db: plyvel.DB, changes: Mapping[bytes, bytes | None]) -> None:
    with db.write_batch(transaction=True, sync=True) as batch:
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)


def _open(path: Path) -> plyvel.DB:
    place = str(path)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotOpen(
            place,
            f"the directory cannot be made: {error.strerror}",
            "let this user write there, or choose another directory",
        ) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise CannotOpen(
            place,
            "the directory is not writable",
            "let this user write there, or choose another directory",
        )
    try:
        return plyvel.DB(place, create_if_missing=True, paranoid_checks=True)
    except plyvel.CorruptionError as error:
        raise CannotOpen(
            place, f"it is damaged: {_words(error)}", "restore it from a backup"
        ) from error
    except (plyvel.Error, OSError) as error:
        words = _words(error)
        if "lock" in words.lower():
            raise CannotOpen(
                place,
                f"another process has it open ({words})",
                "stop that one, or give this one a directory of its own",
            ) from error
        remedy = "see that the disk is well, has room, and lets this user write there"
        raise CannotOpen(place, words, remedy) from error


def _words(error: BaseException) -> str:
    """What LevelDB said; plyvel gives it as bytes within the exception's arguments."""
    return "; ".join(
        part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part)
        for part in error.args
    )


@implementer(IDatabase)
class MemoryDatabase:
    """
    The same map without a disk, for tests. It outlives `close`, as a disk does.

    Set `failing` to a sentence to have every access raise `Unavailable` with it.
    `writes` holds what each write brought, in order.
    """

    def __init__(self) -> None:
        self.failing: str | None = None
        self.writes: list[dict[bytes, bytes | None]] = []
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        self._check()
        return self._values.get(key)

    def items(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Every key that begins with `prefix`, in order, with its value."""
        self._check()
        return sorted(item for item in self._values.items() if item[0].startswith(prefix))

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put or delete all keys."""
        self._check()
        self.writes.append(dict(changes))
        for key, value in changes.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value

    def close(self) -> None:
        """Do nothing."""

    def _check(self) -> None:
        if self.failing is not None:
            raise Unavailable(self.failing)
