"""
A whole cluster in one process on one `Clock`: `cluster.advance(30)` is the verb.

Masters, schedulers, agents and gce are the real ones; sockets, processes, disks and
time are not. What is killed here is killed as by `kill -9`: it hears nothing more,
its timers never ring, and only what it had written survives.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from galaxy.agent.agent import Agent
from galaxy.agent.console.memory import MemoryChannels
from galaxy.agent.delivery.sources import FileSource
from galaxy.agent.gce_link import IGceSpawner
from galaxy.agent.machine import Machine as Size
from galaxy.agent.probes import MemoryProbes
from galaxy.agent.surroundings import Surroundings
from galaxy.agent.users import Users
from galaxy.agent.wellness import Reading
from galaxy.gce.memory import MemoryGce
from galaxy.gce.memory_machine import Behave, usual
from galaxy.gce.record import ProcessId
from galaxy.master.service import Master
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from galaxy.protocol.features import OF_GCE
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.master_pb2 import (
    JobOverview,
    ListJobsRequest,
    PodOverview,
    ShowPodRequest,
    SubmitJobRequest,
    TerminateJobRequest,
)
from galaxy.protocol.methods import Served
from galaxy.protocol.services import GCE, MasterStub
from galaxy.protocol.types_pb2 import JobDescriptor, kStageRunning
from galaxy.protocol.wire_pb2 import Hello
from galaxy.scheduler.score import POLICIES
from galaxy.scheduler.service import Scheduler
from galaxy.settings import AgentSettings, MasterSettings
from tests.scenario.processes import ProcessClock

STEP_S = 0.05
GIB = 1 << 30

T = TypeVar("T")


@implementer(IGceSpawner)
class _NoSpawner:
    """gce is there already, and is killed and started by the test."""

    def spawn(self) -> None:
        """Nothing to do."""


@define(eq=False)
class Machine:
    """What survives of one machine: its disk, its gce with all processes."""

    endpoint: str
    gce: MemoryGce
    directory: Path
    millicores: int
    memory_bytes: int
    labels: tuple[str, ...]
    database: MemoryDatabase = field(factory=MemoryDatabase)
    probes: MemoryProbes = field(factory=MemoryProbes)
    channels: MemoryChannels = field(factory=MemoryChannels)
    condition: Reading = field(factory=Reading)
    users: Users = field(factory=lambda: Users(1000))
    clock: ProcessClock | None = None
    agent: Agent | None = None

    @property
    def gce_address(self) -> str:
        """Where its gce listens."""
        return f"unix:/{self.endpoint}/gce.sock"


@define(eq=False)
class _Daemon:
    """A master or a scheduler that lives."""

    service: Master | Scheduler
    clock: ProcessClock
    nexus: MemoryNexus


@define(eq=False)
class Cluster:
    """One cluster. Names: "master-0", "scheduler-0"; agents go by their endpoints."""

    case: SynchronousTestCase
    settings: MasterSettings = field(factory=MasterSettings)
    behave: Behave = usual
    policy: str = "spread"
    seed: int = 7
    clock: Clock = field(factory=Clock)
    network: LoopbackNetwork = field(init=False)
    ensemble: MemoryEnsemble = field(init=False)
    directory: Path = field(init=False)
    machines: dict[str, Machine] = field(factory=dict)
    daemons: dict[str, _Daemon] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(1_000_000.0)
        self.network = LoopbackNetwork(self.clock)
        self.ensemble = MemoryEnsemble(self.clock)
        self.directory = Path(self.case.mktemp()).absolute()

    # -- who lives ---------------------------------------------------------------------

    @classmethod
    def started(cls, case: SynchronousTestCase, agents: int = 2, **more: Any) -> Cluster:
        """A master, a scheduler and some agents of 4 cores and 8 GiB, all acquainted."""
        cluster = cls(case, **more)
        cluster.start_master()
        cluster.start_scheduler()
        for _ in range(agents):
            cluster.add_machine()
        cluster.advance(2)
        return cluster

    def start_master(self, number: int = 0) -> None:
        """Start a master."""
        clock = ProcessClock(self.clock)
        nexus = MemoryNexus(self.ensemble)
        listen = f"10.0.1.{number + 1}:7828"
        master = Master(
            clock,
            self.network,
            lambda: nexus,
            evolve(self.settings, listen=listen),
            Random(self.seed + number + int(self.clock.seconds())),
            "test",
        )
        master.startService()
        self.daemons[f"master-{number}"] = _Daemon(master, clock, nexus)

    def kill_master(self, number: int = 0) -> None:
        """kill -9 of a master; its session with the nexus ends when it times out."""
        daemon = self.daemons.pop(f"master-{number}")
        daemon.clock.die()
        self.network.crash(f"10.0.1.{number + 1}:7828")
        self.ensemble.crash(daemon.nexus)

    def start_scheduler(self, number: int = 0) -> None:
        """Start a scheduler."""
        clock = ProcessClock(self.clock)
        nexus = MemoryNexus(self.ensemble)
        name = f"scheduler-{number}"
        scheduler = Scheduler(
            clock,
            self.network,
            nexus,
            policy=POLICIES[self.policy],
            rng=Random(self.seed + number),
            name=name,
        )
        scheduler.startService()
        self.daemons[name] = _Daemon(scheduler, clock, nexus)

    def kill_scheduler(self, number: int = 0) -> None:
        """kill -9 of a scheduler."""
        daemon = self.daemons.pop(f"scheduler-{number}")
        daemon.clock.die()
        self.network.crash(f"scheduler-{number}")
        self.ensemble.crash(daemon.nexus)

    def add_machine(
        self, millicores: int = 4000, memory_bytes: int = 8 * GIB, labels: tuple[str, ...] = ()
    ) -> Machine:
        """Another machine, with its gce and its agent."""
        endpoint = f"10.0.0.{len(self.machines) + 1}:8221"
        machine = Machine(
            endpoint,
            MemoryGce(self.clock, self.behave),
            self.directory / endpoint.replace(":", "-"),
            millicores,
            memory_bytes,
            labels,
        )
        self.machines[endpoint] = machine
        hello = Hello(role="gce", name=f"gce of {endpoint}", features=OF_GCE)
        self.network.listen(machine.gce_address, hello, [Served(GCE, machine.gce)])
        self.start_agent(machine)
        return machine

    def start_agent(self, machine: Machine) -> None:
        """Start the agent of a machine, on what the last one left."""
        clock = machine.clock = ProcessClock(self.clock)
        settings = AgentSettings(
            endpoint=machine.endpoint,
            data_dir=str(machine.directory),
            millicores=machine.millicores,
            memory_bytes=machine.memory_bytes,
            labels=machine.labels,
        )
        around = Surroundings(
            clock=clock,
            rng=Random(f"{self.seed} {machine.endpoint} {self.clock.seconds()}"),
            machine=Size(machine.endpoint, 64, 512 * GIB),
            users=machine.users,
            network=self.network,
            discovery=MemoryNexus(self.ensemble),
            open_database=lambda: machine.database,
            disk=maybeDeferred,
            in_thread=maybeDeferred,
            sources={"file": FileSource(maybeDeferred, machine.directory)},
            gce_address=machine.gce_address,
            spawner=_NoSpawner(),
            probes=machine.probes,
            channels=machine.channels,
            condition=lambda: machine.condition,
        )
        machine.agent = Agent(settings, around, self.case.fail, self.case.fail)
        machine.agent.startService()
        self.case.addCleanup(self.kill_agent, machine)  # what waits in it must not outlive it

    def kill_agent(self, machine: Machine) -> None:
        """kill -9 of the agent alone: its processes run on."""
        if machine.agent is None:
            return
        assert machine.clock is not None
        machine.clock.die()
        self.network.crash(machine.endpoint)
        machine.agent.stopService()  # it can do nothing any more: this only lets go of its memory
        machine.agent = None

    def lose_machine(self, machine: Machine) -> None:
        """The machine is gone, with all that ran on it."""
        self.kill_agent(machine)
        for pid, live in tuple(machine.gce.machine.live.items()):
            del machine.gce.machine.live[pid]
            if live.end is not None and live.end.active():
                live.end.cancel()

    # -- time, and what people ask ------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        until = self.clock.seconds() + seconds
        while self.clock.seconds() < until:
            self.clock.advance(min(STEP_S, until - self.clock.seconds()))

    def ask(self, call: Callable[[MasterStub], Deferred[T]]) -> T:
        """What the leader answers; the clock moves as little as needed."""
        leader = self.ensemble.leader
        assert leader is not None, "there is no leader to ask"
        peer = self.network.dial(leader.endpoint, Hello(role="client", name="tester"))
        answer: T = self._wait(call(MasterStub(self._wait(peer))))
        return answer

    def _wait(self, answer: Deferred[Any]) -> Any:
        for _ in range(400):
            if answer.called:
                break
            self.clock.advance(STEP_S)
        return self.case.successResultOf(answer)

    def submit(self, job: JobDescriptor) -> str:
        """Submit a job; its id."""
        request = SubmitJobRequest(job=job, request_id=f"{job.name} {self.clock.seconds()}")
        return self.ask(lambda master: master.submit_job(request)).job_id

    def kill_job(self, job_id: str) -> None:
        """Terminate a job."""
        self.ask(lambda master: master.terminate_job(TerminateJobRequest(job_id=job_id)))

    def jobs(self) -> list[JobOverview]:
        """As `galaxy jobs`."""
        return list(self.ask(lambda master: master.list_jobs(ListJobsRequest())).jobs)

    def pods(self, job_id: str) -> list[PodOverview]:
        """As `galaxy pods -j`."""
        return list(self.ask(lambda master: master.show_pod(ShowPodRequest(job_id=job_id))).pods)

    def placed(self, job_id: str) -> dict[int, str]:
        """The slots that have a machine, and which."""
        pods = self.pods(job_id)
        return {pod.index: pod.endpoint for pod in pods if pod.stage == kStageRunning}

    def processes(self) -> list[tuple[str, ProcessId]]:
        """What really runs, and where."""
        return [
            (endpoint, process)
            for endpoint, machine in self.machines.items()
            for process in machine.gce.running()
        ]

    def launches(self) -> int:
        """How many main processes were ever started."""
        return sum(
            process.name.startswith("main")
            for machine in self.machines.values()
            for process in machine.gce.launched()
        )
