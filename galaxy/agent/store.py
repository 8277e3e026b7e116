"""
The agent's own database: what it was told to run, and how far it has come.

One LevelDB directory per agent, one batch per write, synced before it is
answered (`galaxy.nexus.commit`). Keys:

    pod/JOB.INDEX.INCARNATION    a pod with its tasks, as JSON
    description/JOB/VERSION      a Description message, once per job and version
    deed/NUMBER                  a TaskChange that no master has heard of yet
    epoch                        the highest reign obeyed so far
    cluster                      whose reigns these are
    starts                       how often an agent opened this store
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import field, frozen
from twisted.internet.defer import Deferred

from galaxy.agent.records import Pod, PodKey, decode_pod, encode_pod
from galaxy.nexus.commit import GroupCommit, InThread
from galaxy.nexus.database import IDatabase, LevelDatabase
from galaxy.nexus.interfaces import CannotOpen
from galaxy.protocol.agent_pb2 import Description, TaskChange

KIND = "galaxy agent"
FORMAT = 1

_POD = b"pod/"
_DESCRIPTION = b"description/"
_DEED = b"deed/"
_EPOCH = b"epoch"
_CLUSTER = b"cluster"
_STARTS = b"starts"

DescriptionKey = tuple[str, str]  # job id and version


@frozen
class Remembered:
    """All that the store holds."""

    pods: tuple[Pod, ...] = ()
    descriptions: Mapping[DescriptionKey, Description] = field(factory=dict)
    epoch: int = 0
    starts: int = 0
    deeds: tuple[TaskChange, ...] = field(default=(), kw_only=True)
    cluster: str = ""


@frozen
class Changes:
    """What one write brings; all of it or none."""

    pods: tuple[Pod, ...] = ()
    forgotten: tuple[PodKey, ...] = ()
    descriptions: Mapping[DescriptionKey, Description] = field(factory=dict)
    dropped: tuple[DescriptionKey, ...] = ()
    epoch: int | None = None
    cluster: str = ""  # empty: as it was

    def __bool__(self) -> bool:
        return bool(
            self.pods
            or self.forgotten
            or self.descriptions
            or self.dropped
            or self.epoch is not None
            or self.cluster
        )


def open_database(directory: Path) -> LevelDatabase:
    """The agent's database in a directory; raises `CannotOpen`."""
    return LevelDatabase(directory, KIND, FORMAT)


class AgentStore:
    """What the agent remembers, in a database of its own."""

    def __init__(self, database: IDatabase, in_thread: InThread) -> None:
        self._database = database
        self._commit = GroupCommit(database, in_thread)

    def load(self) -> Remembered:
        """
        All that was written, counting this start.

        Raises `CannotOpen` when a record cannot be read or the count not be written.
        """
        try:
            descriptions = dict(self._descriptions())
            remembered = Remembered(
                tuple(decode_pod(value) for _key, value in self._database.items(_POD)),
                descriptions,
                int(self._database.get(_EPOCH) or b"0"),
                int(self._database.get(_STARTS) or b"0") + 1,
                (self._database.get(_CLUSTER) or b"").decode(),
                deeds=tuple(
                    TaskChange.FromString(value) for _key, value in self._database.items(_DEED)
                ),
            )
            for pod in remembered.pods:
                descriptions[pod.key.job_id, pod.version]
        except (ValueError, KeyError, TypeError) as error:
            raise CannotOpen(
                "the agent's store",
                f"it holds a record that cannot be read ({error!r})",
                "start the release that wrote it, or restore it, or move it away: the agent then"
                " begins with no pods",
            ) from error
        self._database.write({_STARTS: b"%d" % remembered.starts})
        return remembered

    def write(self, changes: Changes) -> Deferred[None]:
        """Write all or nothing; fires once it is on disk, fails with `Unavailable`."""
        puts = [(_pod_key(pod.key), encode_pod(pod)) for pod in changes.pods]
        puts.extend(
            (_description_key(key), description.SerializeToString())
            for key, description in changes.descriptions.items()
        )
        if changes.epoch is not None:
            puts.append((_EPOCH, b"%d" % changes.epoch))
        if changes.cluster:
            puts.append((_CLUSTER, changes.cluster.encode()))
        deletes = [
            *map(_pod_key, changes.forgotten),
            *map(_description_key, changes.dropped),
        ]
        return self._commit.write(puts, deletes)

    def keep(self, deed: TaskChange) -> Deferred[None]:
        """Write a deed down; fires once it is on disk, fails with `Unavailable`."""
        return self._commit.write([(_deed_key(deed), deed.SerializeToString())])

    def let_go(self, deeds: Iterable[TaskChange]) -> Deferred[None]:
        """Keep deeds no longer; as `keep`."""
        return self._commit.write(deletes=map(_deed_key, deeds))

    async def close(self) -> None:
        """Finish what was begun and let go of the directory."""
        await self._commit.close()
        self._database.close()

    def _descriptions(self) -> Iterable[tuple[DescriptionKey, Description]]:
        for _key, value in self._database.items(_DESCRIPTION):
            description = Description.FromString(value)
            yield (description.job_id, description.version), description


def _pod_key(key: PodKey) -> bytes:
    return _POD + key.name.encode()


def _deed_key(deed: TaskChange) -> bytes:
    return _DEED + b"%020d" % deed.number


def _description_key(key: DescriptionKey) -> bytes:
    return _DESCRIPTION + "/".join(key).encode()
