"""
One machine under test: a real agent over a loopback network, memory gce, and a Clock.

`Machine.call` plays the master; `kill()` and `start()` are kill -9 and a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.agent.agent import Agent
from galaxy.agent.console.memory import MemoryChannels
from galaxy.agent.delivery.fetch import ISource
from galaxy.agent.delivery.sources import FileSource
from galaxy.agent.gce_link import IGceSpawner
from galaxy.agent.machine import Machine as Size
from galaxy.agent.probes import MemoryProbes
from galaxy.agent.records import PodKey
from galaxy.agent.storage.quotas import Weight
from galaxy.agent.storage.scales import Weigh
from galaxy.agent.surroundings import Surroundings
from galaxy.agent.users import Users
from galaxy.agent.wellness import Reading
from galaxy.gce.memory import MemoryGce
from galaxy.gce.memory_machine import Behave, Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.nexus.commit import InThread
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.static import StaticDiscovery
from galaxy.protocol.agent_pb2 import (
    Description,
    KillPodsRequest,
    KillPodsResponse,
    PodKill,
    PodLaunch,
    PodStatus,
    QueryRequest,
    QueryResponse,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
)
from galaxy.protocol.features import OF_GCE
from galaxy.protocol.interfaces import IListening
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.methods import Served, Service
from galaxy.protocol.services import GCE, AgentStub
from galaxy.protocol.types_pb2 import (
    JobType,
    PodDescriptor,
    Resource,
    TaskDescriptor,
    kLongRun,
)
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import AgentSettings

ENDPOINT = "10.0.0.1:8221"
MASTER = "10.0.0.9:7828"
GCE_ADDRESS = "unix:/memory/gce.sock"
JOB = "web_000000000001"
KEY = PodKey(JOB, 0, 1)
MAIN = KEY.container(0)
GIB = 1 << 30


def description(
    *tasks: TaskDescriptor,
    job: str = JOB,
    version: str = "v1",
    kind: JobType = kLongRun,
    millicores: int = 100,
    memory: int = GIB // 8,
    **more: Any,
) -> Description:
    """A pod of the given tasks, or of one that runs "serve"."""
    requirement = Resource(millicores=millicores, memory=memory)
    pod = PodDescriptor(
        tasks=tasks or [TaskDescriptor(start_command="serve", requirement=requirement)],
        requirement=requirement,
        version=version,
    )
    return Description(
        job_id=job, version=version, pod=pod, job_name="web", user="ann", type=kind, **more
    )


def run_request(
    described: Description, *index: int, incarnation: int = 1, send: bool = True
) -> RunPodsRequest:
    """Run these slots of a description."""
    launch = PodLaunch(
        job_id=described.job_id,
        version=described.version,
        index=index,
        incarnation=[incarnation] * len(index),
    )
    return RunPodsRequest(descriptions=[described] if send else [], launches=[launch])


@implementer(IGceSpawner)
@define
class Spawner:
    """Counts how often gce was to be started."""

    times: int = 0

    def spawn(self) -> None:
        """Count."""
        self.times += 1


@define
class Machine:
    """A machine with its agent, its gce, its disk."""

    case: SynchronousTestCase
    directory: Path
    settings: AgentSettings = field(factory=AgentSettings)
    clock: Clock = field(factory=Clock)
    network: LoopbackNetwork = field(init=False)
    gce: MemoryGce = field(init=False)
    database: MemoryDatabase = field(factory=MemoryDatabase)
    spawner: Spawner = field(factory=Spawner)
    probes: MemoryProbes = field(factory=MemoryProbes)
    sources: dict[str, ISource] = field(factory=dict)
    channels: MemoryChannels = field(factory=MemoryChannels)
    agent: Agent = field(init=False)
    complaints: list[str] = field(factory=list)
    faults: list[str] = field(factory=list)
    behave: Behave = usual
    weigh: Weigh = lambda _directory, _enough: Weight(0)
    free_share: float = 1.0
    condition: Callable[[], Reading] = Reading
    written: dict[str, int] = field(factory=dict)
    disk: InThread = maybeDeferred
    gce_service: Service = GCE
    gce_features: tuple[str, ...] = OF_GCE
    _gce_port: IListening | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.case.addCleanup(self.kill)
        self.sources.setdefault("file", FileSource(maybeDeferred, self.directory))
        self.clock.advance(1000.0)
        self.network = LoopbackNetwork(self.clock)
        self.gce = MemoryGce(self.clock, self._behaviour)

    def _behaviour(self, process: ProcessId, spec: Spec) -> Behaviour:
        return self.behave(process, spec)

    def _weigh(self, directory: str, enough_bytes: int) -> Weight:
        return self.weigh(directory, enough_bytes)

    def start(self) -> Machine:
        """Start gce, if it does not answer, and the agent; until the two know each other."""
        if self._gce_port is None:
            self.start_gce()
        self.begin()
        self.advance(1.0)
        return self

    def begin(self) -> None:
        """Start the agent, and not a moment more."""
        settings = evolve(
            self.settings,
            endpoint=ENDPOINT,
            data_dir=str(self.directory),
            millicores=self.settings.millicores or 2000,
            memory_bytes=self.settings.memory_bytes or 4 * GIB,
        )
        around = Surroundings(
            clock=self.clock,
            rng=Random(7),
            machine=Size("host-1", 4, 8 * GIB),
            users=Users(1000),
            network=self.network,
            discovery=StaticDiscovery([MASTER], self.clock),
            open_database=lambda: self.database,
            disk=self.disk,
            in_thread=maybeDeferred,
            sources=self.sources,
            gce_address=GCE_ADDRESS,
            spawner=self.spawner,
            probes=self.probes,
            weigh=self._weigh,
            free_share=lambda: self.free_share,
            condition=self.condition,
            written=lambda _pods: self.written,
            channels=self.channels,
        )
        self.agent = Agent(settings, around, self.complaints.append, self.faults.append)
        self.agent.startService()

    def start_gce(self) -> None:
        """Let gce listen."""
        hello = Hello(role="gce", name="gce", features=self.gce_features)
        listening = self.network.listen(GCE_ADDRESS, hello, [Served(self.gce_service, self.gce)])
        self._gce_port = self.case.successResultOf(listening)

    def stop_gce(self) -> None:
        """End gce, and what it holds in memory, as kill -9 does; tasks run on."""
        assert self._gce_port is not None
        self._gce_port.stop()
        self._gce_port = None
        self.network.crash("gce")
        self.advance(0.01)

    def kill(self) -> None:
        """End the agent as kill -9 does, if it runs."""
        if not self.agent.running:
            return
        self.network.crash(ENDPOINT)
        self.agent.stopService()
        self.advance(0.01)

    def restart(self) -> None:
        """kill -9, and another agent on what the first left."""
        self.kill()
        self.start()

    def advance(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(max(1, round(seconds / 0.05))):
            self.clock.advance(min(seconds, 0.05))

    def master(self) -> AgentStub:
        """The agent, as one sees it who dials it."""
        hello = Hello(role="master", name="master")
        return AgentStub(self.wait(self.network.dial(ENDPOINT, hello)))

    def wait(self, answer: Deferred[Any]) -> Any:
        """What a call is answered with, shortly."""
        for _ in range(20):
            if answer.called:
                break
            self.clock.advance(0.01)
        return self.case.successResultOf(answer)

    def refused(self, answer: Deferred[Any], error: type[Exception]) -> Any:
        """What a call fails with, shortly."""
        for _ in range(20):
            if answer.called:
                break
            self.clock.advance(0.01)
        return self.case.failureResultOf(answer, error).value

    def run(self, request: RunPodsRequest, epoch: int = 1) -> RunPodsResponse:
        """Have pods run."""
        answer: RunPodsResponse = self.wait(self.master().run_pods(request, epoch=epoch))
        return answer

    def kill_pods(self, *keys: PodKey, epoch: int = 1) -> KillPodsResponse:
        """Have pods stopped."""
        kills = [
            PodKill(job_id=key.job_id, index=[key.index], incarnation=[key.incarnation])
            for key in keys
        ]
        request = KillPodsRequest(kills=kills, reason="test")
        answer: KillPodsResponse = self.wait(self.master().kill_pods(request, epoch=epoch))
        return answer

    def query(self, since: int = 0, instance: str = "") -> QueryResponse:
        """Ask how the pods stand."""
        request = QueryRequest(since_revision=since, instance=instance)
        answer: QueryResponse = self.wait(self.master().query(request))
        return answer

    def pods(self) -> list[PodStatus]:
        """All pods in detail."""
        return list(self.wait(self.master().show_pods(ShowPodsRequest())).pods)

    def pod(self) -> PodStatus:
        """The only pod in detail."""
        (pod,) = self.pods()
        return pod

    def pids(self) -> dict[str, int]:
        """The pid of each task."""
        return {task.task_id: task.pid for pod in self.pods() for task in pod.tasks}


class MachineTests(SynchronousTestCase):
    """A machine with an agent that has been started."""

    def setUp(self) -> None:
        self.machine = Machine(self, Path(self.mktemp()).absolute()).start()

    def run_one(self, **more: object) -> None:
        """Run one pod, until it has started."""
        request = run_request(description(**more), 0)  # type: ignore[arg-type]
        self.assertEqual(list(self.machine.run(request).refusals), [])
        self.machine.advance(0.5)
