"""
What operators order of machines and of the whole: written down, then so.

Labels, offline marks, safe mode by hand. Each order stands until another takes it
back, through any restart. Orders are carried out one after the other, in the order
in which they came, so that what is stored last is what was said last.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.labels import carriers_after, check_labelling
from galaxy.master.safemode import Cause
from galaxy.master.store import Store
from galaxy.master.stored_orders import (
    agent_put,
    label_change,
    safe_mode_delete,
    safe_mode_put,
    succession_put,
)
from galaxy.master.work import Work
from galaxy.protocol.master_pb2 import LabelAgentsRequest, StoredAgent
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.turns import Turns


class Orders:
    """
    One reign's orders. `changed()` is called after each, `let_go(reason)` when the
    reign is to be followed by one that agents obey.

    All fail with GalaxyError: kInputError, kAgentNotFound, kPersistenceError.
    """

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        cluster: Cluster,
        changed: Callable[[], None],
        let_go: Callable[[str], None],
    ) -> None:
        self._let_go = let_go
        self._clock = clock
        self._store = store
        self._cluster = cluster
        self._changed = changed
        self._turns = Turns()

    def label(self, asked: LabelAgentsRequest, actor: str) -> Deferred[None]:
        """Change who carries a label."""
        check_labelling(asked)
        return self._next(lambda: self._label(asked, actor))

    async def _label(self, asked: LabelAgentsRequest, actor: str) -> None:
        fleet = self._cluster.fleet
        before = fleet.labels.carriers(asked.label)
        after = carriers_after(asked, before)
        if after != before:
            await self._store.save([label_change(asked.label, after)])
            now = self._clock.seconds()
            fleet.label(self._cluster.journal, asked.label, after, actor, now)

    def empty(self, endpoint: str, actor: str) -> Deferred[None]:
        """Have a machine emptied, and place nothing there."""
        return self._mark(endpoint, actor, draining=True)

    def use(self, endpoint: str, actor: str) -> Deferred[None]:
        """Place on a machine again."""
        return self._mark(endpoint, actor, draining=False)

    def _mark(self, endpoint: str, actor: str, *, draining: bool) -> Deferred[None]:
        agent = self._cluster.fleet.find(endpoint)
        if agent is None:
            raise GalaxyError(Status.kAgentNotFound, f"there is no agent {endpoint}")
        return self._next(lambda: self._write_mark(agent, actor, draining=draining))

    async def _write_mark(self, agent: Agent, actor: str, *, draining: bool) -> None:
        record = StoredAgent(endpoint=agent.endpoint, admit_time=agent.admit_time, offline=draining)
        await self._store.save([agent_put(record)])
        cluster, now = self._cluster, self._clock.seconds()
        cluster.fleet.mark(cluster.journal, agent, draining=draining, actor=actor, now=now)

    def hold(self, actor: str) -> Deferred[None]:
        """Enter safe mode, and stay in it."""
        return self._next(lambda: self._hold(actor))

    async def _hold(self, actor: str) -> None:
        if self._cluster.safe_mode.cause != Cause.MANUAL:
            now = self._clock.seconds()
            await self._store.save([safe_mode_put(actor, now)])
            self._cluster.enter_safe_mode(actor, now)

    def go_on(self, actor: str) -> Deferred[None]:
        """Leave safe mode, whatever it was entered for."""
        return self._next(lambda: self._go_on(actor))

    async def _go_on(self, actor: str) -> None:
        if not self._cluster.safe_mode.on:
            return
        now, served = self._clock.seconds(), self._cluster.fleet.served()
        if served <= self._cluster.epoch:
            await self._store.save([safe_mode_delete()])
            self._cluster.leave_safe_mode(actor, now)
        else:  # Note [A strange nexus]
            await self._store.save([succession_put(actor, served, now)])
            self._let_go(f"{actor} left safe mode, and agents have obeyed reign {served}")

    def _next(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        """When it is its turn; it goes on to its end whoever still waits for it."""

        async def carried_out() -> None:
            await begin()
            self._changed()

        return Work(self._turns.run(carried_out())).wait()
