"""
Takes machines on record that were never heard of, and doubts the nexus when they have
obeyed what it knows nothing of. Whose they are: `identity`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.safemode import Cause
from galaxy.master.store import Store
from galaxy.master.stored_orders import agent_put, safe_mode_put
from galaxy.master.work import Work, shared
from galaxy.nexus.interfaces import Put
from galaxy.protocol.master_pb2 import StoredAgent
from galaxy.protocol.statuses import GalaxyError

# Note [A strange nexus]: a master whose nexus was lost, is an old copy, or is misspelt in its
# settings, would have everything stopped that it knows nothing of. Safe mode is entered as if
# by hand when there is a sign of that: an agent that has obeyed a reign above all that this
# nexus has begun, or one that was never heard of, and has obeyed one, where there is no job.
# That none above has begun is certain when the write that enters safe mode succeeds: it is
# fenced. Else this master was merely overtaken, and the write says so. Who leaves safe mode
# takes this nexus for the right one: the next reign begins above what the agents obeyed.


class Admission:
    """One reign's. `changed()` is called when safe mode was entered."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, store: Store, cluster: Cluster, changed: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._store = store
        self._cluster = cluster
        self._changed = changed
        self._strange = False  # the nexus is not that of the agents
        self._distrusting = False
        self._admitting: dict[str, Work[Agent]] = {}

    def admit(self, endpoint: str, served: int) -> Deferred[Agent]:
        """
        A machine that was never heard of; `served`: the highest reign that it obeyed, or 0.

        See Note [A strange nexus].
        """
        return shared(self._admitting, endpoint, lambda: self._admit(endpoint, served))

    async def _admit(self, endpoint: str, served: int) -> Agent:
        now = self._clock.seconds()
        admission = agent_put(StoredAgent(endpoint=endpoint, admit_time=now))
        empty = not len(self._cluster.jobs) and self._cluster.safe_mode.cause != Cause.MANUAL
        if served > self._cluster.epoch and not self._strange:
            await self._hold(now, foreign(endpoint, served, self._cluster.epoch), admission)
            self._strange = True
        elif served and empty:
            found = f"agent {endpoint} has obeyed reign {served} of a cluster, and no job is known"
            await self._hold(now, f"{found} here", admission)
        else:
            await self._store.save([admission])
        return self._cluster.fleet.admit(endpoint, self._clock.seconds(), now)

    def distrust(self, endpoint: str, served: int) -> None:
        """An agent has obeyed a later reign than this: enter safe mode, or learn of that reign."""
        if self._strange or self._distrusting:
            return
        self._distrusting = True
        held = Deferred.fromCoroutine(self._distrust(endpoint, served))
        held.addErrback(self._not_held).addErrback(
            lambda failure: self._log.failure("safe mode could not be entered", failure)
        )

    async def _distrust(self, endpoint: str, served: int) -> None:
        try:
            await self._hold(self._clock.seconds(), foreign(endpoint, served, self._cluster.epoch))
            self._strange = True
        finally:
            self._distrusting = False
        self._changed()

    def _not_held(self, failure: Failure) -> None:
        failure.trap(GalaxyError)
        self._log.warn("{error}", error=failure.value)  # the agent will refuse again

    async def _hold(self, now: float, found: str, *more: Put) -> None:
        """Enter safe mode because of what was found; Note [A strange nexus]."""
        actor = f"the master ({found}: is this the right nexus?)"
        await self._store.save([*more, safe_mode_put(actor, now)])
        self._cluster.enter_safe_mode(actor, now)


def foreign(endpoint: str, served: int, epoch: int) -> str:
    """What is wrong with a nexus where no reign above `epoch` has begun."""
    obeyed = f"reign {served}" if served > epoch else "a later reign"
    return (
        f"agent {endpoint} has obeyed {obeyed}, and this nexus has begun none above {epoch}:"
        " it is another cluster's, or an old copy. Give the masters the right one; to go on with"
        " this one, which ends tasks that it does not know, leave safe mode"
    )
