"""
The service Master: every method of master.proto, and the master as a Twisted service.

Methods decide nothing themselves: they ask `leader` whether this master may
answer, `reign` to do what must be written, pure functions for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from galaxy.master import overview
from galaxy.master.advisers import Advisers
from galaxy.master.details import NOTHING, ask
from galaxy.master.explain import explain, plan
from galaxy.master.holdings import holdings
from galaxy.master.leader import Leadership
from galaxy.master.operators import OperatorMethods
from galaxy.master.preempt import judge
from galaxy.master.propose import dispose, note_unplaced
from galaxy.master.rank import lowest_rank
from galaxy.master.reign import Reign
from galaxy.master.selection import selected
from galaxy.master.steering import SteeringMethods
from galaxy.master.store import Loaded, Store
from galaxy.master.tenants import tenants
from galaxy.nexus.interfaces import CannotOpen, INexus
from galaxy.protocol.addresses import parse_address
from galaxy.protocol.calls import Call
from galaxy.protocol.interfaces import IListening, INetwork
from galaxy.protocol.master_pb2 import (
    ExplainRequest,
    ExplainResponse,
    GetPendingJobsRequest,
    GetPendingJobsResponse,
    GetResourceSnapshotRequest,
    GetResourceSnapshotResponse,
    GetStatusRequest,
    GetStatusResponse,
    GetVictimsRequest,
    GetVictimsResponse,
    HeartBeatRequest,
    HeartBeatResponse,
    ListAgentsRequest,
    ListAgentsResponse,
    ListJobsRequest,
    ListJobsResponse,
    PlanJobRequest,
    PlanJobResponse,
    ProposeRequest,
    ProposeResponse,
    ShowJobRequest,
    ShowJobResponse,
    ShowPodRequest,
    ShowPodResponse,
    ShowTaskRequest,
    ShowTaskResponse,
    SubmitJobRequest,
    SubmitJobResponse,
    TaskOverview,
    TerminateJobRequest,
    TerminateJobResponse,
)
from galaxy.protocol.methods import Served
from galaxy.protocol.services import MASTER, IMaster
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import MasterSettings

LONGEST_WAIT_S = 60.0


@implementer(IMaster)
class MasterService(OperatorMethods, SteeringMethods):
    """Answers for the service Master."""

    def __init__(self, clock: IReactorTime, leadership: Leadership, build: str) -> None:
        self._clock = clock
        self._leadership = leadership
        self._build = build
        self._advisers = Advisers()

    # -- people ------------------------------------------------------------------------

    async def submit_job(self, request: SubmitJobRequest, call: Call) -> SubmitJobResponse:
        """Take a job on; a repeat with the same request_id answers with what it made."""
        reign = await self._leadership.reigning()
        job = await reign.scribe.submit(request.job, request.request_id, call.peer.hello.name)
        return SubmitJobResponse(job_id=job.job_id, version=job.versions[0].name)

    async def terminate_job(self, request: TerminateJobRequest, call: Call) -> TerminateJobResponse:
        """End a job. Its pods are stopped afterwards, without a scheduler."""
        reign = await self._leadership.reigning()
        job = reign.cluster.jobs.resolve(request.job_id)
        await reign.scribe.terminate(job, call.peer.hello.name)
        return TerminateJobResponse(job_id=job.job_id)

    async def list_jobs(self, request: ListJobsRequest, call: Call) -> ListJobsResponse:
        """Every job that is kept, in the order of submission."""
        reign = await self._leadership.informed()
        cluster = reign.cluster
        return ListJobsResponse(
            jobs=[overview.job_overview(job, cluster.unheard(job)) for job in cluster.jobs]
        )

    async def show_job(self, request: ShowJobRequest, call: Call) -> ShowJobResponse:
        """One job in full."""
        reign = await self._leadership.informed()
        job = reign.cluster.jobs.resolve(request.job_id)
        return overview.job_in_full(job, reign.cluster.unheard(job))

    async def show_pod(self, request: ShowPodRequest, call: Call) -> ShowPodResponse:
        """Pods of a job or an agent, with what their agents say of them."""
        reign = await self._leadership.informed()
        job_word, dead = request.job_id or request.name, request.dead
        cluster = reign.cluster
        found = selected(cluster, job_word, request.endpoint, request.pod_id, dead=dead)
        details = NOTHING
        if not request.brief:
            details = await ask(reign.lines, cluster.fleet, found, dead=dead)
        return ShowPodResponse(
            pods=[
                *(overview.pod_overview(pod, details.of(pod)) for pod in found.left()),
                *(overview.dead_pod(cluster, at, status) for at, status in details.dead),
                *map(overview.remains, details.untold(found.dead)),
            ],
            silent_agents=details.silent,
        )

    async def show_task(self, request: ShowTaskRequest, call: Call) -> ShowTaskResponse:
        """The tasks of pods of a job or an agent, as their agents tell of them."""
        reign = await self._leadership.informed()
        found = selected(
            reign.cluster, request.job_id, request.endpoint, request.pod_id, dead=request.dead
        )
        details = await ask(reign.lines, reign.cluster.fleet, found, dead=request.dead)
        told = [
            (pod.agent.endpoint, status)
            for pod in found.pods
            if pod.agent is not None and (status := details.of(pod)) is not None
        ]
        return ShowTaskResponse(
            tasks=[
                TaskOverview(
                    pod_id=status.pod_id,
                    endpoint=endpoint,
                    status=task,
                    incarnation=status.incarnation,
                    dead=status.dead,
                )
                for endpoint, status in [*told, *details.dead]
                for task in status.tasks
            ],
            silent_agents=details.silent,
        )

    async def list_agents(self, request: ListAgentsRequest, call: Call) -> ListAgentsResponse:
        """Every agent that was ever admitted."""
        reign = await self._leadership.informed()
        return ListAgentsResponse(
            agents=[overview.agent_overview(agent) for agent in reign.cluster.fleet]
        )

    async def get_status(self, request: GetStatusRequest, call: Call) -> GetStatusResponse:
        """The whole in one answer."""
        standbys = await self._leadership.standbys()
        reign = await self._leadership.informed()
        leader = self._leadership.endpoint
        answer = overview.status(reign.cluster, leader, self._build)
        answer.standbys.extend(standbys)
        answer.doubt = reign.suspended
        answer.cluster = reign.cluster.identity
        answer.strangers.extend(sorted(reign.identity.strangers))
        return answer

    async def explain(self, request: ExplainRequest, call: Call) -> ExplainResponse:
        """Why a job or a pod is where it is."""
        reign = await self._leadership.informed()
        return await explain(reign, self._advisers, request.target, self._clock.seconds())

    async def plan_job(self, request: PlanJobRequest, call: Call) -> PlanJobResponse:
        """What this job file would do."""
        reign = await self._leadership.informed()
        return await plan(reign, self._advisers, request.job, self._clock.seconds())

    # -- agents ------------------------------------------------------------------------

    async def heart_beat(self, request: HeartBeatRequest, call: Call) -> HeartBeatResponse:
        """An agent lives, and says at which revision it is."""
        reign = await self._leadership.informed()
        if not request.instance:
            raise GalaxyError(Status.kInputError, "a heartbeat names the agent's instance")
        try:
            parse_address(request.endpoint)
        except ValueError as error:
            raise GalaxyError(Status.kInputError, str(error)) from error
        interval_s, send_facts = await reign.heard(request, call.peer)
        return HeartBeatResponse(interval_s=interval_s, send_facts=send_facts)

    # -- schedulers --------------------------------------------------------------------

    async def get_pending_jobs(
        self, request: GetPendingJobsRequest, call: Call
    ) -> GetPendingJobsResponse:
        """What waits for a machine; waits itself while there is nothing new."""
        reign = await self._leadership.reigning()
        self._advisers.heard(call.peer)
        await reign.news(request.revision, min(request.wait_s, LONGEST_WAIT_S))
        queue = reign.cluster.queue
        groups = queue.groups(self._clock.seconds(), lowest_rank(reign.cluster.jobs))
        return GetPendingJobsResponse(
            revision=queue.revision, groups=groups, holdings=holdings(reign.cluster.jobs, groups)
        )

    async def get_resource_snapshot(
        self, request: GetResourceSnapshotRequest, call: Call
    ) -> GetResourceSnapshotResponse:
        """The machines that changed since a revision; all of them in another reign."""
        reign = await self._leadership.reigning()
        cluster, now = reign.cluster, self._clock.seconds()
        cluster.stamp()
        full = request.reign != cluster.reign or not request.since_revision
        changed = cluster.fleet.changed_since(0 if full else request.since_revision)
        return GetResourceSnapshotResponse(
            reign=cluster.reign,
            revision=cluster.fleet.revision,
            full=full,
            agents=[agent.snapshot(now) for agent in changed],
        )

    async def propose(self, request: ProposeRequest, call: Call) -> ProposeResponse:
        """Check each placement, take what can be."""
        reign = await self._leadership.reigning()
        now = self._clock.seconds()
        answers = [
            dispose(reign.cluster, request.reign, placement, now)
            for placement in request.placements
        ]
        preemptions = [
            judge(reign.cluster, request.reign, preemption, now)
            for preemption in request.preemptions
        ]
        for unplaced in request.unplaced:
            note_unplaced(reign.cluster, unplaced)
        reign.changed()
        return ProposeResponse(answers=answers, preemptions=preemptions)

    async def get_victims(self, request: GetVictimsRequest, call: Call) -> GetVictimsResponse:
        """Who may be displaced for a group."""
        reign = await self._leadership.reigning()
        return tenants(reign.cluster, request, self._clock.seconds())


class Master(Service):
    """
    One master: listens, stands for election, answers.

    `listening` fires with the bound address once it listens, or fails with
    CannotOpen or OSError. The nexus is opened when the service starts, and
    closed when it stops.
    """

    _log = Logger()

    def __init__(  # noqa: PLR0917 - collaborators, each once
        self,
        clock: IReactorTime,
        network: INetwork,
        open_nexus: Callable[[], INexus],
        settings: MasterSettings,
        rng: Random,
        build: str,
    ) -> None:
        self.setName("master")
        self.leadership = Leadership(clock, self._make_reign, self._doubted)
        self._clock = clock
        self._network = network
        self._open_nexus = open_nexus
        self._nexus: INexus | None = None
        self._settings = settings
        self._rng = rng
        self._service = MasterService(clock, self.leadership, build)
        self._hello = Hello(role="master", name=settings.listen, build=build)
        self._port: IListening | None = None
        self.listening: Deferred[str] = Deferred()

    def startService(self) -> None:
        """Listen, then stand for election under the address that was bound."""
        super().startService()
        try:
            self._nexus = self._open_nexus()
        except CannotOpen:
            self.listening.errback()
            return
        served = [Served(MASTER, self._service)]
        port = self._network.listen(self._settings.listen, self._hello, served)
        port.addCallback(self._listens, self._nexus).chainDeferred(self.listening)

    def stopService(self) -> Deferred[None]:
        """Resign, then hang up, then close the nexus."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self.leadership.stop()
        if self._port is not None:
            await self._port.stop()
        if self._nexus is not None:
            await self._nexus.close()

    def _listens(self, port: IListening, nexus: INexus) -> str:
        self._port = port
        self._log.info("listening on {address}", address=port.address)
        if self.running:
            self.leadership.start(nexus, port.address)
        return port.address

    def _doubted(self, reason: str) -> None:
        """Who dials from now on is told, and may ask another master first."""
        self._hello.doubt = reason

    def _make_reign(
        self, epoch: int, store: Store, loaded: Loaded, let_go: Callable[[str], None]
    ) -> Reign:
        return Reign(
            clock=self._clock,
            store=store,
            loaded=loaded,
            settings=self._settings,
            epoch=epoch,
            rng=self._rng,
            let_go=let_go,
        )
