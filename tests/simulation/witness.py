"""
Who watches a run: stands where agents are commanded, where processes start, where the
nexus is written, and knows the laws.

Laws told of here (all are safety; liveness is in `tests.simulation.convergence`):

* an agent that obeyed a reign obeys no earlier one;
* what an agent acknowledged to have taken is on its disk, until it is told to forget;
* one attempt at a slot begins once, and on one machine;
* what runs until it is stopped is stopped by order alone;
* two attempts at a slot never run side by side on one machine;
* what runs on a machine fits into it;
* an index that the nexus has as ended is not begun again;
* the nexus takes nothing from a reign that is over;
* in safe mode by hand nothing is begun or ended, whoever leads.

More laws: `tests.simulation.laws`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.agent.records import PodKey
from galaxy.gce.record import ProcessId
from galaxy.master.stored import read_finished
from galaxy.nexus.interfaces import Change, Put
from galaxy.nexus.memory import MemoryEnsemble
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
from galaxy.protocol.interfaces import IListening, INetwork, IPeer
from galaxy.protocol.methods import Served
from galaxy.protocol.services import AGENT, IAgent
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello
from galaxy.stored import FINISHED
from tests.simulation.history import History

Slot = tuple[str, int]

ENDED = f"{FINISHED}/"
"""Below this the nexus has the indexes that have ended."""

REPEATED = 0.1
"""The share of the commands to run pods that come twice, as after a lost answer."""

REPEATED_WITHIN_S = 3.0

LATE_S = 20.0
"""A command that was given before an index ended arrives within this time."""


def attempt_of(process: ProcessId) -> PodKey:
    """The attempt at a slot that a process belongs to."""
    job_id, index, incarnation, _task = process.container.rsplit(".", 3)
    return PodKey(job_id, int(index), int(incarnation))


@frozen(eq=False)
class Command:
    """A command that an agent obeyed, to be repeated when its reign is over."""

    epoch: int
    request: RunPodsRequest | KillPodsRequest
    call: Call


@define(eq=False)
class Seen:
    """What was seen of one machine. It outlives its agent."""

    endpoint: str
    millicores: int
    epoch: int = 0  # the highest that was obeyed
    taken: dict[PodKey, float] = field(factory=dict)  # acknowledged, not to be forgotten
    killed: set[PodKey] = field(factory=set)  # to be forgotten, as soon as it may
    commands: list[Command] = field(factory=list)
    begun: set[ProcessId] = field(factory=set)
    running: set[ProcessId] = field(factory=set)  # of those that end by order alone, when last seen
    answers: IAgent | None = None  # of the agent that lives


@define(eq=False)
class Witness:
    """The laws, and what must be remembered to see them kept."""

    history: History
    now: Callable[[], float]
    millicores: Callable[[str], int]  # what one pod of a job may use
    ended: dict[Slot, float] = field(factory=dict)
    places: dict[PodKey, str] = field(factory=dict)
    held: int | None = None  # safe mode, by hand: later reigns than this command nothing
    stale: int = 0  # commands of earlier reigns that were refused

    def began(self, seen: Seen, process: ProcessId, running: Sequence[ProcessId]) -> None:
        """A main process starts on a machine, beside those that run there."""
        key, where = attempt_of(process), seen.endpoint
        self.history.note("start", f"{process.container} {process.name} on {where}")
        if process in seen.begun:
            self.history.breach(f"{process.container} {process.name} began twice on {where}")
        seen.begun.add(process)
        elsewhere = self.places.setdefault(key, where)
        if elsewhere != where:
            self.history.breach(f"{key.name} began on {elsewhere} and on {where}")
        slot = key.job_id, key.index
        pods = {attempt_of(other) for other in running}
        for other in sorted(pods):
            if (other.job_id, other.index) == slot and other != key:
                self.history.breach(f"{other.name} runs on {where} as {key.name} begins there")
        used = sum(self.millicores(each.job_id) for each in pods | {key})
        if used > seen.millicores:
            self.history.breach(f"{where} has {seen.millicores} millicores, {used} are used")
        ended = self.ended.get(slot)
        taken = seen.taken.get(key)
        if ended is not None and taken is not None and taken > ended + LATE_S:
            self.history.breach(
                f"{key.name} began, though its index ended {self.now() - ended} s ago"
            )

    def look(self, seen: Seen, running: set[ProcessId]) -> None:
        """These run on a machine now, that end by order alone."""
        for process in sorted(seen.running - running, key=str):
            if attempt_of(process) not in seen.killed:
                self.history.breach(f"{process.container} was ended, and nobody ordered it")
        seen.running = running

    def committed(self, changes: Sequence[Change]) -> None:
        """The nexus has these changes for good."""
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(ENDED):
                job_id = change.key.split("/")[1]
                for index in sorted(set().union(*read_finished(change.value))):
                    if (job_id, index) not in self.ended:
                        self.ended[job_id, index] = self.now()
                        self.history.note("ended", f"{job_id}.{index}")

    def wrote(self, epoch: int, highest: int) -> None:
        """The nexus took what was written in a reign, when another was the highest."""
        if 0 < epoch < highest:
            self.history.breach(f"somebody wrote in epoch {epoch}, after epoch {highest}")

    def remembers(self, seen: Seen, written: set[str]) -> None:
        """An agent's disk holds these pods."""
        for key in sorted(seen.taken):
            if key.name not in written:
                del seen.taken[key]
                self.history.breach(
                    f"{seen.endpoint} took {key.name} and does not know it any more"
                )

    def commanded(self, seen: Seen, epoch: int) -> None:
        """A command comes, of that reign."""
        if self.held is not None and epoch > self.held:
            self.history.breach(f"{seen.endpoint} got a command of epoch {epoch} in safe mode")

    def obeyed(self, seen: Seen, command: Command, highest: int) -> None:
        """A command was carried out that came when `highest` had been obeyed."""
        if command.epoch < highest:
            self.history.breach(
                f"{seen.endpoint} obeyed epoch {command.epoch} after epoch {highest}"
            )
        seen.epoch = max(seen.epoch, command.epoch)
        seen.commands.append(command)

    def repeat(self, seen: Seen, rng: Random) -> bool:
        """Have a command of an earlier reign arrive once more; False if there is none."""
        old = [command for command in seen.commands if command.epoch < seen.epoch]
        if not old or seen.answers is None:
            return False
        command, highest = rng.choice(old), seen.epoch
        answers: Any = seen.answers
        self.history.note(
            "stale", f"{seen.endpoint} hears a command of epoch {command.epoch} again"
        )

        async def send() -> None:
            try:
                if isinstance(command.request, RunPodsRequest):
                    await answers.run_pods(command.request, command.call)
                else:
                    await answers.kill_pods(command.request, command.call)
            except GalaxyError:
                self.stale += 1
            else:
                self.obeyed(seen, command, highest)

        Deferred.fromCoroutine(send())
        return True


class WatchedEnsemble(MemoryEnsemble):
    """Tells a witness what is committed."""

    witness: Witness

    def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """Apply all or raise."""
        super().commit(changes, epoch)
        self.witness.wrote(epoch, self.epoch)
        self.witness.committed(changes)


@implementer(IAgent)
@frozen(eq=False)
class WatchedAgent:
    """An agent's answers, under the eyes of a witness; now and then a command comes twice."""

    answers: Any  # IAgent
    seen: Seen
    witness: Witness
    rng: Random
    clock: Clock
    look: Callable[[], None]  # what the machine has and does now is compared with the laws

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """As the agent does."""
        response: QueryResponse = await self.answers.query(request, call)
        return response

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """As the agent does; what it took is remembered."""
        self.look()
        self.witness.commanded(self.seen, call.epoch)
        highest = self.seen.epoch
        if call.epoch >= highest:
            for key in launched(request):
                self._replaced(key)
        response: RunPodsResponse = await self.answers.run_pods(request, call)
        refused = {(each.job_id, each.index, each.incarnation) for each in response.refusals}
        for each in response.refusals:
            name = f"{each.job_id}.{each.index}.{each.incarnation}"
            self.witness.history.note("refused", f"{name} by {self.seen.endpoint}: {each.reason}")
        for key in launched(request):
            if (key.job_id, key.index, key.incarnation) not in refused:
                self._took(key)
        self.witness.obeyed(self.seen, Command(call.epoch, request, call), highest)
        if self.rng.random() < REPEATED and not refused:
            Deferred.fromCoroutine(self._repeated(request, call)).addErrback(self._fault)
        return response

    async def _repeated(self, request: RunPodsRequest, call: Call) -> None:
        """The same command again, unless another was given meanwhile that undoes it."""
        await deferLater(self.clock, self.rng.uniform(0.0, REPEATED_WITHIN_S))
        seen = self.seen
        if seen.answers is None or seen.answers is not self.answers or seen.epoch > call.epoch:
            return
        if not all(key in seen.taken for key in launched(request)):
            return
        self.witness.history.note("repeat", f"{seen.endpoint} is told once more what to run")
        try:
            again: RunPodsResponse = await self.answers.run_pods(request, call)
        except GalaxyError as error:
            self.witness.history.note("refused", f"by {seen.endpoint}: {error}")
            return
        for each in again.refusals:
            self.witness.history.note("refused", f"by {seen.endpoint}: {each.reason}")

    def _fault(self, failure: Failure) -> None:
        self.witness.history.breach(f"a repeated command: {failure.getErrorMessage()}")

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """As the agent does; what it is to forget is no longer expected of it."""
        self.look()
        self.witness.commanded(self.seen, call.epoch)
        highest = self.seen.epoch
        if call.epoch >= highest:
            for key in killed(request):
                self.seen.killed.add(key)
                self.seen.taken.pop(key, None)
        response: KillPodsResponse = await self.answers.kill_pods(request, call)
        self.witness.obeyed(self.seen, Command(call.epoch, request, call), highest)
        return response

    async def _ended_again(self, command: Command, key: PodKey) -> None:
        """What was to end before an attempt began is to end once more: that attempt is not."""
        await deferLater(self.clock, self.rng.uniform(0.0, REPEATED_WITHIN_S))
        if self.seen.answers is not self.answers or self.seen.epoch > command.epoch:
            return
        words = f"{self.seen.endpoint} is told once more what to end before {key.name}"
        self.witness.history.note("repeat", words)
        answers: Any = self.answers
        try:
            await answers.kill_pods(command.request, command.call)
        except GalaxyError as error:
            self.witness.history.note("refused", f"by {self.seen.endpoint}: {error}")

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """As the agent does."""
        response: ShowPodsResponse = await self.answers.show_pods(request, call)
        return response

    async def read_log(
        self, request: ReadLogRequest, call: Call, send: Callable[[LogChunk], Awaitable[None]]
    ) -> None:
        """As the agent does."""
        await self.answers.read_log(request, call, send)

    def _replaced(self, key: PodKey) -> None:
        """An attempt is ordered: earlier ones at its slot are to be stopped for it."""
        seen = self.seen
        for other in {*seen.taken, *map(attempt_of, seen.begun)}:
            if (other.job_id, other.index) == (key.job_id, key.index) and other < key:
                seen.killed.add(other)
                seen.taken.pop(other, None)

    def _took(self, key: PodKey) -> None:
        # Again: an earlier attempt may have been acknowledged after this one was ordered.
        self._replaced(key)
        if key not in self.seen.taken and key not in self.seen.killed:
            self.witness.history.note("take", f"{key.name} by {self.seen.endpoint}")
            self.seen.taken[key] = self.witness.now()
            self._follow(key)

    def _follow(self, key: PodKey) -> None:
        """An attempt is taken: what ended one before it at its slot arrives again, late."""
        ends = [command for command in self.seen.commands if _ends_before(command, key)]
        if ends:
            Deferred.fromCoroutine(self._ended_again(ends[-1], key)).addErrback(self._fault)


@implementer(INetwork)
@frozen(eq=False)
class WatchedNetwork:
    """The network as an agent has it: what it serves is watched."""

    network: INetwork
    watch: Callable[[Any], IAgent]

    def listen(self, address: str, hello: Hello, serve: Sequence[Served]) -> Deferred[IListening]:
        """Listen."""
        return self.network.listen(address, hello, self._watched(serve))

    def dial(self, address: str, hello: Hello, serve: Sequence[Served] = ()) -> Deferred[IPeer]:
        """Dial."""
        return self.network.dial(address, hello, self._watched(serve))

    def _watched(self, serve: Sequence[Served]) -> list[Served]:
        return [
            Served(AGENT, self.watch(each.implementation)) if each.service is AGENT else each
            for each in serve
        ]


def launched(request: RunPodsRequest) -> Iterator[PodKey]:
    """The attempts that a request is to run."""
    for launch in request.launches:
        for index, incarnation in zip(launch.index, launch.incarnation, strict=True):
            yield PodKey(launch.job_id, index, incarnation)


def killed(request: KillPodsRequest) -> Iterator[PodKey]:
    """The attempts that a request is to end."""
    for kill in request.kills:
        for index, incarnation in zip(kill.index, kill.incarnation, strict=True):
            yield PodKey(kill.job_id, index, incarnation)


def _ends_before(command: Command, key: PodKey) -> bool:
    """Whether it is to end an earlier attempt at the slot of this one."""
    request = command.request
    return isinstance(request, KillPodsRequest) and any(
        (other.job_id, other.index) == (key.job_id, key.index) and other < key
        for other in killed(request)
    )
