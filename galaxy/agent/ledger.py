"""
What the master may ask for: every pod, or what changed since a revision. Pure.

Of a slot only the latest attempt is told of, and the earlier one when it is gone.
Revisions count within one run of the agent. A pod that is gone leaves a
tombstone, so that a delta can tell of it; the oldest tombstones are dropped, and
whoever asks for what lies before them is told everything. So it is with what
remains of dead pods, and with that which was collected. What people did is told in
either way, until a master has it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from heapq import merge
from operator import itemgetter
from typing import TypeVar

from galaxy.agent.pods import Summary
from galaxy.agent.records import PodKey
from galaxy.protocol.agent_pb2 import PodGroup, QueryResponse, Remains, TaskChange
from galaxy.protocol.types_pb2 import kPodStateUnset

T = TypeVar("T")

MOST_TOMBSTONES = 10_000
MOST_CHANGES = 1_000
MOST_DEEDS = 1_000


class Ledger:
    """The last word on each pod, in the order in which it was said."""

    def __init__(self, instance: str, most_tombstones: int = MOST_TOMBSTONES) -> None:
        self.instance = instance
        self.revision = 1  # 0 is what a caller has who has nothing
        self._most_tombstones = most_tombstones
        self._forgotten_up_to = 0
        self._said: OrderedDict[PodKey, tuple[int, Summary]] = OrderedDict()
        self._gone: OrderedDict[PodKey, tuple[int, str]] = OrderedDict()
        self._changes: deque[tuple[int, TaskChange]] = deque(maxlen=MOST_CHANGES)
        self._deeds: deque[tuple[int, TaskChange]] = deque()
        self._remains: OrderedDict[PodKey, tuple[int, None]] = OrderedDict()
        self._collected: OrderedDict[PodKey, tuple[int, None]] = OrderedDict()

    def say(self, key: PodKey, summary: Summary) -> bool:
        """Note how a pod stands; whether that is news."""
        known = self._said.get(key)
        if known is not None and known[1] == summary:
            return False
        self.revision += 1
        self._said[key] = (self.revision, summary)
        self._said.move_to_end(key)
        self._gone.pop(key, None)
        return True

    def note(self, changes: Iterable[TaskChange]) -> None:
        """Trouble with tasks, for the next who asks; only the latest is kept."""
        for change in changes:
            self.revision += 1
            self._changes.append((self.revision, change))

    def note_deed(self, deed: TaskChange) -> TaskChange | None:
        """
        What people did in a task, for whoever asks until a master has it; the oldest, if
        that is told no longer, since there are too many.
        """
        self.revision += 1
        self._deeds.append((self.revision, deed))
        return self._deeds.popleft()[1] if len(self._deeds) > MOST_DEEDS else None

    def heard(self, instance: str, since: int) -> list[TaskChange]:
        """A master has everything up to a revision of an instance: the deeds among that."""
        known: list[TaskChange] = []
        while instance == self.instance and self._deeds and self._deeds[0][0] <= since:
            known.append(self._deeds.popleft()[1])
        return known

    def supersede(self, key: PodKey) -> None:
        """Tell no more of a pod, since there is a later one of its slot, until it is gone."""
        self._said.pop(key, None)

    def bury(self, key: PodKey, version: str) -> None:
        """Note that a pod is gone."""
        self._said.pop(key, None)
        self.revision += 1
        self._gone[key] = (self.revision, version)
        while len(self._gone) > self._most_tombstones:
            dropped = self._gone.popitem(last=False)[1][0]
            self._forgotten_up_to = max(self._forgotten_up_to, dropped)

    def leave(self, key: PodKey) -> None:
        """Note that a dead pod's directory is kept."""
        self.revision += 1
        self._collected.pop(key, None)
        self._remains[key] = (self.revision, None)
        self._remains.move_to_end(key)

    def collect(self, key: PodKey) -> None:
        """Note that a dead pod's directory is kept no longer."""
        self.revision += 1
        self._remains.pop(key, None)
        self._collected[key] = (self.revision, None)
        while len(self._collected) > self._most_tombstones:
            dropped = self._collected.popitem(last=False)[1][0]
            self._forgotten_up_to = max(self._forgotten_up_to, dropped)

    def answer(self, instance: str, since: int) -> QueryResponse:
        """What a caller lacks who was told everything up to a revision of an instance."""
        full = not since or instance != self.instance or since < self._forgotten_up_to
        since = 0 if full else since
        gone = [] if full else list(_after(self._gone, since))
        return QueryResponse(
            instance=self.instance,
            revision=self.revision,
            full=full,
            groups=_groups(_after(self._said, since)),
            removed=_groups((key, Summary(version, kPodStateUnset)) for key, version in gone),
            task_changes=self._task_changes(since, full=full),
            remains=_packed(key for key, _ in _after(self._remains, since)),
            collected=[] if full else _packed(key for key, _ in _after(self._collected, since)),
        )

    def _task_changes(self, since: int, *, full: bool) -> list[TaskChange]:
        """In the order in which they were noted."""
        noted = self._deeds if full else merge(self._changes, self._deeds, key=itemgetter(0))
        return [change for revision, change in noted if revision > since]


def _after(told: OrderedDict[PodKey, tuple[int, T]], since: int) -> Iterator[tuple[PodKey, T]]:
    for key in reversed(told):
        revision, what = told[key]
        if revision <= since:
            return
        yield key, what


def _groups(pods: Iterable[tuple[PodKey, Summary]]) -> list[PodGroup]:
    """Pods of one job that are alike, together."""
    groups: dict[tuple[str, Summary], PodGroup] = {}
    for key, summary in pods:
        group = groups.get((key.job_id, summary))
        if group is None:
            group = groups[key.job_id, summary] = PodGroup(
                job_id=key.job_id,
                version=summary.version,
                state=summary.state,
                healthy=summary.healthy,
                reason=summary.reason,
                generation=summary.generation,
            )
        group.index.append(key.index)
        group.incarnation.append(key.incarnation)
    return list(groups.values())


def _packed(keys: Iterable[PodKey]) -> list[Remains]:
    jobs: dict[str, Remains] = {}
    for key in keys:
        remains = jobs.setdefault(key.job_id, Remains(job_id=key.job_id))
        remains.index.append(key.index)
        remains.incarnation.append(key.incarnation)
    return list(jobs.values())
