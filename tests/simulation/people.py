"""
Simulated users: they ask, and ask again until they are answered.

What they were answered is what must be so in the end (`tests.simulation.convergence`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from galaxy.protocol.master_pb2 import (
    JobOverview,
    ListJobsRequest,
    ScaleJobRequest,
    SubmitJobRequest,
    TerminateJobRequest,
    UpdateJobRequest,
)
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import JobDescriptor, JobType, Status, kBatch, kLongRun
from galaxy.protocol.wire_pb2 import Hello
from tests.scenario.jobs import job
from tests.simulation.world import ENDLESS, MILLICORES, World

T = TypeVar("T")

PATIENCE_S = 3.0  # with one call
PAUSE_S = 0.5
ODDS_OF_AN_END = 0.2
ODDS_OF_A_CHANGE = 0.5
ODDS_OF_A_SCALE = 0.5
SHARE = 0.6  # of the machines, that all jobs together may ask for
DEFINITE = frozenset({Status.kInputError, Status.kJobNotFound, Status.kJobUpdateFail})


@define(eq=False)
class Wish:
    """A job as its owner wants it, and what was acknowledged of it."""

    name: str
    kind: JobType
    replica: int
    command: str
    millicores: int
    job_id: str = ""
    doomed: bool = False  # its end was asked for
    ended: bool = False  # and acknowledged
    version: str = "v1"
    scaled: bool = False  # once only: the repeat of a call may be late, and undo a later one
    open: int = 0  # questions without an answer

    def described(self) -> JobDescriptor:
        """The job as its owner writes it down."""
        return job(
            self.name,
            replica=self.replica,
            kind=self.kind,
            command=self.command,
            millicores=self.millicores,
            version=self.version,
        )

    @property
    def whole(self) -> int:
        """The millicores of all its pods."""
        return self.replica * self.millicores


@define(eq=False)
class People:
    """Everybody who uses the cluster."""

    world: World
    rng: Random
    wishes: list[Wish] = field(factory=list)

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
        batch = self.rng.random() < 0.4
        commands = ["sleep 1", "sleep 4", "sleep 9", "exit 0", "exit 3"]
        wish = Wish(
            f"{'batch' if batch else ENDLESS}{len(self.wishes)}",
            kBatch if batch else kLongRun,
            self.rng.randint(1, 4),
            self.rng.choice(commands) if batch else "serve",
            self.rng.choice([250, 500, 1000]),
        )
        asked = sum(each.whole for each in [*self.wishes, wish] if not each.ended)
        if asked > SHARE * MILLICORES * len(self.world.machines):
            return
        self.wishes.append(wish)
        self.world.millicores[wish.name] = wish.millicores
        self._note(f"submit {wish.name}: {wish.replica} of {wish.command!r}")
        self._begin(wish, self._submit(wish))

    def change(self, wish: Wish) -> None:
        """Scale a job, or bring it to another version; never the former after the latter."""
        if wish.kind != kLongRun or wish.version != "v1":
            return
        if not wish.scaled and self.rng.random() < ODDS_OF_A_SCALE:
            wish.scaled = True
            wish.replica = self.rng.randint(1, wish.replica + 1)
            self._note(f"scale {wish.name} to {wish.replica}")
            self._begin(wish, self._scale(wish))
        else:
            wish.version = "v2"
            self._note(f"update {wish.name}")
            self._begin(wish, self._update(wish))

    def end(self, wish: Wish) -> None:
        """Terminate a job."""
        wish.doomed = True
        self._note(f"kill {wish.name}")
        self._begin(wish, self._end(wish))

    async def jobs(self) -> list[JobOverview]:
        """As `galaxy jobs`."""
        return list((await self._ask(lambda master: master.list_jobs(ListJobsRequest()))).jobs)

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
        answer = await self._ask(lambda master: master.submit_job(request))
        wish.job_id = answer.job_id
        self._note(f"{wish.name} is {wish.job_id}")

    async def _scale(self, wish: Wish) -> None:
        request = ScaleJobRequest(job_id=wish.job_id, replica=wish.replica)
        await self._ask(lambda master: master.scale_job(request))
        self._note(f"{wish.name} is scaled")

    async def _update(self, wish: Wish) -> None:
        request = UpdateJobRequest(job_id=wish.job_id, job=wish.described())
        await self._ask(lambda master: master.update_job(request))
        self._note(f"{wish.name} is updated")

    async def _end(self, wish: Wish) -> None:
        request = TerminateJobRequest(job_id=wish.job_id)
        try:
            await self._ask(lambda master: master.terminate_job(request))
        except GalaxyError as error:
            if error.status != Status.kJobNotFound:  # a repeat, after a lost answer
                raise
        wish.ended = True
        self._note(f"{wish.name} is killed")

    async def _ask(self, call: Callable[[MasterStub], Awaitable[T]]) -> T:
        """What the leader answers, whoever that is by then."""
        while True:
            try:
                return await self._once(call)
            except GalaxyError as error:
                if error.status in DEFINITE:
                    raise
                await deferLater(self.world.clock, PAUSE_S)

    async def _once(self, call: Callable[[MasterStub], Awaitable[T]]) -> T:
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
