"""
Reads and writes what the nexus keeps, for one reign.

One writer, in the order of the calls, each write before the answer that depends
on it; fenced by the reign's epoch, so that a master that was deposed and does not
know it changes nothing.

Law: the picture never differs from the nexus. When the answer to a write was lost
nobody knows what it should look like: this store writes no more, and the reign is
over. The next, whose epoch fences what is still on its way, reads what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from attrs import evolve, frozen
from google.protobuf.message import DecodeError
from twisted.internet.defer import Deferred

from galaxy.master.jobs import Job
from galaxy.master.stored import Incomplete, chunks_by_job, read_job
from galaxy.master.stored_orders import read_agent, read_cluster, read_label, read_safe_mode
from galaxy.nexus.house import MOVED, UNFINISHED, obstacle
from galaxy.nexus.interfaces import (
    Change,
    Delete,
    INexus,
    NexusError,
    OutcomeUnknown,
    Put,
    StaleEpoch,
)
from galaxy.nexus.keys import MOST_CHANGES
from galaxy.protocol.master_pb2 import StoredAgent, StoredLabel, StoredSafeMode
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.stored import (
    AGENTS,
    CLUSTER,
    FINISHED,
    JOBS,
    LABELS,
    SAFE_MODE,
    VERSIONS,
    record_of,
    unknown_fields,
)


@frozen
class Loaded:
    """What a reign begins with."""

    jobs: tuple[Job, ...]
    agents: tuple[StoredAgent, ...] = ()
    labels: tuple[StoredLabel, ...] = ()
    manual: StoredSafeMode | None = None  # safe mode was entered by hand, and not left
    above: int = 0  # a reign whose epoch is not above this is not to begin
    identity: str = ""  # which cluster this is


@contextmanager
def _legible(key: str) -> Iterator[None]:
    try:
        yield
    except DecodeError as error:
        raise Incomplete(
            f"{key} in the nexus is damaged ({error}): `galaxy nexus check` tells of all that is,"
            " and docs/operations.md what then"
        ) from error


class Store:
    """
    The nexus, as one reign uses it.

    `deposed` is called when the nexus says that a higher epoch has begun; `lost` when it
    is not known what the nexus holds.
    """

    def __init__(
        self,
        nexus: INexus,
        epoch: int,
        deposed: Callable[[str], None],
        lost: Callable[[str], None],
    ) -> None:
        self._nexus = nexus
        self._epoch = epoch
        self._deposed = deposed
        self._lost = lost
        self._over = ""  # why nothing is written any more
        self._later: dict[str, bytes] = {}  # by key, what a later build wrote there besides

    async def load(self) -> Loaded:
        """
        All that is kept. Fails with NexusError, or `Incomplete`.

        Whoever repairs it needs the key: see `galaxy.stored`.
        """
        unfit = obstacle(await self._nexus.get(UNFINISHED), await self._nexus.get(MOVED))
        if unfit is not None:
            raise Incomplete(unfit)
        records = await self._nexus.scan(JOBS)
        descriptions = await self._nexus.scan(VERSIONS)
        finished = await self._nexus.scan(FINISHED)
        agents = await self._nexus.scan(AGENTS)
        labels = await self._nexus.scan(LABELS)
        entry = await self._nexus.get(SAFE_MODE)
        with _legible(SAFE_MODE):
            mode = StoredSafeMode() if entry is None else read_safe_mode(entry.value)
        entry = await self._nexus.get(CLUSTER)
        with _legible(CLUSTER):
            identity = "" if entry is None else read_cluster(entry.value)
        for entries in (records, finished, agents, labels):
            for key, entry in entries.items():
                with _legible(key):
                    if later := unknown_fields(record_of(key, entry.value)):
                        self._later[key] = later
        for key, entry in descriptions.items():
            with _legible(key):
                record_of(key, entry.value)
        chunks = chunks_by_job(finished)
        jobs = (
            read_job(entry.value, descriptions, chunks.get(key.removeprefix(f"{JOBS}/"), ()))
            for key, entry in records.items()
        )
        return Loaded(
            tuple(sorted(jobs, key=lambda job: (job.create_time, job.job_id))),
            tuple(read_agent(entry.value) for entry in agents.values()),
            tuple(read_label(entry.value) for entry in labels.values()),
            mode if mode.manual else None,
            mode.above,
            identity,
        )

    def save(self, changes: Sequence[Change]) -> Deferred[None]:
        """
        All of the changes or none, on stable storage when it fires.

        Fails with GalaxyError(kPersistenceError). More changes than fit in one
        commit go in several, in order.
        """
        return Deferred.fromCoroutine(self._save(changes))

    async def _save(self, changes: Sequence[Change]) -> None:
        changes = [self._kept(change) for change in changes] if self._later else changes
        written = 0
        try:
            while written < len(changes):
                if self._over:
                    raise GalaxyError(Status.kNotLeader, self._over)
                await self._nexus.commit(changes[written : written + MOST_CHANGES], self._epoch)
                written += MOST_CHANGES
        except StaleEpoch as error:
            self._deposed(str(error))
            raise GalaxyError(
                Status.kNotLeader, f"this master does not reign any more: {error}"
            ) from error
        except NexusError as error:
            if written or isinstance(error, OutcomeUnknown):
                self._over = f"it is not known what was written down: {error}"
                self._lost(self._over)
                raise GalaxyError(Status.kPersistenceError, self._over) from error
            raise GalaxyError(
                Status.kPersistenceError, f"it could not be written down: {error}"
            ) from error
        for change in changes:
            if isinstance(change, Delete):
                self._later.pop(change.key, None)

    def _kept(self, change: Change) -> Change:
        if isinstance(change, Put) and change.key in self._later:
            return evolve(change, value=change.value + self._later[change.key])
        return change
