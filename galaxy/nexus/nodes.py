"""
Keys and values in the nodes of a ZooKeeper ensemble: reading, and all-or-none writing.

Knows nothing of elections or watches; `galaxy.nexus.zookeeper` puts them together.
See `galaxy.nexus.znodes` for how things stand there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

from attrs import frozen
from kazoo.exceptions import NodeExistsError, NoNodeError
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger

from galaxy.nexus.interfaces import (
    Change,
    Conflict,
    Delete,
    Entry,
    NexusError,
    Put,
    StaleEpoch,
    Unavailable,
)
from galaxy.nexus.keys import is_below
from galaxy.nexus.operations import Check, Create, Operation, Refused, Remove, SetData
from galaxy.nexus.session import ZooKeeperSession
from galaxy.nexus.znodes import (
    Blob,
    Damaged,
    Layout,
    blob_head,
    blob_of,
    changes_data,
    key_of,
    parse_epoch,
    parse_head,
    plain_head,
    restored,
    too_large,
)

ATTEMPTS = 10  # at what changes under our hands
TOGETHER = 200  # requests that are sent without waiting for the one before

T = TypeVar("T")


@frozen
class _Prepared:
    """A change with what its node will hold; `blob`, if it has one, is written already."""

    change: Change
    head: bytes
    blob: Blob | None


class Nodes:
    """What one participant reads and writes. Commits must come one after the other."""

    log = Logger()

    def __init__(self, session: ZooKeeperSession, layout: Layout) -> None:
        self._session = session
        self._layout = layout
        self._owner = uuid4().hex  # begins the names of the blobs written here
        self._blobs_written = 0
        self._exist: set[str] = set()  # keys thought to exist; a wrong thought costs a round trip
        self._blobs: dict[str, Blob] = {}  # of keys that were read or written here
        self._made: set[str] = set()  # nodes that were made, or found
        self._epoch_base: int | None = None

    async def get(self, key: str) -> Entry | None:
        """The value of a key."""
        for _ in range(ATTEMPTS):
            try:
                data, stat = await self._session.get(self._layout.node(key))
            except NoNodeError:
                self._exist.discard(key)
                self._blobs.pop(key, None)
                return None
            value = await self._value(key, data)
            if value is not None:
                return Entry(value, stat.version + 1)
        raise Unavailable(f"{key} changes faster than it can be read")

    async def _value(self, key: str, data: bytes) -> bytes | None:
        """What a node's data stand for; None if a blob was replaced meanwhile."""
        self._exist.add(key)
        try:
            found = parse_head(data)
            if isinstance(found, bytes):
                self._blobs.pop(key, None)
                return found
            self._blobs[key] = found
            parts = [await self._session.get(self._layout.blob(name)) for name in found.names()]
            return restored(b"".join(part for part, _ in parts), compressed=found.compressed)
        except NoNodeError:
            return None
        except Damaged as error:
            raise self._damaged(self._layout.node(key), error) from error

    async def scan(self, prefix: str) -> dict[str, Entry]:
        """Every key below the prefix, each with a value of its own moment."""
        if prefix:
            shards = [self._layout.shard(prefix).rpartition("/")[2]]
        else:
            shards = await self._children(self._layout.data)
        keys = []
        for shard in shards:
            names = await self._children(f"{self._layout.data}/{shard}")
            keys += [key_of(shard, name) for name in names]
        keys = sorted(key for key in keys if is_below(key, prefix))
        entries: dict[str, Entry] = {}
        for start in range(0, len(keys), TOGETHER):
            some = keys[start : start + TOGETHER]
            found = await _all(Deferred.fromCoroutine(self.get(key)) for key in some)
            entries.update({k: entry for k, entry in zip(some, found, strict=True) if entry})
        return entries

    async def _children(self, path: str) -> list[str]:
        try:
            return await self._session.children(path)
        except NoNodeError:
            return []

    async def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """All of the changes or none; fails as `INexus.commit` does."""
        try:
            await self.prepare_ground()
            prepared = await self._prepare(changes)
        except NoNodeError as error:
            raise self._taken_away(error) from error
        written = [each.blob for each in prepared if each.blob is not None]
        try:
            await self._commit(prepared, epoch)
        except (Conflict, StaleEpoch):
            await self._drop(written)  # on any other failure it is not known whether they are used
            raise
        replaced = []
        for each in prepared:
            key = each.change.key
            if key in self._blobs and self._blobs[key] != each.blob:
                replaced.append(self._blobs.pop(key))
            if isinstance(each.change, Put):
                self._exist.add(key)
                if each.blob is not None:
                    self._blobs[key] = each.blob
            else:
                self._exist.discard(key)
        await self._drop(replaced)

    def forget(self) -> None:
        """Think nothing of what exists: another session or election has begun."""
        self._made.clear()
        self._epoch_base = None

    async def prepare_ground(self) -> None:
        """Make the nodes that everything stands on."""
        await self._make(self._layout.ground())

    async def _make(self, paths: Sequence[str]) -> None:
        """See that these nodes exist, parents first."""
        for path in paths:
            if path not in self._made:
                data = b"0" if path == self._layout.epoch else b""
                with suppress(NodeExistsError):
                    await self._session.create(path, data)
                self._made.add(path)

    async def _prepare(self, changes: Sequence[Change]) -> list[_Prepared]:
        """Make shards and blobs."""
        await self._make(sorted({self._layout.shard(c.key) for c in changes}))
        heads = [plain_head(c.value) if isinstance(c, Put) else b"" for c in changes]
        blobs: list[Blob | None] = [None] * len(heads)
        for index in too_large([self._layout.node(c.key) for c in changes], heads):
            if heads[index]:
                blobs[index] = await self._write_blob(heads[index])
        return [
            _Prepared(change, blob_head(blob) if blob else head, blob)
            for change, head, blob in zip(changes, heads, blobs, strict=True)
        ]

    async def _write_blob(self, head: bytes) -> Blob:
        self._blobs_written += 1
        blob, parts = blob_of(head, f"{self._owner}-{self._blobs_written}")
        for node, part in zip(blob.names(), parts, strict=True):
            await self._session.create(self._layout.blob(node), part)
        return blob

    async def _drop(self, blobs: Sequence[Blob]) -> None:
        """Delete blobs that nothing refers to; one that stays is only waste."""
        for blob in blobs:
            for name in blob.names():
                try:
                    await self._session.delete(self._layout.blob(name))
                except (NoNodeError, Unavailable) as error:
                    self.log.info("blob {name} was not deleted: {error}", name=name, error=error)

    async def sweep(self) -> None:
        """
        Delete the blobs that nothing refers to, left by who died in a commit.

        Each commit writes `changes`; only if that has not changed since before
        the nodes were read is it true that nobody refers to them.
        """
        _, before = await self._session.get(self._layout.changes)
        names = await self._children(self._layout.blobs)
        left = {name for name in names if not name.startswith(self._owner)}
        if not left:
            return
        await self.scan("")  # remembers whose blobs it met
        for blob in self._blobs.values():
            left.difference_update(blob.names())
        unchanged = Check(self._layout.changes, before.version)
        for name in sorted(left):
            try:
                await self._session.transaction([unchanged, Remove(self._layout.blob(name))])
            except Refused:
                return  # the next reign will try again

    async def _commit(self, prepared: Sequence[_Prepared], epoch: int) -> None:
        for _ in range(ATTEMPTS):
            operations, owners = await self._operations(prepared, epoch)
            try:
                await self._session.transaction(operations)
            except Refused as refused:
                owner = owners[refused.index]
                if owner is None:
                    await self._explain(refused, epoch)
                else:
                    await self._resolve(owner.change, prepared)
            else:
                return
        raise Unavailable("the keys change faster than they can be written")

    async def _operations(
        self, prepared: Sequence[_Prepared], epoch: int
    ) -> tuple[list[Operation], list[_Prepared | None]]:
        """A transaction, and for each operation whose it is."""
        owned: list[tuple[Operation, _Prepared | None]] = []
        if epoch:
            version = max(epoch - await self._base(epoch), 0)
            owned.append((Check(self._layout.epoch, version), None))
        for each in prepared:
            if each.blob is not None:
                owned += [(Check(self._layout.blob(n), 0), None) for n in each.blob.names()]
            owned += [(operation, each) for operation in self._operations_of(each)]
        keys = [each.change.key for each in prepared]
        owned.append((SetData(self._layout.changes, changes_data(keys)), None))
        return [operation for operation, _ in owned], [owner for _, owner in owned]

    def _operations_of(self, prepared: _Prepared) -> list[Operation]:
        """What one change is to ZooKeeper; without `expect` it depends on what is thought."""
        change, head = prepared.change, prepared.head
        node = self._layout.node(change.key)
        expect = change.expect
        absent = expect == 0 or (expect is None and change.key not in self._exist)
        version = -1 if expect is None else expect - 1
        if isinstance(change, Delete):
            if not absent:
                return [Remove(node, version)]
            return [Create(node, b""), Remove(node)]  # there is no check for absence
        return [Create(node, head)] if absent else [SetData(node, head, version)]

    async def _resolve(self, change: Change, prepared: Sequence[_Prepared]) -> None:
        """A change was refused: raise `Conflict`, or correct what is thought of the keys."""
        if change.expect is not None:
            found = await self._session.exists(self._layout.node(change.key))
            version = found.version + 1 if found else 0
            if version != change.expect:
                raise Conflict(change.key, version)
        free = [each.change.key for each in prepared if each.change.expect is None]
        self._made.clear()
        await self._make([*self._layout.ground(), *map(self._layout.shard, free)])
        for start in range(0, len(free), TOGETHER):
            some = free[start : start + TOGETHER]
            found_all = await _all(self._session.exists(self._layout.node(key)) for key in some)
            for key, found in zip(some, found_all, strict=True):
                (self._exist.add if found else self._exist.discard)(key)

    async def _explain(self, refused: Refused, epoch: int) -> None:
        """What is not a change was refused: the epoch, or a node that belongs to us is gone."""
        if epoch and refused.index == 0:
            self._epoch_base = None
            raise StaleEpoch(epoch, await self.epoch())
        raise self._taken_away(refused)

    def _taken_away(self, error: Exception) -> Unavailable:
        self._made.clear()
        return Unavailable(f"{self._session.place}: nodes were taken away meanwhile ({error!r})")

    def _damaged(self, node: str, error: Damaged) -> NexusError:
        return NexusError(f"{node} in {self._session.place}: {error}")

    async def epoch(self) -> int:
        """The highest epoch that has begun."""
        try:
            return sum(await self._reigns())
        except NoNodeError:
            return 0

    async def _base(self, epoch: int) -> int:
        """The number that epochs are counted from; only an election changes it."""
        if self._epoch_base is None:
            try:
                self._epoch_base, _ = await self._reigns()
            except NoNodeError as error:
                raise StaleEpoch(epoch, 0) from error
        return self._epoch_base

    async def _reigns(self) -> tuple[int, int]:
        """The number that epochs are counted from, and how many elections were held since."""
        data, stat = await self._session.get(self._layout.epoch)
        try:
            return parse_epoch(data, 0), stat.version
        except Damaged as error:
            raise self._damaged(self._layout.epoch, error) from error


async def _all(deferreds: Iterable[Deferred[T]]) -> list[T]:
    """All the results, or the first failure as it is."""
    try:
        return await gatherResults(deferreds, consumeErrors=True)
    except FirstError as first:
        first.subFailure.raiseException()
