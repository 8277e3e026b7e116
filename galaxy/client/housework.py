"""
What `galaxy nexus` does: opens the nexus itself, without a master.

These commands run a reactor, since a nexus answers in deferreds. No other command
imports this module.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from galaxy.client import exits
from galaxy.client.command import Failure
from galaxy.nexus.backup import Backup, Damaged, read
from galaxy.nexus.house import House, Unfit
from galaxy.nexus.interfaces import CannotOpen, NexusError, NotAllowed, Unavailable
from galaxy.nexus.places import LevelDBPlace, Place, parse_nexus_url
from galaxy.nexus.urls import open_nexus

T = TypeVar("T")


def place_of(url: str) -> Place:
    """What a URL names. Raises `Failure`."""
    try:
        place = parse_nexus_url(url)
    except CannotOpen as error:
        raise Failure(exits.USAGE, str(error)) from error
    return LevelDBPlace(place.path.absolute()) if isinstance(place, LevelDBPlace) else place


def name_of(place: Place) -> str:
    """What a nexus is called, without its password."""
    return f"leveldb:{place.path}" if isinstance(place, LevelDBPlace) else str(place)


def see_to(url: str, *, there: bool) -> Place:
    """
    The place that a URL names, if it may be opened; with `there`, only if a nexus is there.

    Raises `Failure`.
    """
    place = place_of(url)
    if isinstance(place, LevelDBPlace):
        if there and not (place.path / "CURRENT").is_file():
            raise Failure(exits.NOT_FOUND, f"there is no nexus in {place.path}")
        if place.path.is_dir() and (owner := place.path.stat().st_uid) != os.geteuid():
            # LevelDB makes new files at each start, which its master could not write.
            raise Failure(
                exits.NOT_ALLOWED,
                f"{place.path} belongs to the user {owner}: do this as that user",
            )
    return place


@asynccontextmanager
async def opened(url: str, reactor: Any) -> AsyncIterator[House]:
    """A nexus, for as long as it is needed. Raises `CannotOpen`."""
    nexus = open_nexus(url, reactor)
    try:
        yield House(nexus, name_of(place_of(url)))
    finally:
        await nexus.close()


def in_reactor(work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """
    Run the reactor until `work(reactor)` is done: its result.

    Raises `Failure` for all that may be wrong with a nexus. Once in a process.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    ended: list[Any] = []

    def end(result: Any) -> None:
        ended.append(result)
        reactor.stop()

    def begin() -> None:
        Deferred.fromCoroutine(work(reactor)).addBoth(end)

    reactor.callWhenRunning(begin)
    reactor.run()
    if not ended:
        raise KeyboardInterrupt
    (result,) = ended
    if isinstance(result, Reason):
        error = result.value
        if error is None:
            raise RuntimeError(result)
        raise as_failure(error) from error
    done: T = result
    return done


def as_failure(error: BaseException) -> BaseException:
    """What may be wrong with a nexus, as a `Failure`; a mistake of ours as it is."""
    match error:
        case CannotOpen() if "another process has it open" in error.cause:
            return Failure(
                exits.REFUSED,
                f"{error.place} is in use: stop its master first (`galaxy down --keep-tasks` on a"
                " local cluster); tasks run on meanwhile",
            )
        case Unfit():
            return Failure(exits.REFUSED, str(error))
        case NotAllowed():
            return Failure(exits.NOT_ALLOWED, str(error))
        case Unavailable():
            return Failure(exits.UNREACHABLE, str(error))
        case CannotOpen() | NexusError():
            return Failure(exits.FAILED, str(error))
        case _:
            return error


def read_backup(path: Path) -> Backup:
    """What a file holds. Raises `Failure`."""
    try:
        return read(path.read_bytes())
    except Damaged as error:
        raise Failure(exits.FILE_WRONG, f"{path}: {error}") from error
    except OSError as error:
        raise Failure(exits.FILE_WRONG, f"{path}: {error.strerror}") from error
