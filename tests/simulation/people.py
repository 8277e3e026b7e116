"""
Simulated users: they ask, and ask again until they are answered.

What they were answered is what must be so in the end (`tests.simulation.convergence`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from galaxy.protocol.master_pb2 import (
    JobOverview,
    ListJobsRequest,
    RestartJobRequest,
    ResumeJobRequest,
    ScaleJobRequest,
    SteerUpdateRequest,
    SubmitJobRequest,
    SuspendJobRequest,
    TerminateJobRequest,
    UpdateJobRequest,
    UpdateSteering,
    kSteerContinue,
    kSteerPause,
    kSteerRollback,
)
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    Status,
    kBatch,
    kJobNormal,
    kLongRun,
    kUpdateSuspend,
)
from galaxy.protocol.wire_pb2 import Hello
from tests.simulation.wishes import Wish, drawn
from tests.simulation.world import MILLICORES, World

T = TypeVar("T")

PATIENCE_S = 3.0  # with one call
PAUSE_S = 0.5
ODDS_OF_AN_END = 0.15
ODDS_OF_A_CHANGE = 0.6
SHARE = 0.75  # of the machines, that all jobs together may ask for
DEFINITE = frozenset(
    {
        *(Status.kInputError, Status.kJobNotFound, Status.kJobSubmitFail, Status.kJobUpdateFail),
        *(Status.kAgentNotFound, Status.kConflict, Status.kPodNotFound),
    }
)


@define(eq=False)
class People:
    """Everybody who has jobs on the cluster."""

    world: World
    rng: Random
    wishes: list[Wish] = field(factory=list)
    _ideas: Iterator[Wish] = field(init=False)
    _steps: int = 0

    def __attrs_post_init__(self) -> None:
        self._ideas = drawn(self.rng, len(self.world.machines))

    def act(self) -> None:
        """Somebody does something."""
        live = [wish for wish in self.wishes if wish.job_id and not wish.doomed and not wish.open]
        chance = self.rng.random()
        if live and chance < ODDS_OF_AN_END:
            self.end(self.rng.choice(live))
        elif live and chance < ODDS_OF_A_CHANGE:
            self.change(self.rng.choice(live))
        else:
            self.submit()

    def submit(self) -> None:
        """Submit one more job, if there would be room."""
        wish = next(self._ideas)
        asked = sum(each.whole for each in [*self.wishes, wish] if not each.ended)
        if asked > SHARE * MILLICORES * len(self.world.machines):
            return
        self.wishes.append(wish)
        self.world.millicores[wish.name] = wish.millicores
        self._note(f"submit {wish.name}: {wish.replica} of {wish.command!r}")
        self._begin(wish, self._submit(wish))

    def change(self, wish: Wish) -> None:
        """Something else is wanted of a job."""
        if wish.suspended:
            self._begin(wish, self._resume(wish))
            return
        ways = [self._suspend]
        if wish.kind != kBatch:
            ways.append(self._restart)
        if wish.kind == kLongRun:
            ways += [self._steer] * 2 if wish.version != "v1" else [self._update] * 3
            # Never after an update, which says how many there are to be.
            if not wish.scaled and wish.version == "v1":
                ways += [self._scale] * 2
        self._begin(wish, self.rng.choice(ways)(wish))

    def end(self, wish: Wish) -> None:
        """Terminate a job."""
        wish.doomed = True
        self._begin(wish, self._end(wish))

    def tend(self, jobs: list[JobOverview]) -> None:
        """See to updates that are held, as their owners do when all else is well."""
        told = {job.job_id: job for job in jobs}
        for wish in self.wishes:
            job = told.get(wish.job_id)
            if job is None or wish.open or wish.doomed or job.state != kJobNormal:
                continue
            if job.update_state == kUpdateSuspend:
                steering = kSteerRollback if job.version == "bad" else kSteerContinue
                self._begin(wish, self._steered(wish, steering))

    async def jobs(self) -> list[JobOverview]:
        """As `galaxy jobs`."""
        return list((await self.ask(lambda master: master.list_jobs(ListJobsRequest()))).jobs)

    def _begin(self, wish: Wish, asking: Awaitable[None]) -> None:
        wish.open += 1

        async def asked() -> None:
            try:
                await asking
            except GalaxyError as error:
                self.world.history.breach(f"{wish.name} was refused: {error}")
            wish.open -= 1

        Deferred.fromCoroutine(asked())

    async def _submit(self, wish: Wish) -> None:
        request = SubmitJobRequest(job=wish.described(), request_id=f"the one of {wish.name}")
        answer = await self.ask(lambda master: master.submit_job(request))
        wish.job_id = answer.job_id
        self._note(f"{wish.name} is {wish.job_id}")

    async def _scale(self, wish: Wish) -> None:
        wish.scaled = True
        wish.replica = self.rng.randint(1, wish.replica + 1)
        self._note(f"scale {wish.name} to {wish.replica}")
        request = ScaleJobRequest(job_id=wish.job_id, replica=wish.replica)
        await self.ask(lambda master: master.scale_job(request))
        self._note(f"{wish.name} is scaled")

    async def _update(self, wish: Wish) -> None:
        self._steps += 1
        wish.version = self.rng.choice(["v2", "v2", "bad"])
        # One that fails, or seems to among so many faults, is taken back.
        kept = {"v1"} if wish.reverts or wish.version == "bad" else set()
        wish.good = frozenset({wish.version, *kept} - {"bad"})
        stop = self.rng.choice([0, 0, 1, 2])
        self._note(f"update {wish.name} to {wish.version}" + (f", stop at {stop}" if stop else ""))
        request = UpdateJobRequest(
            job_id=wish.job_id,
            job=wish.described(),
            breakpoint=stop,
            request_id=f"step {self._steps}",
        )
        await self.ask(lambda master: master.update_job(request))
        self._note(f"{wish.name} is updated")

    async def _steer(self, wish: Wish) -> None:
        ways = [kSteerPause, kSteerContinue, kSteerRollback]
        await self._steered(wish, self.rng.choice(ways))

    async def _steered(self, wish: Wish, steering: UpdateSteering) -> None:
        self._steps += 1
        words = f"{UpdateSteering.Name(steering)[6:].lower()} {wish.name}"
        self._note(words)
        request = SteerUpdateRequest(
            job_id=wish.job_id, steering=steering, request_id=f"step {self._steps}"
        )
        if steering == kSteerRollback:
            request.version = "v1"
            wish.good |= {"v1"}
        await self._ask_if_possible(lambda master: master.steer_update(request), words)
        if steering == kSteerRollback:
            wish.good = frozenset({"v1"})

    async def _restart(self, wish: Wish) -> None:
        self._steps += 1
        wish.restarts += 1
        words = f"restart {wish.name}"
        self._note(words)
        request = RestartJobRequest(
            job_id=wish.job_id, step=self.rng.randint(0, 2), request_id=f"step {self._steps}"
        )
        await self._ask_if_possible(lambda master: master.restart_job(request), words)

    async def _suspend(self, wish: Wish) -> None:
        wish.suspended = wish.moving = True
        self._note(f"suspend {wish.name}")
        request = SuspendJobRequest(job_id=wish.job_id)
        await self._ask_if_possible(lambda master: master.suspend_job(request), "suspend")
        self._note(f"{wish.name} is suspended")

    async def _resume(self, wish: Wish) -> None:
        self._note(f"resume {wish.name}")
        request = ResumeJobRequest(job_id=wish.job_id)
        await self._ask_if_possible(lambda master: master.resume_job(request), "resume")
        wish.suspended = False
        self._note(f"{wish.name} is resumed")

    async def _end(self, wish: Wish) -> None:
        self._note(f"kill {wish.name}")
        request = TerminateJobRequest(job_id=wish.job_id)
        try:
            await self.ask(lambda master: master.terminate_job(request))
        except GalaxyError as error:
            if error.status != Status.kJobNotFound:  # a repeat, after a lost answer
                raise
        wish.ended = True
        self._note(f"{wish.name} is killed")

    async def _ask_if_possible(
        self, call: Callable[[MasterStub], Awaitable[object]], words: str
    ) -> None:
        """Ask for what the job may be past: an update that is over, a batch that has ended."""
        try:
            await self.ask(call)
        except GalaxyError as error:
            if error.status != Status.kJobUpdateFail:
                raise
            self._note(f"{words}: {error}")

    async def ask(self, call: Callable[[MasterStub], Awaitable[T]]) -> T:
        """What the leader answers, whoever that is by then."""
        while True:
            try:
                return await self.once(call)
            except GalaxyError as error:
                if error.status in DEFINITE:
                    raise
                await deferLater(self.world.clock, PAUSE_S)

    async def once(self, call: Callable[[MasterStub], Awaitable[T]]) -> T:
        """What the leader answers, if it does so soon."""
        leader = self.world.ensemble.leader
        if leader is None:
            raise GalaxyError(Status.kRpcError, "nobody leads")
        peer = await self.world.network.dial(leader.endpoint, Hello(role="client", name="user"))
        hang_up = self.world.clock.callLater(PATIENCE_S, peer.close, "no patience")
        try:
            return await call(MasterStub(peer))
        finally:
            if hang_up.active():
                hang_up.cancel()
            peer.close("answered")

    def _note(self, words: str) -> None:
        self.world.history.note("user", words)
