"""
Weighs what pods hold on disks, again and again, and tells who holds too much.

For quotas that no file system holds. One directory after the other, in a thread of its
own that gives way to everybody else; how often is `galaxy.agent.storage.quotas`' to say, so that
a thousand pods cost as little as one. What they hide is searched for in another thread: how
long that takes is for those to say who hide it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.complaint import Complaint
from galaxy.agent.inthread import InThread
from galaxy.agent.records import PodKey
from galaxy.agent.storage.floor import PAUSE_S, Account, blamed, sentence
from galaxy.agent.storage.quotas import (
    SHARE,
    SHORTEST_LOOK_S,
    Part,
    Weight,
    excess,
    next_look_s,
    with_unlinked,
)
from galaxy.agent.storage.unlinked import Unlinked

Weigh = Callable[[str, int], Weight]
Hidden = Callable[[Collection[str]], Mapping[str, Unlinked]]
Written = Callable[[Collection[str]], Mapping[str, int]]

SEARCH_S = 3.0

_log = Logger()


@define(eq=False)
class Scales:
    """
    `pods` are those that live, and `parts` tells what of one there is to weigh; `exceeded`
    is called with what it holds too much. When less than `least_free_share` is left of what
    `free_share` tells, one after the other is given up that is not kept by a file system.
    """

    pods: Callable[[], Iterable[PodKey]]
    parts: Callable[[PodKey], list[Part]]
    exceeded: Callable[[PodKey, str], None]
    weigh: Weigh
    hidden: Hidden
    written: Written
    free_share: Callable[[], float]
    least_free_share: float
    in_thread: InThread
    search: InThread
    clock: IReactorTime
    _due: dict[PodKey, float] = field(factory=dict, init=False)
    _hidden: Mapping[str, Unlinked] = field(factory=dict, init=False)
    _search_due: float = field(default=0.0, init=False)
    _held: dict[PodKey, int] = field(factory=dict, init=False)
    _floor_due: float = field(default=0.0, init=False)
    _blind: Complaint = field(init=False)
    _looking: LoopingCall = field(init=False)
    _searching: LoopingCall = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._blind = Complaint(_log, "how full the disk is cannot be told: {error}")
        self._looking = LoopingCall(self._look)
        self._searching = LoopingCall(self._search)
        self._looking.clock = self._searching.clock = self.clock

    def start(self, broken: Callable[[Failure], None]) -> None:
        """Begin to weigh; `broken` is told of a fault of ours."""
        for loop in (self._looking, self._searching):
            loop.start(SHORTEST_LOOK_S, now=False).addErrback(broken)

    def stop(self) -> None:
        """Weigh no more."""
        for loop in (self._looking, self._searching):
            if loop.running:
                loop.stop()

    async def _look(self) -> None:
        self._due = {key: self._due.get(key, 0.0) for key in self.pods()}
        await self._look_at_the_floor()
        now = self.clock.seconds()
        for key in [key for key, due in self._due.items() if due <= now]:
            if not self._looking.running:
                return
            began = self.clock.seconds()
            try:
                weighed = await self.in_thread(partial(self._weigh_all, self.parts(key)))
            except OSError as error:
                _log.warn("{pod} could not be weighed: {error}", pod=key.name, error=error)
                weighed = []
            ended = self.clock.seconds()
            self._due[key] = ended + next_look_s(weighed, ended - began)
            if key.name in self._hidden:
                weighed = with_unlinked(weighed, self._hidden[key.name].sizes)
            if weighed:
                self._held[key] = sum(weight.size_bytes for _part, weight in weighed)
            if reason := excess(weighed):
                self.exceeded(key, reason)

    async def _search(self) -> None:
        """See what there is in deleted files; what nobody weighs need not be looked for."""
        now = self.clock.seconds()
        if not self._due or now < self._search_due:
            return
        names = frozenset(key.name for key in self._due)
        self._hidden = await self.search(partial(self.hidden, names))
        ended = self.clock.seconds()
        self._search_due = ended + max(SEARCH_S, (ended - now) / SHARE)

    async def _look_at_the_floor(self) -> None:
        """End the one that has most to do with it, if the disk is all but full."""
        self._held = {key: held for key, held in self._held.items() if key in self._due}
        if not self._held or self.clock.seconds() < self._floor_due:
            return
        try:
            free = await self.in_thread(self.free_share)
        except OSError as error:
            self._blind.make(error)
            return
        self._blind.withdraw()
        if free >= self.least_free_share:
            return
        names = frozenset(key.name for key in self._held)
        wrote = await self.in_thread(partial(self.written, names))
        accounts = {key: Account(wrote.get(key.name, 0), held) for key, held in self._held.items()}
        if (worst := blamed(accounts)) is not None:
            self._floor_due = self.clock.seconds() + PAUSE_S
            self.exceeded(worst, sentence(accounts[worst], free))

    def _weigh_all(self, parts: Iterable[Part]) -> list[tuple[Part, Weight]]:
        return [(part, self.weigh(part.directory, part.quota_bytes)) for part in parts]
