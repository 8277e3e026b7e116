"""
Moving house: all that one nexus holds, to another, to a file and back.

Knows keys and bytes, and nothing of what they mean. Called by `galaxy nexus ...`.

Law: a nexus that was not filled to the end says so (`UNFINISHED`), and one that was left says
where to (`MOVED`); masters reign in neither. Who fills or leaves a nexus reigns there
meanwhile, so that every write is fenced and no master can begin. The first epoch in the new
nexus is higher than any in the old one, or agents would obey nobody there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy.nexus.backup import Backup
from galaxy.nexus.interfaces import (
    Change,
    Delete,
    Entry,
    ICandidacy,
    ICandidate,
    INexus,
    NexusError,
    Put,
)

UNFINISHED, MOVED = "unfinished", "moved"

MARGIN = 10_000
"""
Epochs passed over when a backup is restored, for those that began after it was made.

Not more: a pod's incarnations are counted from the epoch, in 32 bits.
"""

ELECTION_S = 15.0
_NOBODY = "127.0.0.1:1"  # advertised while a house is being moved: nothing answers there
_LOOKS = 20
_BATCH_KEYS, _BATCH_BYTES = 200, 256 << 10


class Unfit(Exception):
    """A nexus cannot be read, filled or left as it stands; the sentence says why."""


@frozen
class House:
    """A nexus, and what people call it."""

    nexus: INexus
    name: str


@frozen
class Held:
    """What a nexus holds, without the marks; `unfinished` and `moved` are these, or empty."""

    values: Mapping[str, bytes]
    epoch: int
    unfinished: str = ""
    moved: str = ""


def obstacle(unfinished: Entry | None, moved: Entry | None) -> str | None:
    """Why no master may reign in a nexus with these marks; None: it may. Pure."""
    if unfinished is not None:
        return f"this nexus is not whole ({_text(unfinished)} did not end): do that again"
    if moved is not None:
        return f"this nexus was left: all that it held is at {_text(moved)} now"
    return None


async def held(house: House) -> Held:
    """
    What a house holds at one moment, whoever writes meanwhile.

    It is read until two readings in a row are the same in every key and version: what was
    so in both was so all at once, between them. `Unfit` if it never is.
    """
    seen = await _look(house.nexus)
    for _ in range(_LOOKS):
        again = await _look(house.nexus)
        if again == seen:
            return _held(*seen)
        seen = again
    raise Unfit(f"{house.name} changes faster than it can be read: try again at a quieter time")


async def _look(nexus: INexus) -> tuple[int, dict[str, Entry]]:
    return await nexus.epoch(), await nexus.scan("")


def _held(epoch: int, entries: Mapping[str, Entry]) -> Held:
    values = {key: e.value for key, e in entries.items() if key not in {UNFINISHED, MOVED}}
    marks = (_text(entries[mark]) if mark in entries else "" for mark in (UNFINISHED, MOVED))
    return Held(values, epoch, *marks)


async def whole(house: House) -> Held:
    """What can be copied, or kept as a backup. Raises `Unfit`."""
    found = await held(house)
    if found.unfinished:
        raise Unfit(f"{house.name} is not whole: {found.unfinished} did not end")
    if not found.values:
        raise Unfit(f"{house.name} is empty")
    return found


async def move(source: House, target: House, clock: IReactorTime, *, replace: bool) -> Held:
    """
    Fill the target with what the source holds, and leave the source; what was moved.

    Raises `Unfit` and `NexusError`.
    """
    await _to_leave(source, target)
    async with alone(source, clock) as epoch:
        found = await _to_leave(source, target)

        async def leave() -> None:
            await source.nexus.commit([Put(MOVED, target.name.encode())], epoch)

        what = f"the copy from {source.name}"
        await fill(target, found.values, what, clock, epoch, replace=replace, filled=leave)
    return found


async def _to_leave(source: House, target: House) -> Held:
    found = await whole(source)
    if found.moved:
        again = found.moved == target.name and (await held(target)).unfinished
        if not again:
            raise Unfit(f"{source.name} was left: all that it held is at {found.moved} now")
    return found


async def restore(target: House, backup: Backup, clock: IReactorTime, *, replace: bool) -> None:
    """Fill the target with what a backup holds. Raises `Unfit` and `NexusError`."""
    above = backup.epoch + MARGIN
    what = f"the restoration of {backup.origin}"
    await fill(target, backup.values, what, clock, above, replace=replace)


async def fill(
    target: House,
    values: Mapping[str, bytes],
    what: str,
    clock: IReactorTime,
    above: int,
    *,
    replace: bool,
    filled: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """
    Have the target hold these values and nothing else; its epochs go on above `above`.

    Unless `replace`, it must be empty. `what` is said of it if this does not end. `filled` is
    called when all is there, before it is said to be whole.
    """
    nexus = target.nexus
    async with alone(target, clock, above) as epoch:
        before = await nexus.scan("")
        if before and not replace:
            raise Unfit(f"{target.name} is not empty ({len(before)} keys); --force replaces them")
        mark = Put(UNFINISHED, what.encode())
        await nexus.commit([mark], epoch)
        changes: list[Change] = [
            Delete(key) for key in before if key not in values and key != UNFINISHED
        ]
        changes += [Put(key, value) for key, value in sorted(values.items())]
        for batch in _batches(changes):
            await nexus.commit(batch, epoch)
        after = {key: entry.value for key, entry in (await nexus.scan("")).items()}
        if after != {**values, UNFINISHED: mark.value}:
            raise NexusError(f"what is read in {target.name} is not what was written there")
        if filled is not None:
            await filled()
        await nexus.commit([Delete(UNFINISHED)], epoch)


async def amend(house: House, changes: Sequence[Change], clock: IReactorTime) -> None:
    """Write where no master reigns. Raises `Unfit` and `NexusError`."""
    async with alone(house, clock) as epoch:
        await house.nexus.commit(changes, epoch)


@asynccontextmanager
async def alone(house: House, clock: IReactorTime, above: int = 0) -> AsyncIterator[int]:
    """Reign in a house, so that nobody else does: the epoch. Raises `Unfit` if masters stand."""
    reign = _Reign()
    candidacy = house.nexus.stand(reign, _NOBODY, above)
    try:
        await _nobody_else(house, candidacy)
        try:
            yield await reign.begun.addTimeout(ELECTION_S, clock)
        except TimedOut as error:
            await _nobody_else(house, candidacy)
            raise Unfit(
                f"no reign could be begun in {house.name} within {ELECTION_S:g} s"
            ) from error
    finally:
        await candidacy.resign()


async def _nobody_else(house: House, candidacy: ICandidacy) -> None:
    if others := await candidacy.others():
        raise Unfit(
            f"masters stand for election in {house.name}: {', '.join(others)}. Stop them first"
            " (one that was killed counts until its session is over); tasks run on meanwhile"
        )


@implementer(ICandidate)
class _Reign:
    """Of whoever moves a house. When it ends too early, its next write is refused."""

    def __init__(self) -> None:
        self.begun: Deferred[int] = Deferred()

    def elected(self, epoch: int) -> None:
        if not self.begun.called:
            self.begun.callback(epoch)

    def suspended(self, reason: str) -> None:
        pass

    def resumed(self) -> None:
        pass

    def deposed(self, reason: str) -> None:
        pass


def _batches(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """In order, so many that each batch is one small commit; a large value goes alone."""
    batch: list[Change] = []
    size = 0
    for change in changes:
        weight = len(change.value) if isinstance(change, Put) else 0
        if batch and (len(batch) == _BATCH_KEYS or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(change)
        size += weight
    if batch:
        yield batch


def _text(entry: Entry) -> str:
    return entry.value.decode("utf-8", "replace")
