"""
One reign, from its election to its end: the picture, and all that keeps it going.

Made by `leader` when this master was elected and has read the nexus. The shell
around the pure `Cluster`: whatever changed, `changed()` is called, and soon
afterwards `_settle` has written down what must be, tells agents what they must
know, and wakes who waits.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from galaxy.master.admission import Admission
from galaxy.master.agents import Agent
from galaxy.master.chronicle import Chronicle
from galaxy.master.cluster import Cluster
from galaxy.master.courier import Courier
from galaxy.master.events import Happening
from galaxy.master.identity import Identity
from galaxy.master.lines import Lines
from galaxy.master.orders import Orders
from galaxy.master.queries import Queries
from galaxy.master.report import merge
from galaxy.master.scribe import Scribe
from galaxy.master.store import Loaded, Store
from galaxy.master.waiting import Waiting
from galaxy.protocol.agent_pb2 import QueryResponse
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.master_pb2 import HeartBeatRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kAgentStateUnset, kAlive, kDead, kInit, kOffline
from galaxy.settings import MasterSettings

TICK_S = 0.25


class Reign:
    """
    The time during which this master leads.

    `let_go(reason)` is called when another is to follow it.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        clock: IReactorTime,
        store: Store,
        loaded: Loaded,
        settings: MasterSettings,
        epoch: int,
        rng: Random,
        let_go: Callable[[str], None],
    ) -> None:
        self.epoch = epoch
        self.suspended = ""  # why it may decide nothing at the moment
        self.given_up = False  # nor ever again
        self.over = ""  # why it has ended
        self.cluster = Cluster.begin(
            epoch=epoch,
            reign=f"{epoch}-{rng.getrandbits(32):08x}",
            settings=settings,
            jobs=loaded.jobs,
            agents=loaded.agents,
            labels=loaded.labels,
            manual=loaded.manual,
            now=clock.seconds(),
        )
        self.cluster.identity = loaded.identity
        self.identity = Identity(store, self.cluster, rng)
        self.lines = Lines(self._line_changed)
        self.scribe = Scribe(
            clock=clock, store=store, cluster=self.cluster, rng=rng, changed=self.changed
        )
        self.orders = Orders(clock, store, self.cluster, self.changed, let_go)
        self._admission = Admission(clock, store, self.cluster, self.changed)
        self._clock = clock
        self._settings = settings
        self._queries = Queries(clock, self.cluster, self.lines, self._merge, self._refused)
        self._courier = Courier(
            clock=clock,
            cluster=self.cluster,
            lines=self.lines,
            may_act=lambda: not self.suspended,
            changed=self.changed,
            stale=self._refused,
        )
        # Numbers go on from reign to reign.
        self.chronicle = Chronicle(settings.events_kept, epoch << 32 | 1, clock.seconds())
        self.events = Waiting(clock)  # those who watch them
        self._waiting = Waiting(clock)
        self._settling: IDelayedCall | None = None
        self._ticked = clock.seconds()
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = clock

    def begin(self) -> None:
        """From now on, reign."""
        self._ticks.start(TICK_S, now=False)
        self.changed()

    def end(self, reason: str) -> None:
        """Decide nothing more, tell nobody anything more, answer whoever waits."""
        self.over = reason
        self._ticks.stop()
        self._queries.stop()
        self._courier.stop()
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        for waiting in (self._waiting, self.events):
            waiting.end(GalaxyError(Status.kNotLeader, f"the reign is over: {reason}"))

    def give_up(self, reason: str) -> None:
        """Decide nothing more; what is known is answered until the end."""
        self.suspended = reason
        self.given_up = True

    def resume(self) -> None:
        """The doubt is over."""
        if self.given_up:
            return
        self.suspended = ""
        self.cluster.fleet.excuse(self._clock.seconds())
        self.cluster.reconsider()
        self.changed()

    async def news(self, revision: int, wait_s: float) -> None:
        """Wait until the queue is not at that revision any more, at most so long."""
        if self.cluster.queue.revision == revision and wait_s > 0:
            await self._waiting.wait(wait_s)

    # -- what agents say ---------------------------------------------------------------

    async def heard(self, request: HeartBeatRequest, peer: IPeer) -> tuple[float, bool]:
        """A heartbeat: the interval until the next, and whether the facts should come with it."""
        if request.HasField("facts"):
            await self.identity.admit(request.endpoint, request.facts)
        agent = self.cluster.fleet.find(request.endpoint)
        known = agent is not None and self.cluster.identity
        if not known and not request.HasField("facts"):  # Note [A strange nexus]
            return self._settings.heartbeat_s, True
        if agent is None:
            agent = await self._admission.admit(request.endpoint, request.facts.epoch)
        elif request.facts.epoch > self.epoch:
            self._refused(agent, request.facts.epoch)
        cluster, now = self.cluster, self._clock.seconds()
        if agent.state in {kAgentStateUnset, kInit, kDead}:
            state = kOffline if agent.offline else kAlive
            cluster.fleet.turn(cluster.journal, agent, state, "its heartbeat came", now)
            self.changed()
        if agent.missed:
            cluster.find_again(agent, now)
            self.changed()
        interval_s = cluster.fleet.beat(agent, now)
        self.lines.heard(agent, peer)
        if request.HasField("facts"):
            cluster.fleet.learn(cluster.journal, agent, request.facts, now)
            self.changed()
        if request.HasField("used"):
            agent.used_millicores = request.used.millicores
            agent.used_memory = request.used.memory
        agent.announced = (request.instance, request.revision)
        if not self.suspended and not self.over:
            self._queries.heard(agent)
            self._courier.attend(agent)
        return interval_s, not agent.total.millicores

    def _refused(self, agent: Agent, served: int = 0) -> None:
        """The agent has obeyed a later reign; Note [A strange nexus]."""
        if not self.suspended and not self.over:
            self._admission.distrust(agent.endpoint, served or agent.facts.epoch)

    def _line_changed(self, agent: Agent) -> None:
        self.cluster.journal.moved[agent] = None
        if agent.connected:
            self.cluster.journal.room = True
        self.changed()

    def _merge(self, agent: Agent, report: QueryResponse) -> None:
        if self.over or self.suspended or agent.state == kDead:
            return
        merged = merge(self.cluster, agent, report, self._clock.seconds())
        for job in merged.ended:
            self.scribe.slots_ended(job)
        self.changed()

    # -- time --------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self._clock.seconds()
        late = now - self._ticked
        self._ticked = now
        if self.suspended:
            return
        if late > TICK_S + self._settings.agent_timeout_s / 2:
            # We were not listening, so we cannot say that nobody spoke.
            self._log.warn("this master stood still for {late} s", late=round(late, 1))
            self.cluster.fleet.excuse(now)
        self.cluster.watch(now)
        self.cluster.give_up(set(self.cluster.overdue(now)), now)
        # One a tick is fast enough for jobs that ended long ago.
        ended = self.cluster.first_ended()
        if ended is not None and ended.end_time + self._settings.finished_job_keep_s <= now:
            self.scribe.forget(ended)
        self.scribe.try_again()
        self.cluster.look_around(now)
        self.changed()

    # -- settling ----------------------------------------------------------------------

    def changed(self) -> None:
        """Something has changed: see to it soon, once for all that changes meanwhile."""
        if self._settling is None and not self.over:
            self._settling = self._clock.callLater(0, self._settle)

    def _settle(self) -> None:
        self._settling = None
        if self.suspended:
            return
        cluster, now = self.cluster, self._clock.seconds()
        before = cluster.queue.revision
        self.scribe.write_down(cluster.settle(now))
        outgoing, cluster.journal.outgoing = cluster.journal.outgoing, {}
        for agent in outgoing:
            self._courier.attend(agent)
        happenings = cluster.journal.take_happenings(now)
        if happenings:
            self.chronicle.add(happenings)
            self.events.wake()
        for happening in happenings:
            self._tell(happening)
        if cluster.queue.revision != before:
            self._waiting.wake()

    def _tell(self, happening: Happening) -> None:
        self._log.info(
            "{kind} {where}{pods}: {before} -> {after}, {reason} ({actor})",
            kind=happening.kind,
            where=happening.job_id or happening.endpoint or "as a whole",
            pods=f", {len(happening.pods)} of it" if happening.pods else "",
            before=happening.before or "new",
            after=happening.after,
            reason=happening.reason,
            actor=happening.actor,
        )
