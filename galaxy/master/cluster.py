"""
The picture of the whole, as one reign has it: jobs, machines, what waits. Pure.

It is rebuilt at the beginning of each reign from the nexus and from the agents'
reports, and dropped at its end. The shell calls `settle` after every change and
carries out what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from attrs import define, field, frozen

from galaxy.master import safemode
from galaxy.master.agents import Agent
from galaxy.master.ailments import Ailments
from galaxy.master.amend import Amendment, amend
from galaxy.master.claims import Claims
from galaxy.master.directory import Directory
from galaxy.master.events import Journal
from galaxy.master.fleet import Fleet
from galaxy.master.jobs import ENDED, HOLDING, Job
from galaxy.master.losses import Losses
from galaxy.master.movements import Movements
from galaxy.master.pods import Event, change, create, have_stopped, vanish, wake
from galaxy.master.progress import progress
from galaxy.master.queue import Queue
from galaxy.master.reconcile import Ignorance, Shortfall, shortfall
from galaxy.master.remains import Remains
from galaxy.master.safemode import SafeMode
from galaxy.master.system import find_homes, settle_home
from galaxy.protocol.agent_pb2 import QueryResponse
from galaxy.protocol.master_pb2 import StoredAgent, StoredLabel, StoredSafeMode
from galaxy.protocol.types_pb2 import AgentState, kAlive, kDead, kInit
from galaxy.settings import MasterSettings

INCARNATIONS_PER_EPOCH = 1 << 10


def last_incarnation_before(epoch: int) -> int:
    """
    The incarnation after which a slot's first in this reign comes.

    A reign may have to place a slot of which it knows only that it should exist,
    because the agent that has it is silent. Its number must be higher than any
    that an earlier reign gave, so that of two copies it is clear which is the
    later one. So must that of a slot which an agent reports and loses: the reign
    before may have given the slot a later attempt, and have ended that.
    """
    return (max(1, epoch) - 1) * INCARNATIONS_PER_EPOCH


@frozen
class Balance:
    """What settling asks the shell to write down. Each item is repeated until it is done."""

    ended: tuple[tuple[Job, Shortfall], ...] = ()  # jobs that are to take another state
    forgotten: tuple[Job, ...] = ()  # jobs whose records may go
    amended: tuple[Job, ...] = ()  # jobs whose update makes progress


@define(eq=False)
class Cluster:
    """
    One reign's picture.

    `awaited`: agents known from the nexus that have neither reported nor been
    given up. Whatever they have is not known.
    """

    epoch: int
    reign: str
    settings: MasterSettings
    began: float
    fleet: Fleet
    queue: Queue
    losses: Losses
    ailments: Ailments
    claims: Claims = field(factory=Claims)
    movements: Movements = field(factory=Movements)
    jobs: Directory = field(factory=Directory)
    journal: Journal = field(factory=Journal)
    remains: Remains = field(factory=Remains)
    safe_mode: SafeMode = safemode.OFF
    awaited: set[Agent] = field(factory=set)
    known: int = 0  # agents known from the nexus when the reign began
    given_up: int = 0  # of them
    identity: str = ""  # which cluster this is, as `identity` says; empty: not known yet
    _ended: list[tuple[float, str]] = field(factory=list)  # a heap: (end_time, job_id)
    _resting: list[tuple[float, str, int]] = field(factory=list)  # a heap: (until, job_id, index)

    @classmethod
    def begin(
        cls,
        *,
        epoch: int,
        reign: str,
        settings: MasterSettings,
        jobs: Iterable[Job],
        agents: Iterable[StoredAgent],
        now: float,
        labels: Iterable[StoredLabel] = (),
        manual: StoredSafeMode | None = None,
    ) -> Cluster:
        """The picture at the beginning of a reign: what the nexus knows, and nothing else."""
        fleet = Fleet(settings.agent_timeout_s, settings.heartbeat_s)
        losses = Losses(settings.agent_timeout_s, settings.mass_loss_share)
        ailments = Ailments(settings.mass_loss_share)
        cluster = cls(epoch, reign, settings, now, fleet, Queue(epoch), losses, ailments)
        for job in jobs:
            cluster.jobs.add(job)
            job.earlier = last_incarnation_before(epoch)
            cluster.note_end(job)
            cluster.movements.note(job)
            cluster.journal.jobs[job] = None
        for label in labels:
            fleet.labels.put(label.label, label.endpoints)
        for stored in agents:
            agent = fleet.admit(stored.endpoint, now, stored.admit_time)
            agent.offline = stored.offline
            fleet.turn(cluster.journal, agent, kInit, "known from the nexus", now)
            cluster.awaited.add(agent)
        cluster.known = len(fleet)
        # They have to notice that the master is another, and all come at once.
        patience = 2 * settings.agent_timeout_s + cluster.known / 500
        for agent in cluster.awaited:
            fleet.expect(agent, now + patience)
        cluster.safe_mode = safemode.at_start(cluster.known)
        if manual is not None:
            cluster.safe_mode = safemode.by_hand(manual.actor)
        return cluster

    @property
    def ignorance(self) -> Ignorance:
        """What is known to be unknown."""
        return Ignorance(self.safe_mode.on, bool(self.awaited))

    def is_complete(self, job: Job) -> bool:
        """Whether every slot that the job should have is there, if only as one that waits."""
        return not (self.safe_mode.on or (job.loaded and self.awaited))

    def unheard(self, job: Job) -> int:
        """How many agents that may have pods of it have not reported in this reign."""
        return len(self.awaited) if job.loaded else 0

    # -- who has reported ------------------------------------------------------------

    def reported(self, agent: Agent, now: float) -> None:
        """The agent's pods are known now."""
        self._no_longer_awaited({agent}, now, given_up=False)

    def give_up(self, agents: set[Agent], now: float) -> None:
        """These will not report, as far as one can tell."""
        self._no_longer_awaited(agents, now, given_up=True)

    def _no_longer_awaited(self, agents: set[Agent], now: float, *, given_up: bool) -> None:
        before = len(self.awaited)
        self.awaited -= agents
        if len(self.awaited) == before:
            return
        if given_up:
            self.given_up += before - len(self.awaited)
        reported = self.known - self.given_up - len(self.awaited)
        mode = safemode.revised(
            self.safe_mode, self.known, reported, self.given_up, self.settings.safe_mode_share
        )
        said = f"{reported} of {self.known} agents have reported, {self.given_up} are given up"
        self._take_mode(mode, said, "master", now)
        if not self.awaited:
            self.reconsider()

    # -- safe mode --------------------------------------------------------------------

    def enter_safe_mode(self, actor: str, now: float) -> None:
        """Somebody wants nothing to be started or stopped."""
        mode = safemode.by_hand(actor)
        self._take_mode(mode, mode.reason, actor, now)

    def leave_safe_mode(self, actor: str, now: float) -> None:
        """Somebody knows enough, whatever the master thinks: who is missing is given up."""
        self.losses.forgive(now)
        self._take_mode(safemode.OFF, f"{actor} left it", actor, now)

    def _take_mode(self, mode: SafeMode, reason: str, actor: str, now: float) -> None:
        before, self.safe_mode = self.safe_mode, mode
        if before.cause != mode.cause:
            self.journal.cluster(_mode_name(before), _mode_name(mode), reason, actor, now)
        if before.on != mode.on:
            self.reconsider()

    def reconsider(self) -> None:
        """What is known to be unknown has changed: look at everything once."""
        for job in self.jobs:
            self.journal.jobs[job] = None
        for agent in self.fleet:
            if agent.untold or agent.kills:
                self.journal.outgoing[agent] = None

    # -- machines that fall silent ---------------------------------------------------

    def watch(self, now: float) -> None:
        """
        Give up who has been silent for too long.

        In safe mode nobody is given up, but for those of whom nothing was ever heard
        in this reign: it waits for them.
        """
        mode = self.losses.revised(self.safe_mode, self.fleet, now)
        self._take_mode(mode, mode.reason or "enough of the agents are back", "master", now)
        for agent in self.fleet.missing(now):
            silence = f"nothing heard of it for {now - agent.heard:.1f} s"
            if not self.safe_mode.on or agent in self.awaited:
                self.bury(agent, silence, now)
            elif not agent.missed:
                agent.missed = True
                agent.reason = f"{silence}; in safe mode it is not given up"
                state = AgentState.Name(agent.state)
                self.journal.marked(agent, state, "silent", agent.reason, "master", now)

    def find_again(self, agent: Agent, now: float) -> None:
        """One that was missed, and not given up, is heard again."""
        agent.missed = False
        agent.reason = "its heartbeat came"
        state = AgentState.Name(agent.state)
        self.journal.marked(agent, "silent", state, agent.reason, "master", now)

    def bury(self, agent: Agent, reason: str, now: float) -> None:
        """Give a machine up: what ran there is to run elsewhere, what was leaving has left."""
        if agent.state == kAlive and not agent.offline:
            self.losses.buried(agent)
        agent.missed = False
        self.fleet.turn(self.journal, agent, kDead, reason, now)
        for pod in tuple(agent.pods):
            vanish(self.journal, pod, f"agent {agent.endpoint} is dead: {reason}", now, "master")
        agent.kills.clear()
        agent.strangers.clear()
        agent.described.clear()
        self.count_usage(agent, QueryResponse())
        self.remains.drop(agent.endpoint)
        # Whatever it says when it comes back is news.
        agent.instance, agent.merged, agent.announced = "", 0, ("", 0)
        self.give_up({agent}, now)

    def overdue(self, now: float) -> list[Agent]:
        """Agents that may be awaited no longer, though they are alive: they never reported."""
        if self.awaited and now - self.began >= 10 * self.settings.agent_timeout_s:
            return list(self.awaited)
        return []

    # -- settling ---------------------------------------------------------------------

    def settle(self, now: float) -> Balance:
        """
        Bring every job that changed to what it should be, as far as memory goes.

        Afterwards the queue holds what there is to place, and agents that must be
        told something are in `journal.outgoing`.
        """
        self._heed_machines()
        self.claims.work(self.journal, now, may_place=not self.safe_mode.on)
        ended: dict[Job, Shortfall] = {}
        amended: dict[Job, None] = {}
        forgotten: dict[Job, None] = {}
        ignorance = self.ignorance
        while self.journal.jobs:
            changed, self.journal.jobs = self.journal.jobs, {}
            for job in changed:
                lack = shortfall(job, ignorance)
                self._carry_out(job, lack, now)
                if lack.state is not None:
                    ended[job] = lack
                if lack.forget:
                    forgotten[job] = None
                if not ignorance.safe_mode:
                    if progress(job, now) is not None:
                        amended[job] = None
                    else:
                        self.movements.move(self.journal, job, now)
                    self.queue.update(job)
        for rest in self.journal.resting:
            heappush(self._resting, rest)
        self.journal.resting.clear()
        if self.journal.room:
            self.journal.room = False
            self.queue.room_appeared()
        self.stamp()
        return Balance(tuple(ended.items()), tuple(forgotten), tuple(amended))

    def _carry_out(self, job: Job, lack: Shortfall, now: float) -> None:
        for index in lack.create:
            create(self.journal, job, index, last_incarnation_before(self.epoch), now)
        for index in lack.stop:
            change(self.journal, job.pods[index], Event.STOPPED, lack.why, now)

    def _heed_machines(self) -> None:
        """What has changed of machines may change what jobs want."""
        systems = self.jobs.systems
        alive = self.fleet.count(kAlive)
        for agent in list(self.journal.moved):
            for ailing in self.ailments.heed(agent, alive):
                self.journal.moved[ailing] = None
                self.movements.heed(self.journal, ailing)
            self.movements.heed(self.journal, agent)
            self.claims.heed(agent)
            for job in systems:
                if settle_home(job, agent):
                    self.journal.jobs[job] = None

    def amend(self, job: Job, amendment: Amendment, actor: str, now: float) -> None:
        """What is wanted of a job is on record as another: let it be so."""
        known = job.versions
        amend(self.journal, job, amendment, actor, now)
        find_homes(job, self.fleet)
        if amendment.described_anew or len(known) > len(job.versions):
            for agent in self.fleet:
                agent.described.difference_update(known)
        self.movements.note(job)

    def look_around(self, now: float) -> None:
        """See to what time alone brings: back-offs that are over, pods that are late."""
        if not self.safe_mode.on:
            self.movements.watch(self.journal, now)
        while self._resting and self._resting[0][0] <= now:
            _, job_id, index = heappop(self._resting)
            job = self.jobs.get(job_id)
            pod = job.pods.get(index) if job is not None else None
            if pod is not None:
                wake(self.journal, pod, now)

    def stamp(self) -> None:
        """Let schedulers see what changed of machines."""
        self._heed_machines()
        moved, self.journal.moved = self.journal.moved, {}
        self.fleet.stamp(moved)

    def count_usage(self, agent: Agent, report: QueryResponse) -> None:
        """What an agent measured, instead of what it measured before."""
        agent.used_millicores = report.used_millicores
        agent.used_memory = report.used_memory
        for usages, sign in ((agent.usage.usage, -1), (report.usage, 1)):
            for usage in usages:
                job = self.jobs.get(usage.job_id)
                if job is not None:
                    job.used_millicores += sign * usage.millicores
                    job.used_memory += sign * usage.memory
        agent.usage = QueryResponse(usage=report.usage)

    def note_end(self, job: Job) -> None:
        """Remember when a job ended, if it did."""
        if job.state in ENDED:
            heappush(self._ended, (job.end_time, job.job_id))

    def first_ended(self) -> Job | None:
        """Of the jobs that have ended and are still kept, the one that ended first."""
        while self._ended:
            job = self.jobs.get(self._ended[0][1])
            if job is not None and job.state in ENDED:
                return job
            heappop(self._ended)
        return None

    def drop(self, job: Job, now: float) -> None:
        """A job is no more, in the nexus and here. Pods that were heard of meanwhile are to go."""
        for pod in list(job.pods.values()):
            agent, attempt = pod.agent, (job.job_id, pod.index, pod.incarnation)
            if pod.stage in HOLDING:
                change(self.journal, pod, Event.STOPPED, "the job is no more", now)
            if agent is not None:
                vanish(self.journal, pod, "the job is no more", now)
                have_stopped(self.journal, agent, attempt)
        self.jobs.remove(job)
        self.movements.forget(job)
        self.journal.jobs.pop(job, None)
        for version in job.versions:
            for agent in self.fleet:
                agent.described.discard(version)


def _mode_name(mode: SafeMode) -> str:
    return "safe mode" if mode.on else "normal"
