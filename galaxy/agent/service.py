"""
What the agent answers: IAgent, over the book, the ledger, and the files of pods.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy import names
from galaxy.agent.admission import Order, Refused
from galaxy.agent.console.deeds import Deeds
from galaxy.agent.delivery.artifacts import Artifacts
from galaxy.agent.inthread import InThread
from galaxy.agent.orders import KillOrder, RunOrder
from galaxy.agent.output.logs import read_logs
from galaxy.agent.output.reading import streams
from galaxy.agent.records import PodKey
from galaxy.agent.runner import Runner
from galaxy.agent.status import pod_status
from galaxy.agent.usage import Meter, Used
from galaxy.agent.workspaces import Workspaces, read_evidence
from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    KillPodsResponse,
    LogChunk,
    PodKill,
    PodRefusal,
    PodStatus,
    QueryRequest,
    QueryResponse,
    ReadLogRequest,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
)
from galaxy.protocol.services import IAgent
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kInputError

if TYPE_CHECKING:
    from galaxy.protocol.calls import Call


LONGEST_WITHOUT_SIGHT_S = 3.0  # who asks waits so long for an agent that has just begun

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@implementer(IAgent)
@frozen(eq=False)
class AgentAnswers:
    """Answers masters and people."""

    runner: Runner
    meter: Meter
    workspaces: Workspaces
    in_thread: InThread
    artifacts: Artifacts
    deeds: Deeds
    clock: IReactorTime

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """How the pods stand, or what changed since the caller asked last."""
        await self.runner.heed(call.epoch, request.cluster)
        await self.runner.sighted(LONGEST_WITHOUT_SIGHT_S)
        if call.epoch:  # it is a master, not one who only looks
            self.deeds.heard(request.instance, request.since_revision)
        answer = self.runner.ledger.answer(request.instance, request.since_revision)
        pods = self.runner.book.pods.values()
        used = sum(map(self.meter.of_pod, pods), Used())
        answer.used_millicores = used.millicores
        answer.used_memory = used.memory_bytes
        answer.usage.extend(self.meter.by_job(pods))
        return answer

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Take pods; fires when those taken are on disk."""
        for launch in request.launches:
            check_job_id(launch.job_id)
        orders = [
            Order(PodKey(launch.job_id, index, incarnation), launch.version, launch.generation)
            for launch in request.launches
            for index, incarnation in _pairs(launch.index, launch.incarnation)
        ]
        descriptions = tuple(request.descriptions)
        order = RunOrder(call.epoch, orders, descriptions, cluster=request.cluster)
        return RunPodsResponse(refusals=map(_refusal, await self.runner.run(order)))

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """Have pods stopped; fires when that is on disk."""
        keys = [
            PodKey(kill.job_id, index, incarnation)
            for kill in request.kills
            for index, incarnation in _pairs(kill.index, kill.incarnation)
        ]
        reason = request.reason or "the master said so"
        order = KillOrder(call.epoch, keys, reason, cluster=request.cluster)
        return KillPodsResponse(gone=_kills(await self.runner.kill(order)))

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """Pods in detail."""
        jobs, wanted = set(request.job_ids), set(request.pod_ids)
        everything = not jobs and not wanted

        def means(key: PodKey) -> bool:
            return everything or key.job_id in jobs or key.pod_id in wanted

        book = self.runner.book
        answer = ShowPodsResponse(
            pods=[
                pod_status(
                    pod,
                    book.description(pod),
                    book.spec(pod),
                    picture=self.runner.picture,
                    meter=self.meter,
                    directory=self.workspaces.places(pod.home).directory,
                    fetched=self.artifacts.progress,
                    now=self.clock.seconds(),
                )
                for key, pod in sorted(book.pods.items())
                if means(key)
            ]
        )
        if request.dead:
            directories = [home.directory for home in self.workspaces.homes() if means(home.key)]
            for told in await self.in_thread(lambda: list(map(read_evidence, directories))):
                answer.pods.extend(pod for pod in told.pods if _key(pod) not in book.pods)
        return answer

    async def read_log(
        self, request: ReadLogRequest, call: Call, send: Callable[[LogChunk], Awaitable[None]]
    ) -> None:
        """What the tasks of a pod wrote, also of one that was here and is gone."""
        try:
            slot = names.parse_pod_id(request.pod_id)
        except ValueError as error:
            raise GalaxyError(kInputError, str(error)) from error
        check_job_id(slot[0])
        book, follow = self.runner.book, request.follow and not request.previous
        await read_logs(
            streams(book, self.workspaces, slot, request),
            send,
            self.clock,
            tail_lines=max(-1, request.tail_lines),
            goes_on=lambda: follow and slot in book.slots,
        )


def check_job_id(job_id: str) -> None:
    """Ids become names of directories and containers, and lead nowhere else."""
    if not _JOB_ID.fullmatch(job_id):
        raise GalaxyError(
            kInputError,
            f"{job_id[:80]!r} is not a job id: those are letters, digits, '_' and '-', at most 100",
        )


def _key(pod: PodStatus) -> PodKey:
    return PodKey(pod.job_id, pod.index, pod.incarnation)


def _pairs(index: Iterable[int], incarnation: Iterable[int]) -> list[tuple[int, int]]:
    try:
        return list(zip(index, incarnation, strict=True))
    except ValueError as error:
        reason = "there must be as many incarnations as indexes"
        raise GalaxyError(kInputError, reason) from error


def _refusal(refused: Refused) -> PodRefusal:
    return PodRefusal(
        job_id=refused.key.job_id,
        index=refused.key.index,
        incarnation=refused.key.incarnation,
        status=refused.status,
        reason=refused.reason,
    )


def _kills(keys: Iterable[PodKey]) -> list[PodKill]:
    kills: dict[str, PodKill] = {}
    for key in keys:
        kill = kills.setdefault(key.job_id, PodKill(job_id=key.job_id))
        kill.index.append(key.index)
        kill.incarnation.append(key.incarnation)
    return list(kills.values())
