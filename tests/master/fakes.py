"""An agent and a scheduler that do as they are told, over a real (loopback) wire."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, LoopingCall
from zope.interface import implementer

from galaxy import names
from galaxy.protocol.agent_pb2 import (
    Description,
    KillPodsRequest,
    KillPodsResponse,
    PodGroup,
    PodLaunch,
    PodRefusal,
    PodStatus,
    QueryRequest,
    QueryResponse,
    ReadLogRequest,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
    TaskStatus,
)
from galaxy.protocol.calls import Call
from galaxy.protocol.interfaces import INetwork, IPeer
from galaxy.protocol.master_pb2 import (
    GetPendingJobsRequest,
    GetResourceSnapshotRequest,
    HeartBeatRequest,
    Placement,
    ProposeRequest,
    ProposeResponse,
)
from galaxy.protocol.methods import Served
from galaxy.protocol.services import AGENT, IAgent, MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import AgentFacts, PodState, Status, kPodDeploying, kPodRunning
from galaxy.protocol.wire_pb2 import Hello
from tests.master.examples import facts


@define
class Attempt:
    """A pod on a fake agent."""

    job_id: str
    index: int
    incarnation: int
    version: str
    generation: int = 0
    state: PodState = kPodDeploying
    healthy: bool = False
    revision: int = 0


@implementer(IAgent)
@define(eq=False)
class FakeAgent:
    """
    A machine. `pods` is what it runs; it outlives the agent's `instance`.

    `commands` are the calls it got, by name, `obeyed` the clusters that they named.
    `refuse` is answered to every launch.
    `deaf`: the names of calls that it does not answer.
    """

    clock: Clock
    endpoint: str
    said: AgentFacts = field(factory=facts)
    instance: str = "i1"
    revision: int = 1
    pods: dict[tuple[str, int], Attempt] = field(factory=dict)
    removed: list[Attempt] = field(factory=list)
    descriptions: dict[tuple[str, str], Description] = field(factory=dict)
    commands: list[str] = field(factory=list)
    launches: list[tuple[str, int, int]] = field(factory=list)
    epoch: int = 0
    obeyed: set[str] = field(factory=set)
    refuse: PodRefusal | None = None
    slow_to_die: bool = False
    deaf: set[str] = field(factory=set)
    interval_s: float = 0.0
    peer: IPeer | None = None
    beats: LoopingCall | None = None

    async def connect(self, network: INetwork, address: str) -> None:
        """Find the master and begin to beat."""
        self.hang_up()
        hello = Hello(role="agent", name=self.endpoint)
        self.peer = await network.dial(address, hello, [Served(AGENT, self)])
        self.beats = LoopingCall(self._beat)
        self.beats.clock = self.clock
        self.beats.start(1.0)

    def hang_up(self) -> None:
        """Say nothing more."""
        if self.beats is not None and self.beats.running:
            self.beats.stop()
        if self.peer is not None:
            self.peer.close("the test says so")
        self.beats = self.peer = None

    def restart(self) -> None:
        """Be another instance, with the same pods."""
        self.hang_up()
        self.instance += "'"
        self.revision = 1
        self.removed.clear()
        for pod in self.pods.values():
            pod.revision = 1

    def _beat(self) -> None:
        assert self.peer is not None
        request = HeartBeatRequest(
            endpoint=self.endpoint,
            instance=self.instance,
            revision=self.revision,
            facts=self.said,
        )
        answer = MasterStub(self.peer).heart_beat(request)

        def answered(response: Any) -> None:
            self.interval_s = response.interval_s

        answer.addCallbacks(answered, lambda failure: failure.trap(GalaxyError) and None)

    def advance(
        self,
        state: PodState,
        *,
        healthy: bool = False,
        job_id: str = "",
        index: int | None = None,
    ) -> None:
        """Every pod (of that job, of that index) is in that state now; say so at once."""
        for pod in self.pods.values():
            if job_id in {"", pod.job_id} and index in {None, pod.index}:
                self._news(pod)
                pod.state, pod.healthy = state, healthy
        if self.peer is not None:
            self._beat()

    def run_all(self) -> None:
        """Every pod runs, and is well."""
        self.advance(kPodRunning, healthy=True)

    def lose(self, job_id: str, index: int) -> None:
        """A pod is not there any more."""
        pod = self.pods.pop((job_id, index))
        self._news(pod)
        self.removed.append(pod)
        if self.peer is not None:
            self._beat()

    def _news(self, pod: Attempt) -> None:
        self.revision += 1
        pod.revision = self.revision

    def _obey(
        self, call: Call, request: QueryRequest | RunPodsRequest | KillPodsRequest, command: str
    ) -> None:
        self.commands.append(command)
        self.obeyed.add(request.cluster)
        if call.epoch < self.epoch:
            raise GalaxyError(Status.kStaleEpoch, f"epoch {self.epoch} was seen")
        self.epoch = call.epoch

    async def _hear(self, command: str) -> None:
        if command in self.deaf:
            await Deferred()

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """Answer Agent.Query."""
        self._obey(call, request, "query")
        await self._hear("query")
        full = request.instance != self.instance or not request.since_revision
        since = 0 if full else request.since_revision
        return QueryResponse(
            instance=self.instance,
            revision=self.revision,
            full=full,
            groups=[_group(pod) for pod in self.pods.values() if pod.revision > since],
            removed=[] if full else [_group(pod) for pod in self.removed if pod.revision > since],
        )

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Answer Agent.RunPods."""
        self._obey(call, request, "run")
        await self._hear("run")
        response = RunPodsResponse()
        for description in request.descriptions:
            self.descriptions[description.job_id, description.version] = description
        for launch in request.launches:
            for index, incarnation in zip(launch.index, launch.incarnation, strict=True):
                refusal = self._launch(launch, index, incarnation)
                if refusal is not None:
                    response.refusals.append(refusal)
        return response

    def _launch(self, launch: PodLaunch, index: int, incarnation: int) -> PodRefusal | None:
        job_id, version = launch.job_id, launch.version
        refusal = PodRefusal(job_id=job_id, index=index, incarnation=incarnation)
        if self.refuse is not None:
            refusal.status, refusal.reason = self.refuse.status, self.refuse.reason
            return refusal
        if (job_id, version) not in self.descriptions:
            refusal.status, refusal.reason = Status.kNotFound, "no description"
            return refusal
        there = self.pods.get((job_id, index))
        if there is not None and there.incarnation < incarnation:
            self._news(there)
            self.removed.append(there)
            there = None
        if there is None:
            pod = Attempt(job_id, index, incarnation, version, launch.generation)
            self.pods[job_id, index] = pod
            self.launches.append((job_id, index, incarnation))
            self._news(pod)
        elif there.incarnation != incarnation:
            refusal.status, refusal.reason = Status.kConflict, "another attempt is there"
            return refusal
        return None

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """Answer Agent.KillPods."""
        self._obey(call, request, "kill")
        await self._hear("kill")
        response = KillPodsResponse()
        for kill in request.kills:
            gone = response.gone.add(job_id=kill.job_id)
            for index, incarnation in zip(kill.index, kill.incarnation, strict=True):
                pod = self.pods.get((kill.job_id, index))
                if pod is not None and pod.incarnation == incarnation:
                    if self.slow_to_die:
                        continue
                    del self.pods[kill.job_id, index]
                    self._news(pod)
                    self.removed.append(pod)
                gone.index.append(index)
                gone.incarnation.append(incarnation)
        return response

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """Details of pods and their tasks."""
        await self._hear("show")
        response = ShowPodsResponse()
        for pod in self.pods.values():
            pod_id = names.pod_id(pod.job_id, pod.index)
            if pod_id in request.pod_ids:
                task = TaskStatus(task_id=names.task_id(pod_id, 0), pid=4711)
                response.pods.append(
                    PodStatus(
                        pod_id=pod_id, incarnation=pod.incarnation, state=pod.state, tasks=[task]
                    )
                )
        return response

    async def read_log(self, request: ReadLogRequest, call: Call, send: Any) -> None:
        """Answer Agent.ReadLog."""
        raise GalaxyError(Status.kNotFound, "a fake keeps no logs")


def _group(pod: Attempt) -> PodGroup:
    return PodGroup(
        job_id=pod.job_id,
        version=pod.version,
        state=pod.state,
        healthy=pod.healthy,
        index=[pod.index],
        incarnation=[pod.incarnation],
        generation=pod.generation,
    )


async def schedule(stub: MasterStub) -> ProposeResponse:
    """One round of the simplest scheduler: fill the agents in order."""
    pending = await stub.get_pending_jobs(GetPendingJobsRequest())
    snapshot = await stub.get_resource_snapshot(GetResourceSnapshotRequest())
    request = ProposeRequest(reign=snapshot.reign)
    room = {
        agent.agent: agent.total_millicores - agent.assigned_millicores
        for agent in snapshot.agents
        if agent.schedulable
    }
    for group in pending.groups:
        left = group.count
        placement = Placement(job_id=group.job_id, version=group.version)
        for agent in sorted(room):
            count = min(left, room[agent] // group.requirement.millicores)
            if count:
                placement.agent.append(agent)
                placement.count.append(count)
                room[agent] -= count * group.requirement.millicores
                left -= count
        if placement.agent:
            request.placements.append(placement)
    return await stub.propose(request)
