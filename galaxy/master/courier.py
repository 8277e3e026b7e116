"""
Tells agents what to run and what to stop, until they have answered.

One command at a time to an agent, stops before starts, so that what arrives is
in the order it was meant. What was not answered stays to be told, and goes again
with a later heartbeat; (job, index, incarnation) makes a repeat harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from galaxy.master.agents import Agent, Attempt
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Version, description
from galaxy.master.lines import Lines, Pool
from galaxy.master.pods import Pod
from galaxy.master.refusals import note
from galaxy.master.report import refuse, remove
from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    PodKill,
    PodLaunch,
    RunPodsRequest,
    RunPodsResponse,
)
from galaxy.protocol.services import AgentStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kDead, kStageRunning

IN_FLIGHT = 64
BATCH_PODS = 2000
BATCH_DESCRIPTION_BYTES = 12 << 20


class Courier:
    """
    RunPods and KillPods.

    `may_act()`: whether the reign is not in doubt. `changed()` is called when an
    answer changed the picture; `stale(agent)` when an agent has seen a later reign.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        clock: IReactorTime,
        cluster: Cluster,
        lines: Lines,
        may_act: Callable[[], bool],
        changed: Callable[[], None],
        stale: Callable[[Agent], None],
    ) -> None:
        self._clock = clock
        self._cluster = cluster
        self._lines = lines
        self._may_act = may_act
        self._changed = changed
        self._stale = stale
        self._stopped = False
        self._pool = Pool("commands", IN_FLIGHT, self._deliver)

    def attend(self, agent: Agent) -> None:
        """Tell the agent what it is to be told, if it can and may be told now."""
        if agent.untold or agent.kills:
            self._pool.want(agent)

    def stop(self) -> None:
        """Tell nobody anything more."""
        self._stopped = True
        self._pool.stop()

    def _may_tell(self, agent: Agent) -> bool:
        # Before its report is merged it is not known what the agent has.
        return not (
            self._stopped
            or not self._may_act()
            or self._cluster.safe_mode.on
            or not agent.instance
            or agent.state == kDead
        )

    async def _deliver(self, agent: Agent) -> None:
        try:
            while self._may_tell(agent):
                stub = self._lines.stub(agent)
                if stub is None:
                    return
                if agent.kills:
                    await self._kill(stub, agent)
                elif not (agent.untold and await self._run(stub, agent)):
                    return
        except GalaxyError as error:
            self._log.info(
                "agent {endpoint} did not take a command: {error}",
                endpoint=agent.endpoint,
                error=error,
            )
            for pod in agent.untold:
                pod.reason = f"agent {agent.endpoint} has not taken it yet: {error}"
            if error.status == Status.kStaleEpoch:
                self._stale(agent)

    async def _kill(self, stub: AgentStub, agent: Agent) -> None:
        attempts = frozenset(sorted(agent.kills)[:BATCH_PODS])
        request = _kill_request(attempts)
        request.cluster = self._cluster.identity
        response = await stub.kill_pods(request, epoch=self._cluster.epoch)
        agent.kills -= attempts
        now = self._clock.seconds()
        for gone in response.gone:
            if len(gone.index) != len(gone.incarnation):
                raise GalaxyError(Status.kAgentError, "its answer makes no sense")
            remove(self._cluster, agent, gone.job_id, gone.index, gone.incarnation, now)
        self._changed()

    async def _run(self, stub: AgentStub, agent: Agent) -> bool:
        """Whether to go on: False when the rest should wait for a heartbeat."""
        batch, request = launches(agent)
        if not batch:
            return bool(agent.untold)
        told = {each: each.description for each in batch if each not in agent.described}
        request.cluster = self._cluster.identity
        response = await stub.run_pods(request, epoch=self._cluster.epoch)
        refused = {(each.job_id, each.index, each.incarnation) for each in response.refusals}
        if agent.instance:
            # Not those that are to be described anew by now.
            agent.described |= {each for each, said in told.items() if each.description is said}
        for pods in batch.values():
            for pod, incarnation in pods:
                if (pod.job.job_id, pod.index, incarnation) in refused:
                    continue
                if pod.incarnation == incarnation and pod.agent is agent:
                    agent.untold.discard(pod)
                    agent.takeovers.pop(pod, None)
                    pod.version.refusals.pop(agent, None)
        sent = {(each.job_id, each.version) for each in request.descriptions}
        again = self._refused(agent, sent, response)
        self._changed()
        return again

    def _refused(self, agent: Agent, sent: set[tuple[str, str]], response: RunPodsResponse) -> bool:
        now = self._clock.seconds()
        again = True
        for refusal in response.refusals:
            job = self._cluster.jobs.get(refusal.job_id)
            pod = job.pods.get(refusal.index) if job is not None else None
            if pod is None or pod.agent is not agent or pod.incarnation != refusal.incarnation:
                continue
            version = pod.job.job_id, pod.version.name
            if refusal.status == Status.kNotFound and version not in sent:
                agent.described.discard(pod.version)
            elif refusal.status == Status.kConflict:
                again = False  # an earlier attempt of the slot is still leaving
            else:
                note(pod.version, agent, refusal.reason, now)
                refuse(self._cluster, agent, pod, refusal.reason, now)
        return again


Batch = dict[Version, list[tuple[Pod, int]]]
"""Pods by version, each with the incarnation that is meant."""


def launches(agent: Agent) -> tuple[Batch, RunPodsRequest]:
    """What an agent is to run and has not taken yet, as far as one request goes."""
    batch: Batch = {}
    request = RunPodsRequest()
    weight = 0
    # In an order of their own: sets of pods have none that a simulation could repeat.
    for pod in sorted(agent.untold, key=_slot)[:BATCH_PODS]:
        if pod.stage != kStageRunning or pod.agent is not agent:
            agent.untold.discard(pod)
            continue
        version = pod.version
        if version not in batch:
            if version not in agent.described:
                told = description(pod.job, version)
                weight += told.ByteSize()
                if request.descriptions and weight > BATCH_DESCRIPTION_BYTES:
                    continue
                request.descriptions.append(told)
            batch[version] = []
        batch[version].append((pod, pod.incarnation))
    for version, pods in batch.items():
        for generation in sorted({pod.generation for pod, _ in pods}):
            alike = [(pod, number) for pod, number in pods if pod.generation == generation]
            request.launches.append(
                PodLaunch(
                    job_id=pods[0][0].job.job_id,
                    version=version.name,
                    index=[pod.index for pod, _ in alike],
                    incarnation=[incarnation for _, incarnation in alike],
                    generation=generation,
                )
            )
    return batch, request


def _slot(pod: Pod) -> tuple[str, int]:
    return pod.job.job_id, pod.index


def _kill_request(attempts: Iterable[Attempt]) -> KillPodsRequest:
    request = KillPodsRequest()
    by_job: dict[str, PodKill] = {}
    for job_id, index, incarnation in sorted(attempts):
        kill = by_job.get(job_id)
        if kill is None:
            kill = by_job[job_id] = request.kills.add(job_id=job_id)
        kill.index.append(index)
        kill.incarnation.append(incarnation)
    return request
