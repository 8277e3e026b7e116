"""
The nexus inside the one master: a LevelDB directory, with nothing to install.

LevelDB admits one process to a directory, so this master is the only one that can
stand; being elected means having counted its reign on the disk. Others find it by
its address (`galaxy.nexus.static`).

What is stored: "k/KEY" holds 8 bytes of version and the value; "m/epoch" 8 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.nexus.commit import DiskThread, GroupCommit, InThread, Staged
from galaxy.nexus.database import IDatabase, LevelDatabase
from galaxy.nexus.interfaces import (
    Change,
    Entry,
    ICandidacy,
    ICandidate,
    INexus,
    IWatch,
    Leader,
    Put,
    Unavailable,
)
from galaxy.nexus.keys import check_changes, check_key, check_prefix
from galaxy.nexus.verdict import versions_after
from galaxy.nexus.watches import LeaderWatches, Watches

KIND, FORMAT = "galaxy nexus", 1
EPOCH_KEY = b"m/epoch"
RETRY_S = 1.0  # between attempts to count a reign, when the disk does not let us

_NUMBER = struct.Struct(">Q")


def open_database(path: Path) -> LevelDatabase:
    """The directory of a nexus, made when absent. Raises `CannotOpen`."""
    return LevelDatabase(path, KIND, FORMAT)


def open_leveldb(path: Path, reactor: Any) -> LevelDBNexus:
    """The nexus in a directory, with a thread of its own for its writes. Raises `CannotOpen`."""
    thread = DiskThread(reactor, "nexus")
    return LevelDBNexus(open_database(path), thread, reactor, thread.stop)


def stored_key(key: str) -> bytes:
    """Where a key of the nexus stands in LevelDB."""
    return b"k/" + key.encode("ascii")


def pack_entry(entry: Entry) -> bytes:
    """An entry as it is stored."""
    return _NUMBER.pack(entry.version) + entry.value


def unpack_entry(stored: bytes) -> Entry:
    """An entry from what is stored."""
    return Entry(stored[_NUMBER.size :], _NUMBER.unpack_from(stored)[0])


@implementer(ICandidacy)
class _Candidacy:
    """A candidate. `epoch` is 0 until its reign has been counted."""

    def __init__(
        self,
        candidate: ICandidate,
        endpoint: str,
        above: int,
        standing: list[_Candidacy],
        withdraw: Callable[[_Candidacy], None],
    ) -> None:
        self._standing = standing
        self.candidate = candidate
        self.endpoint = endpoint
        self.above = above
        self.epoch = 0
        self.resigned = False
        self._withdraw = withdraw

    def resign(self) -> Deferred[None]:
        if not self.resigned:
            self.resigned = True
            self._withdraw(self)
        return execute(lambda: None)

    def others(self) -> Deferred[tuple[str, ...]]:
        return succeed(tuple(each.endpoint for each in self._standing if each is not self))


@implementer(INexus)
class LevelDBNexus:
    """
    A nexus on a database that nobody else writes.

    Owns the database: `close` closes it, and then calls `closed`. The clock
    delivers events; writes go through `in_thread` (`maybeDeferred`: no thread).
    """

    log = Logger()

    def __init__(
        self,
        database: IDatabase,
        in_thread: InThread,
        clock: IReactorTime,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._let_go = closed
        self._database = database
        self._commit = GroupCommit(database, in_thread)
        self._clock = clock
        self._watches = Watches(clock)
        self._leaders = LeaderWatches(clock)
        self._leaders.tell(None)
        self._standing: list[_Candidacy] = []  # the first reigns, or is about to
        self._counting = False
        self._retry: IDelayedCall | None = None
        self._closed: Deferred[None] | None = None

    def get(self, key: str) -> Deferred[Entry | None]:
        """The value of a key, as it is on the disk."""
        check_key(key)

        def read() -> Entry | None:
            stored = self._database.get(stored_key(key))
            return None if stored is None else unpack_entry(stored)

        return execute(read)

    def scan(self, prefix: str) -> Deferred[dict[str, Entry]]:
        """Every key below the prefix, as it is on the disk."""
        check_prefix(prefix)
        start = stored_key(prefix + "/") if prefix else stored_key("")
        skip = len(stored_key(""))

        def read() -> dict[str, Entry]:
            return {
                key[skip:].decode("ascii"): unpack_entry(stored)
                for key, stored in self._database.items(start)
            }

        return execute(read)

    def commit(self, changes: Sequence[Change], epoch: int = 0) -> Deferred[None]:
        """All of the changes or none, synced."""
        check_changes(changes)
        asked = tuple(changes)
        committed = self._commit.decide(lambda staged: _apply(staged, asked, epoch))
        return committed.addCallback(lambda _: self._watches.tell(change.key for change in asked))

    def watch(self, prefix: str, changed: Callable[[str], None]) -> IWatch:
        """Tell of commits at or below the prefix."""
        check_prefix(prefix)
        return self._watches.add(prefix, changed)

    def epoch(self) -> Deferred[int]:
        """The highest epoch that has begun, as it is on the disk."""
        return execute(lambda: _begun(self._database.get(EPOCH_KEY)))

    def stand(self, candidate: ICandidate, endpoint: str, above: int = 0) -> ICandidacy:
        """Stand for election: elected soon, after those who stand already."""
        candidacy = _Candidacy(candidate, endpoint, above, self._standing, self._withdraw)
        self._standing.append(candidacy)
        self._settle()
        return candidacy

    def watch_leader(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell of the leader in this process."""
        return self._leaders.add(changed)

    def unreachable(self, endpoint: str) -> None:
        """Do nothing: who reigns here is known."""

    def close(self) -> Deferred[None]:
        """Resign, stop watches, finish what was begun, let go of the directory."""
        done: Deferred[None] = Deferred()
        if self._closed is not None:
            self._closed.chainDeferred(done)
            return done
        for candidacy in list(self._standing):
            candidacy.resign()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._watches.stop()
        self._leaders.stop()
        self._closed = self._commit.close().addCallback(self._finish)
        self._closed.chainDeferred(done)
        return done

    def _finish(self, _: None) -> None:
        self._database.close()
        self._let_go()

    def _withdraw(self, candidacy: _Candidacy) -> None:
        self._standing.remove(candidacy)
        if candidacy.epoch:
            self._leaders.tell(None)
        self._settle()

    def _settle(self) -> None:
        """Count the reign of the first who stands, unless that is done or being done."""
        if self._standing and not self._standing[0].epoch and not self._counting:
            self._counting = True
            above = self._standing[0].above
            counted: list[int] = []
            written = self._commit.decide(lambda staged: counted.append(_next_epoch(staged, above)))
            written.addCallbacks(lambda _: self._counted(counted[0]), self._not_counted)
            written.addErrback(lambda f: self.log.failure("cannot begin a reign", failure=f))

    def _counted(self, epoch: int) -> None:
        self._counting = False
        if not self._standing:
            return  # resigned meanwhile; the epoch is spent
        first = self._standing[0]
        first.epoch = epoch
        self._leaders.tell(Leader(first.endpoint, epoch))
        self._clock.callLater(0, self._elect, first)

    def _elect(self, candidacy: _Candidacy) -> None:
        if not candidacy.resigned:
            candidacy.candidate.elected(candidacy.epoch)

    def _not_counted(self, failure: Failure) -> None:
        failure.trap(Unavailable)
        self._counting = False
        if self._closed is None:
            self.log.error(
                "cannot begin a reign: {reason}; next attempt in {delay} s",
                reason=failure.getErrorMessage(),
                delay=RETRY_S,
            )
            self._retry = self._clock.callLater(RETRY_S, self._again)

    def _again(self) -> None:
        self._retry = None
        self._settle()


def _begun(stored: bytes | None) -> int:
    return int(_NUMBER.unpack(stored)[0]) if stored else 0


def _next_epoch(staged: Staged, above: int) -> int:
    epoch = max(_begun(staged.get(EPOCH_KEY)), above) + 1
    staged.put(EPOCH_KEY, _NUMBER.pack(epoch))
    return epoch


def _apply(staged: Staged, changes: Sequence[Change], epoch: int) -> None:
    """Stage all of the changes, or raise as `versions_after`."""

    def version_of(key: str) -> int:
        stored = staged.get(stored_key(key))
        return unpack_entry(stored).version if stored else 0

    versions = versions_after(changes, epoch, _begun(staged.get(EPOCH_KEY)), version_of)
    for change, version in zip(changes, versions, strict=True):
        key = stored_key(change.key)
        if isinstance(change, Put):
            staged.put(key, pack_entry(Entry(change.value, version)))
        else:
            staged.delete(key)
