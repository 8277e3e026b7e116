"""
The scheduler at work: asks what waits, plans, proposes, learns from the answers.

The one module here that awaits. All of its knowledge is a `Picture`, which it
may lose at any moment; the master decides what becomes true.

Note: the reactor is not held
    Planning, and reading large messages, is cut into slices of some ten
    milliseconds, with a turn of the reactor between them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.nexus.following import pause_s
from galaxy.nexus.interfaces import IDiscovery
from galaxy.protocol.interfaces import INetwork
from galaxy.protocol.master_pb2 import (
    GetPendingJobsRequest,
    GetResourceSnapshotRequest,
    GetResourceSnapshotResponse,
    PendingGroup,
)
from galaxy.protocol.methods import Served
from galaxy.protocol.services import SCHEDULER, MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Hello
from galaxy.scheduler.displacing import Displacing
from galaxy.scheduler.dryrun import DryRuns
from galaxy.scheduler.groups import Group, group_from_message, holding_from_message
from galaxy.scheduler.leader import LeaderLink
from galaxy.scheduler.picture import Picture
from galaxy.scheduler.plan import Plan, Planning, Unplaced
from galaxy.scheduler.score import Policy

_IDLE_WAIT_S = 20.0
_UNPLACED_WAIT_S = 1.0  # something waits for room: look again, even untold
_DEADLINE_S = 10.0
_SLICE_PODS = 10_000
_SLICE_WORK = 1_000
_SLICE_MESSAGES = 2_000

T = TypeVar("T")


class Scheduler(Service):
    """
    One scheduler. Any number may run, against the same master.

    `name` tells them apart in the master's log. `rng` breaks ties and blurs
    waits; the clock is asked for delays only.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        network: INetwork,
        discovery: IDiscovery,
        *,
        policy: Policy,
        rng: random.Random,
        name: str = "scheduler",
        build: str = "",
    ) -> None:
        self.setName("scheduler")
        self.picture = Picture(policy, rng)
        self.rounds = 0
        self._clock = clock
        self._rng = rng
        hello = Hello(role="scheduler", name=name, build=build)
        served = [Served(SCHEDULER, DryRuns(self.picture))]
        self._link = LeaderLink(clock, network, discovery, hello, rng, serve=served)
        self._loop: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Begin to look for work."""
        super().startService()
        self._link.start()
        self._loop = Deferred.fromCoroutine(self._run())

    def stopService(self) -> Deferred[None]:
        """Stop at once: what was proposed is the master's, the rest is nobody's."""
        super().stopService()
        self._link.stop()
        self._loop.cancel()
        return self._loop.addErrback(_trap_cancelled)

    async def _run(self) -> None:
        while self.running:
            peer = await self._link.connect()
            try:
                await self._serve(MasterStub(peer))
            except CancelledError:
                raise
            except GalaxyError as error:
                self._start_over(error)
            except Exception as error:  # noqa: BLE001 -- a fault of ours; the next round may do
                self._log.failure("the scheduler failed, and starts over")
                self._start_over(error)

    def _start_over(self, error: Exception) -> None:
        self.picture.begin("")
        if self.running:
            self._link.give_up(error)

    async def _serve(self, master: MasterStub) -> None:
        """Round after round, until something fails."""
        revision, wait_s, refusals = 0, _IDLE_WAIT_S, 0
        displacing = Displacing(self._clock, self.picture)
        while True:
            pending = await master.get_pending_jobs(
                GetPendingJobsRequest(revision=revision, wait_s=wait_s),
                deadline_s=wait_s + _DEADLINE_S,
            )
            self._link.works()
            await self._refresh(master)
            groups = await self._groups(pending.groups)
            planning = Planning(
                self.picture.placer, groups, map(holding_from_message, pending.holdings)
            )
            refused, unplaced = await self._round(master, planning)
            await displacing.make_room(master, groups, unplaced)
            self.rounds += 1
            self.picture.contended(refused)
            revision = pending.revision
            wait_s = _UNPLACED_WAIT_S if unplaced or refused else _IDLE_WAIT_S
            refusals = refusals + 1 if refused else 0
            if refused:  # what was refused still waits, though nobody will say so
                revision = 0
                pause = pause_s(refusals, 1.0, self._rng.random())
                await deferLater(self._clock, min(pause, _UNPLACED_WAIT_S))

    async def _refresh(self, master: MasterStub) -> None:
        """Bring the picture up to date."""
        picture = self.picture
        response: GetResourceSnapshotResponse = await master.get_resource_snapshot(
            GetResourceSnapshotRequest(reign=picture.reign, since_revision=picture.revision),
            deadline_s=_DEADLINE_S,
        )
        if response.full or response.reign != picture.reign:
            picture.begin(response.reign)
        for agents in _slices(response.agents, _SLICE_MESSAGES):
            picture.learn(agents)
            await self._breathe(len(response.agents) > _SLICE_MESSAGES)
        picture.revision = response.revision

    async def _groups(self, messages: Sequence[PendingGroup]) -> list[Group]:
        groups: list[Group] = []
        for part in _slices(messages, _SLICE_MESSAGES):
            groups.extend(map(group_from_message, part))
            await self._breathe(len(messages) > _SLICE_MESSAGES)
        self.picture.forget_all_but((group.job_id, group.version) for group in groups)
        return groups

    async def _round(self, master: MasterStub, planning: Planning) -> tuple[int, list[Unplaced]]:
        """Place what can be; returns how many pods were refused, and what found no place."""
        refused = 0
        unplaced: list[Unplaced] = []
        complete = False
        while not complete:
            plan = planning.slice(_SLICE_PODS, _SLICE_WORK)
            complete = plan.complete
            unplaced.extend(plan.unplaced)
            refused += await self._propose(master, plan)
        return refused, unplaced

    async def _propose(self, master: MasterStub, plan: Plan) -> int:
        """Let the master dispose of a plan; returns how many pods it refused."""
        proposal = self.picture.proposal(plan)
        if not proposal.placements and not proposal.unplaced:
            await self._breathe(not plan.complete)
            return 0
        response = await master.propose(proposal, deadline_s=_DEADLINE_S)
        if len(response.answers) != len(plan.placed):
            raise GalaxyError(
                Status.kUnknown,
                f"{len(plan.placed)} placements were answered {len(response.answers)} times",
            )
        refused = self.picture.settle(plan.placed, response.answers)
        if refused:
            reasons = sorted({answer.reason for answer in response.answers if answer.reason})
            self._log.info(
                "{refused} of {pods} pods were refused: {reasons}",
                refused=refused,
                pods=plan.pods,
                reasons="; ".join(reasons[:3]),
            )
        return refused

    async def _breathe(self, wanted: bool) -> None:
        """Give the reactor a turn."""
        if wanted:
            await deferLater(self._clock, 0)


def _slices(whole: Sequence[T], size: int) -> list[Sequence[T]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _trap_cancelled(failure: Failure) -> Any:
    failure.trap(CancelledError, GalaxyError)
