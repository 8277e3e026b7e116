"""A master of paper for schedulers, on one clock and a network in memory."""

from __future__ import annotations

import random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.static import StaticDiscovery
from galaxy.protocol.calls import Call
from galaxy.protocol.interfaces import IListening
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.master_pb2 import (
    AgentSnapshot,
    AgentTenants,
    GetPendingJobsRequest,
    GetPendingJobsResponse,
    GetResourceSnapshotRequest,
    GetResourceSnapshotResponse,
    GetVictimsRequest,
    GetVictimsResponse,
    PendingGroup,
    Preemption,
    ProposalAnswer,
    ProposeRequest,
    ProposeResponse,
)
from galaxy.protocol.methods import Served, Service
from galaxy.protocol.services import (
    MASTER_GET_PENDING_JOBS,
    MASTER_GET_RESOURCE_SNAPSHOT,
    MASTER_GET_VICTIMS,
    MASTER_PROPOSE,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Resource, Status
from galaxy.protocol.wire_pb2 import Hello
from galaxy.scheduler.score import Pack
from galaxy.scheduler.service import Scheduler
from tests.scheduler.fleets import GIB, agent

SCHEDULERS = Service(
    "Master",
    (
        MASTER_GET_PENDING_JOBS,
        MASTER_GET_RESOURCE_SNAPSHOT,
        MASTER_GET_VICTIMS,
        MASTER_PROPOSE,
    ),
)


@define(eq=False)
class PaperMaster:
    """Answers from what the test wrote down, and notes what it was asked."""

    clock: Clock
    reign: str = "reign-1"
    pending: list[PendingGroup] = field(factory=list)
    pending_revision: int = 1
    agents: list[AgentSnapshot] = field(factory=list)
    answers: list[list[ProposalAnswer]] = field(factory=list)  # the next ones; then kOk
    refuse: GalaxyError | None = None
    tenants: list[AgentTenants] = field(factory=list)
    claims: list[ProposalAnswer] = field(factory=list)  # the next answers to preemptions; then kOk
    ended: set[str] = field(factory=set)  # jobs that are no more when their victims are asked for
    asked: list[GetVictimsRequest] = field(factory=list)
    polls: list[GetPendingJobsRequest] = field(factory=list)
    snapshots: list[GetResourceSnapshotRequest] = field(factory=list)
    proposals: list[ProposeRequest] = field(factory=list)
    _sleepers: list[Deferred[None]] = field(factory=list)

    def offer(self, *groups: PendingGroup) -> None:
        """Let these wait, and wake who polls."""
        self.pending = list(groups)
        self.pending_revision += 1
        self.wake()

    def wake(self) -> None:
        """End the long polls."""
        sleepers, self._sleepers = self._sleepers, []
        for sleeper in sleepers:
            if not sleeper.called:
                sleeper.callback(None)

    async def get_pending_jobs(
        self, request: GetPendingJobsRequest, call: Call
    ) -> GetPendingJobsResponse:
        """Wait for another revision, until the test wakes the poll or it has been long enough."""
        self.polls.append(request)
        if self.refuse is not None:
            raise self.refuse
        if request.revision == self.pending_revision:
            sleeper: Deferred[None] = Deferred()
            self._sleepers.append(sleeper)
            patience = self.clock.callLater(request.wait_s, self.wake)
            await sleeper
            if patience.active():
                patience.cancel()
        return GetPendingJobsResponse(revision=self.pending_revision, groups=self.pending)

    async def get_resource_snapshot(
        self, request: GetResourceSnapshotRequest, call: Call
    ) -> GetResourceSnapshotResponse:
        """Everything, or nothing new."""
        self.snapshots.append(request)
        full = request.reign != self.reign
        return GetResourceSnapshotResponse(
            reign=self.reign, revision=5, full=full, agents=self.agents if full else []
        )

    async def get_victims(self, request: GetVictimsRequest, call: Call) -> GetVictimsResponse:
        """Whoever the test says could leave."""
        self.asked.append(request)
        if request.job_id in self.ended:
            raise GalaxyError(Status.kJobNotFound, "it has ended meanwhile")
        return GetVictimsResponse(agents=self.tenants)

    async def propose(self, request: ProposeRequest, call: Call) -> ProposeResponse:
        """The written answers, else yes. What was placed waits no more."""
        self.proposals.append(request)
        if request.preemptions:
            return ProposeResponse(preemptions=[self._claim(one) for one in request.preemptions])
        if self.answers:
            return ProposeResponse(answers=self.answers.pop(0))
        placed = {one.job_id for one in request.placements}
        self.pending = [one for one in self.pending if one.job_id not in placed]
        return ProposeResponse(
            answers=[ProposalAnswer(status=Status.kOk)] * len(request.placements)
        )

    def _claim(self, one: Preemption) -> ProposalAnswer:
        return (
            self.claims.pop(0)
            if self.claims
            else ProposalAnswer(status=Status.kOk, accepted=one.count)
        )

    @property
    def preemptions(self) -> list[Preemption]:
        """All that were proposed."""
        return [one for proposal in self.proposals for one in proposal.preemptions]


def waiting(job: str = "j", count: int = 1, cores: int = 1, **more: Any) -> PendingGroup:
    """Pods that wait, as the master tells of them."""
    return PendingGroup(
        job_id=job,
        version="1",
        count=count,
        requirement=Resource(millicores=cores * 1000, memory=GIB),
        **more,
    )


class PaperCase(SynchronousTestCase):
    """A scheduler, not yet started, and the master it will find."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = LoopbackNetwork(self.clock)
        self.masters = {"127.0.0.1:7828": PaperMaster(self.clock, agents=[agent(11), agent(12)])}
        self.master = self.masters["127.0.0.1:7828"]
        self.listening: dict[str, IListening] = {}
        self.listen("127.0.0.1:7828")
        self.scheduler = self.make(["127.0.0.1:7828"])
        self.addCleanup(self.stop)

    def make(self, addresses: list[str], seed: int = 0) -> Scheduler:
        return Scheduler(
            self.clock,
            self.network,
            StaticDiscovery(addresses, self.clock),
            policy=Pack(),
            rng=random.Random(seed),
            name=f"scheduler-{seed}",
        )

    def listen(self, address: str) -> None:
        served = Served(SCHEDULERS, self.masters[address])
        hello = Hello(role="master", name=address)
        self.listening[address] = self.successResultOf(
            self.network.listen(address, hello, [served])
        )

    def stop(self) -> None:
        stopped = self.scheduler.stopService()
        self.advance(1)
        self.successResultOf(stopped)

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)
