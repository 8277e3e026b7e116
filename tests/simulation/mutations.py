"""
Agents, and an ensemble, with a fault built in, to show that the simulation would see it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from galaxy.agent.orders import KillOrder
from galaxy.agent.records import PodKey
from galaxy.agent.service import AgentAnswers
from galaxy.nexus.interfaces import Change, Put, Unavailable
from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    KillPodsResponse,
    LogChunk,
    QueryRequest,
    QueryResponse,
    ReadLogRequest,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
)
from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import StoredJob
from galaxy.protocol.services import IAgent
from galaxy.stored import JOBS, SAFE_MODE
from tests.scenario.processes import ProcessClock
from tests.simulation.witness import ENDED, WatchedEnsemble, killed, launched
from tests.simulation.world import Build, Disk

LATER_S = 0.5


@implementer(IAgent)
@frozen(eq=False)
class _Plain:
    """An agent as it is; what is to be wrong with it is overridden."""

    answers: AgentAnswers

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        return await self.answers.query(request, call)

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        return await self.answers.run_pods(request, call)

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        return await self.answers.kill_pods(request, call)

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        return await self.answers.show_pods(request, call)

    async def read_log(
        self, request: ReadLogRequest, call: Call, send: Callable[[LogChunk], Awaitable[None]]
    ) -> None:
        await self.answers.read_log(request, call, send)


class Credulous(_Plain):
    """Takes every command for one of the highest reign."""

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Obey."""
        return await self.answers.run_pods(request, self._raised(call))

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """Obey."""
        return await self.answers.kill_pods(request, self._raised(call))

    def _raised(self, call: Call) -> Call:
        return evolve(call, epoch=max(call.epoch, self.answers.runner.book.epoch))


class Forgetful(_Plain):
    """Begins an attempt anew whenever it is told to run it, though it has it."""

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Run, whatever runs already."""
        runner = self.answers.runner
        had: list[PodKey] = [key for key in launched(request) if key in runner.book.pods]
        if had:
            await runner.kill(KillOrder(call.epoch, had, "it is to be run again"))
        return await self.answers.run_pods(request, call)


class Overzealous(_Plain):
    """Ends whatever is at a slot, also if an earlier attempt was meant."""

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """End the latest, too."""
        runner = self.answers.runner
        latest = filter(None, map(runner.book.latest, killed(request)))
        await runner.kill(KillOrder(call.epoch, [pod.key for pod in latest], "they were meant"))
        return await self.answers.kill_pods(request, call)


class Hoarding(_Plain):
    """Keeps what it granted to a pod, also when that is gone."""

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """End pods, and grant them anew what those had that are gone."""
        accounts = self.answers.runner.book.accounts
        held = {key: accounts.grants[key] for key in killed(request) if key in accounts.grants}
        response = await self.answers.kill_pods(request, call)
        for key, grant in held.items():
            if key not in accounts.grants:
                accounts.restore(key, grant)
        return response


def _answers_first(clock: ProcessClock, rng: Random) -> Disk:
    """A disk that says it has written what it will write later."""

    def write(work: Callable[[], Any]) -> Deferred[Any]:
        clock.callLater(LATER_S, partial(_try, work))
        return succeed(None)

    return write


def _try(work: Callable[[], Any]) -> None:
    try:
        work()
    except Unavailable:
        return  # nobody listens any more


class NotWritten(WatchedEnsemble):
    """Takes what has ended of a job for written, and does not write it."""

    def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """Apply the others."""
        super().commit([each for each in changes if not each.key.startswith(ENDED)], epoch)


class NotHeld(WatchedEnsemble):
    """Takes it for written that safe mode was entered, and does not write it."""

    def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """Apply the others."""
        super().commit([each for each in changes if each.key != SAFE_MODE], epoch)


class NotNoted(WatchedEnsemble):
    """Takes it for written which requests have changed a job, and does not write it."""

    def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """Apply the rest."""
        super().commit(list(map(_unnoted, changes)), epoch)


def _unnoted(change: Change) -> Change:
    if not isinstance(change, Put) or not change.key.startswith(f"{JOBS}/"):
        return change
    job = StoredJob.FromString(change.value)
    job.ClearField("requests")
    return evolve(change, value=job.SerializeToString())


class NotFenced(WatchedEnsemble):
    """Takes what is written in a reign that is over."""

    def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """Apply all."""
        super().commit(changes, max(epoch, self.epoch))
        self.witness.wrote(epoch, self.epoch)


NO_EPOCHS = Build(answers=Credulous)
ANSWERS_FIRST = Build(disk=_answers_first)
HOARDING = Build(answers=Hoarding)
NOT_IDEMPOTENT = Build(answers=Forgetful)
OVERZEALOUS = Build(answers=Overzealous)
NOT_WRITTEN = Build(ensemble=NotWritten)
NOT_HELD = Build(ensemble=NotHeld)
NOT_NOTED = Build(ensemble=NotNoted)
NOT_FENCED = Build(ensemble=NotFenced)
