"""
One reign, from its election to its end: the picture, and all that keeps it going.

Made by `leader` when this master is elected. The shell around the pure
`Cluster`: whatever changed, `changed()` is called, and soon afterwards `_settle`
writes down what must be, tells agents what they must know, and wakes who waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from galaxy import names
from galaxy.master.cluster import Balance, Cluster
from galaxy.master.courier import Courier
from galaxy.master.events import Happening
from galaxy.master.fleet import Agent
from galaxy.master.jobs import ENDED, Job, turn
from galaxy.master.lines import Lines
from galaxy.master.queries import Queries
from galaxy.master.reconcile import Shortfall
from galaxy.master.report import finish, merge
from galaxy.master.store import Store
from galaxy.master.stored import agent_put, finished_puts, job_deletes, job_put, new_job_puts
from galaxy.master.submission import check_submission, new_job
from galaxy.master.work import Work
from galaxy.nexus.interfaces import INexus
from galaxy.protocol.agent_pb2 import QueryResponse
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.master_pb2 import HeartBeatRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobState,
    Status,
    kAgentStateUnset,
    kAlive,
    kDead,
    kInit,
    kJobTerminated,
)
from galaxy.settings import MasterSettings

TICK_S = 0.25


class Reign:
    """
    The time during which this master leads.

    `deposed(reason)` is called when the nexus or an agent knows of a later reign.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        clock: IReactorTime,
        nexus: INexus,
        settings: MasterSettings,
        epoch: int,
        rng: Random,
        deposed: Callable[[str], None],
    ) -> None:
        self.epoch = epoch
        self.suspended = ""  # why it may decide nothing at the moment
        self.over = ""  # why it has ended
        self._clock = clock
        self._settings = settings
        self._rng = rng
        self._deposed = deposed
        self._store = Store(nexus, epoch, deposed)
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = clock
        self._ticked = clock.seconds()
        self._deaf_until = 0.0
        self._settling: IDelayedCall | None = None
        self._submissions: dict[str, Work[Job]] = {}
        self._admissions: dict[str, Work[Agent]] = {}
        self._writing: set[Job] = set()  # whose state or end is being written
        self._unrecorded: dict[Job, None] = {}  # whose finished indexes could not be written
        self._waiting: list[Deferred[None]] = []

    async def begin(self) -> None:
        """Read what the nexus knows; from then on, reign. Fails as `Store.load` does."""
        loaded = await self._store.load()
        now = self._clock.seconds()
        self.cluster = Cluster.begin(
            epoch=self.epoch,
            reign=f"{self.epoch}-{self._rng.getrandbits(32):08x}",
            settings=self._settings,
            jobs=loaded.jobs,
            endpoints=loaded.endpoints,
            now=now,
        )
        self.lines = Lines(self._line_changed)
        self._queries = Queries(self._clock, self.epoch, self.lines, self._merge, self._deposed)
        self._courier = Courier(
            clock=self._clock,
            cluster=self.cluster,
            lines=self.lines,
            may_act=lambda: not self.suspended,
            changed=self.changed,
            stale=self._deposed,
        )
        if self.over:
            return
        self._ticked = now
        self._ticks.start(TICK_S, now=False)
        self.changed()

    def end(self, reason: str) -> None:
        """Decide nothing more, tell nobody anything more, answer whoever waits."""
        if self.over:
            return
        self.over = reason
        if self._ticks.running:
            self._ticks.stop()
            self._queries.stop()
            self._courier.stop()
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(GalaxyError(Status.kNotLeader, f"the reign is over: {reason}"))

    def resume(self) -> None:
        """The doubt is over."""
        self.suspended = ""
        self.cluster.fleet.excuse(self._clock.seconds())
        self.cluster.reconsider()
        self.changed()

    # -- jobs -------------------------------------------------------------------------

    def submit(self, asked: JobDescriptor, request_id: str) -> Deferred[Job]:
        """The job that a submission makes, or made when it was asked for before."""
        made = self.cluster.jobs.requested(request_id) if request_id else None
        if made is not None:
            done: Deferred[Job] = Deferred()
            done.callback(made)
            return done
        work = self._submissions.get(request_id)
        if work is None:
            work = Work(Deferred.fromCoroutine(self._submit(asked, request_id)))
            if request_id:
                self._keep(self._submissions, request_id, work)
        return work.wait()

    async def _submit(self, asked: JobDescriptor, request_id: str) -> Job:
        jobs = self.cluster.jobs
        check_submission(jobs, asked)
        job_id = names.job_id(asked.name, self._rng.getrandbits(48))
        job = new_job(job_id, asked, request_id, self._clock.seconds())
        jobs.reserve(job.name, job_id)
        try:
            await self._store.save(new_job_puts(job))
        finally:
            jobs.release(job.name, job_id)
        jobs.add(job)
        self.cluster.journal.job(job, job.state, "submitted", job.user, self._clock.seconds())
        self.changed()
        return job

    def terminate(self, job: Job, actor: str) -> Deferred[None]:
        """End a job; fires when that is on record. Stopping its pods follows."""
        return Work(Deferred.fromCoroutine(self._terminate(job, actor))).wait()

    async def _terminate(self, job: Job, actor: str) -> None:
        await self._take_state(job, kJobTerminated, "killed", actor)

    async def _take_state(self, job: Job, state: JobState, reason: str, actor: str) -> None:
        """Write a job's next state down, then take it. Nothing to do if it has it."""
        if job.state == state:
            return
        now = self._clock.seconds()
        end_time = now if state in ENDED else job.end_time
        await self._store.save(
            [job_put(job, state=state, reason=reason, update_time=now, end_time=end_time)]
        )
        # Two may have asked; the later in the nexus is the one that was asked for later.
        if job.state != state and self.cluster.jobs.get(job.job_id) is job:
            turn(self.cluster.journal, job, state, reason, actor, now)
            self.cluster.note_end(job)
            self.changed()

    # -- agents -----------------------------------------------------------------------

    async def heard(self, request: HeartBeatRequest, peer: IPeer) -> tuple[float, bool]:
        """A heartbeat: the interval until the next, and whether the facts should come with it."""
        agent = self.cluster.fleet.find(request.endpoint)
        if agent is None:
            agent = await self._admit(request.endpoint)
        cluster, now = self.cluster, self._clock.seconds()
        if agent.state in {kAgentStateUnset, kInit, kDead}:
            cluster.fleet.turn(cluster.journal, agent, kAlive, "its heartbeat came", now)
            self.changed()
        interval_s = cluster.fleet.beat(agent, now)
        self.lines.heard(agent, peer)
        if request.HasField("facts"):
            cluster.fleet.learn(cluster.journal, agent, request.facts)
            self.changed()
        agent.announced = (request.instance, request.revision)
        if not self.suspended:
            self._queries.heard(agent)
            self._courier.attend(agent)
        return interval_s, not agent.total.millicores

    def _admit(self, endpoint: str) -> Deferred[Agent]:
        work = self._admissions.get(endpoint)
        if work is None:
            work = Work(Deferred.fromCoroutine(self._write_admission(endpoint)))
            self._keep(self._admissions, endpoint, work)
        return work.wait()

    async def _write_admission(self, endpoint: str) -> Agent:
        await self._store.save([agent_put(endpoint, self._clock.seconds())])
        return self.cluster.fleet.admit(endpoint, self._clock.seconds())

    def _keep(self, works: dict[str, Work[Any]], key: str, work: Work[Any]) -> None:
        """Remember a work while it lasts."""
        works[key] = work

        def forget(_: object) -> None:
            del works[key]

        work.wait().addBoth(forget)

    def _line_changed(self, agent: Agent) -> None:
        self.cluster.journal.moved[agent] = None
        if agent.connected:
            self.cluster.journal.room = True
        self.changed()

    def _merge(self, agent: Agent, report: QueryResponse) -> None:
        if self.over or agent.state == kDead:
            return
        merged = merge(self.cluster, agent, report, self._clock.seconds())
        for job in merged.finished:
            self._record_finished(job)
        self.changed()

    # -- what must be written because of what happened --------------------------------

    def _record_finished(self, job: Job) -> None:
        """Write the indexes down that a job's agents say have finished; then believe it."""
        done = Deferred.fromCoroutine(self._write_finished(job, frozenset(job.finishing)))
        done.addErrback(self._failed_to_write, job, self._unrecorded)

    async def _write_finished(self, job: Job, indexes: Iterable[int]) -> None:
        await self._store.save(finished_puts(job, indexes))
        finish(self.cluster, job, indexes, self._clock.seconds())
        self.changed()

    def _write_down(self, balance: Balance) -> None:
        for job, lack in balance.ended:
            self._once(job, self._end_job(job, lack))
        for job in balance.forgotten:
            self._once(job, self._forget(job))

    def _once(self, job: Job, work: Any) -> None:
        """Do this for a job unless something is being done for it; failed, it comes up again."""
        if job in self._writing:
            work.close()
            return
        self._writing.add(job)

        def done(result: object) -> object:
            self._writing.discard(job)
            return result

        writing = Deferred.fromCoroutine(work).addBoth(done)
        writing.addErrback(self._failed_to_write, job, self.cluster.journal.jobs)

    async def _end_job(self, job: Job, lack: Shortfall) -> None:
        assert lack.state is not None
        await self._take_state(job, lack.state, lack.why, "master")

    async def _forget(self, job: Job) -> None:
        await self._store.save(job_deletes(job))
        self.cluster.drop(job)

    def _failed_to_write(self, failure: Any, job: Job, again: dict[Job, None]) -> None:
        failure.trap(GalaxyError)
        self._log.warn(
            "job {job_id}: {error}; it will be tried again", job_id=job.job_id, error=failure.value
        )
        again[job] = None  # the next tick sees it

    # -- time ---------------------------------------------------------------------------

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
        for agent in self.cluster.fleet.missing(now):
            silence = f"nothing heard of it for {now - agent.heard:.1f} s"
            self.cluster.bury(agent, silence, now)
        self.cluster.give_up(set(self.cluster.overdue(now)))
        unrecorded, self._unrecorded = self._unrecorded, {}
        for job in unrecorded:
            self._record_finished(job)
        self._let_go_of_ended(now)
        self.changed()

    def _let_go_of_ended(self, now: float) -> None:
        """Delete the job that ended first, if that is long ago: one a tick is fast enough."""
        job = self.cluster.first_ended()
        if job is not None and job.end_time + self._settings.finished_job_keep_s <= now:
            self._once(job, self._forget(job))

    def changed(self) -> None:
        """Something has changed: see to it soon, once for all that changes meanwhile."""
        if self._settling is None and not self.over:
            self._settling = self._clock.callLater(0, self._settle)

    def _settle(self) -> None:
        self._settling = None
        if self.suspended:
            return
        cluster = self.cluster
        before = cluster.queue.revision
        self._write_down(cluster.settle(self._clock.seconds()))
        outgoing, cluster.journal.outgoing = cluster.journal.outgoing, {}
        for agent in outgoing:
            self._courier.attend(agent)
        for happening in cluster.journal.take_happenings(self._clock.seconds()):
            self._tell(happening)
        if cluster.queue.revision != before:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                waiter.callback(None)

    def _tell(self, happening: Happening) -> None:
        where = happening.job_id or happening.endpoint
        self._log.info(
            "{kind} {where}: {before} -> {after}, {count} {reason} ({actor})",
            kind=happening.kind,
            where=where,
            before=happening.before,
            after=happening.after,
            count=f"{len(happening.pods)} pods" if happening.pods else "",
            reason=happening.reason,
            actor=happening.actor,
        )

    # -- schedulers that wait ------------------------------------------------------------

    async def news(self, revision: int, wait_s: float) -> None:
        """Wait until the queue is not at that revision any more, at most so long."""
        if self.cluster.queue.revision != revision or wait_s <= 0:
            return
        waiter: Deferred[None] = Deferred(self._forget_waiter)
        self._waiting.append(waiter)
        timer = self._clock.callLater(wait_s, self._waited, waiter)
        try:
            await waiter
        finally:
            if timer.active():
                timer.cancel()

    def _waited(self, waiter: Deferred[None]) -> None:
        self._forget_waiter(waiter)
        waiter.callback(None)

    def _forget_waiter(self, waiter: Deferred[None]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
