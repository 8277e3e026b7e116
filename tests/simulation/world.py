"""
The cluster under simulation: real daemons; sockets, processes, disks and time are not.

What is killed loses all that was not written; what is stopped hears nothing, and its
timers ring late; what is started again finds its disk as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from zope.interface import implementer

from galaxy.agent.agent import Agent
from galaxy.agent.console.memory import MemoryChannels
from galaxy.agent.delivery.fetch import FetchError, Have, ISink, ISource, Tag
from galaxy.agent.gce_link import IGceSpawner
from galaxy.agent.machine import Machine as Size
from galaxy.agent.probes import MemoryProbes
from galaxy.agent.storage.quotas import Weight
from galaxy.agent.surroundings import Surroundings
from galaxy.agent.users import Users
from galaxy.agent.wellness import Reading
from galaxy.gce.memory import MemoryGce
from galaxy.gce.memory_machine import Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.master.service import Master
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.memory import MemoryNexus
from galaxy.protocol.features import OF_GCE
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.methods import Served
from galaxy.protocol.services import GCE, IAgent
from galaxy.protocol.wire_pb2 import Hello
from galaxy.scheduler.score import POLICIES
from galaxy.scheduler.service import Scheduler
from galaxy.settings import AgentSettings, MasterSettings
from tests.scenario.processes import ProcessClock
from tests.simulation.history import History
from tests.simulation.timeline import Timeline
from tests.simulation.witness import Seen, WatchedAgent, WatchedEnsemble, WatchedNetwork, Witness

# Note [The dead]: a process that was killed leaves objects in this one. When Python
# collects them their coroutines are closed, and what those then do and log is no part of
# the simulation, nor does it happen at the same time in every run. So they are kept to
# the end, and the collector rests meanwhile. Agents, which wait for much, let go at once.

MIB = 1 << 20
GIB = 1 << 30
MILLICORES = 4000
RESTART_S = 2.0
LATENCY_S = 0.002
POD = b"pod/"
ENDLESS = "web"  # jobs whose names begin so have pods that run until they are stopped
CHECKED = "checked"  # those of these are asked for their health, and weighed
LABEL = "fast"
PACKAGE = b"http://packages/one.tar.gz"
DISKS = 16
DISK_MIB = 1024  # of one volume
PORTS = "20000-20015"
UNWELL_AFTER_S, DRAIN_AFTER_S = 3.0, 6.0
TURN_S = 0.001
WRONG_BY_S = 20.0
DRIFT = 0.002

Disk = Callable[[Callable[[], Any]], Deferred[Any]]


@frozen(eq=False)
class Build:
    """What agents, and the ensemble, are made of; a mutation is another build."""

    answers: Callable[[Any], Any] = lambda answers: answers  # of an IAgent, another
    disk: Callable[[ProcessClock, Random], Disk] = lambda clock, rng: partial(_slowly, clock, rng)
    ensemble: type[WatchedEnsemble] = WatchedEnsemble


@implementer(IGceSpawner)
class _NoSpawner:
    def spawn(self) -> None:
        """gce is started by the world."""


@implementer(ISource)
@frozen(eq=False)
class _Source:
    """Where packages come from, as long as they can be had."""

    world: World

    def fetch(self, url: str, have: Have, sink: ISink) -> Deferred[bool]:
        """A package, slowly."""
        return Deferred.fromCoroutine(self._fetch(sink))

    async def _fetch(self, sink: ISink) -> bool:
        await deferLater(self.world.clock, 0.3)
        if not self.world.packages:
            raise FetchError("nobody answers")
        sink.begin(0, 1, Tag())
        sink.write(b"-")
        return True


@define(eq=False)
class Process:
    """A daemon: while it lives, it has a clock of its own and a place in the ensemble."""

    name: str  # in the network
    start: Callable[[Process], None]
    offset_s: float
    drift: float
    clock: ProcessClock | None = None
    nexus: MemoryNexus | None = None
    service: Master | Scheduler | Agent | None = None
    stopped: bool = False
    build: str = "1.0"

    @property
    def alive(self) -> bool:
        """Whether it runs, or would if it were not stopped."""
        return self.clock is not None


@define(eq=False)
class Machine:
    """What survives of one machine."""

    seen: Seen
    agent: Process
    directory: Path
    gce: MemoryGce
    gce_clock: ProcessClock
    database: MemoryDatabase = field(factory=MemoryDatabase)
    probes: MemoryProbes = field(factory=MemoryProbes)
    condition: Reading = field(factory=Reading)
    heavy: bool = False  # what is weighed on it is over its quota
    on: bool = True

    @property
    def gce_name(self) -> str:
        """How the network calls its gce."""
        return f"gce of {self.agent.name}"

    def endless(self) -> list[ProcessId]:
        """Those of them that do not end by themselves."""
        return [
            live.process
            for live in self.gce.machine.live.values()
            if live.process.name.startswith("main")
            and live.process.container.startswith(ENDLESS)
            and live.behaviour.run_s is None
        ]

    def weigh(self, directory: str, _enough: int) -> Weight:
        """What a directory is said to hold; what dead pods left is stripped of its weight."""
        too_much = self.heavy and f"/{CHECKED}" in directory and "/dead/" not in directory
        return Weight(1 << 50 if too_much else 0)

    def written(self) -> set[str]:
        """The attempts that are on its disk, whether or not that can be read now."""
        failing, self.database.failing = self.database.failing, None
        written = {key[len(POD) :].decode() for key, _ in self.database.items(POD)}
        self.database.failing = failing
        return written

    def mains(self) -> list[ProcessId]:
        """The main processes that run."""
        return [each for each in self.gce.running() if each.name.startswith("main")]


@define(eq=False)
class World:
    """All processes of one cluster, by name, on one clock."""

    directory: Path
    seed: int
    build: Build = field(factory=Build)
    clock: Timeline = field(factory=Timeline)
    slowness_s: float = 0.002  # of the network
    quorum: bool = True
    packages: bool = True  # they can be had
    history: History = field(init=False)
    witness: Witness = field(init=False)
    network: LoopbackNetwork = field(init=False)
    ensemble: WatchedEnsemble = field(init=False)
    masters: list[Process] = field(factory=list)
    schedulers: list[Process] = field(factory=list)
    machines: list[Machine] = field(factory=list)
    millicores: dict[str, int] = field(factory=dict)  # of a pod, by the name of its job
    graves: list[object] = field(factory=list)  # Note [The dead]
    _rng: Random = field(init=False)
    _starts: int = 0

    def __attrs_post_init__(self) -> None:
        self.clock.advance(1_000_000.0)
        began = self.clock.seconds()
        self.history = History(lambda: self.clock.seconds() - began)
        self.witness = Witness(self.history, self.clock.seconds, self._millicores)
        self._rng = Random(f"world {self.seed}")
        self.network = LoopbackNetwork(self.clock, delay=self._delay)
        self.ensemble = self.build.ensemble(self.clock, latency_s=LATENCY_S)
        self.ensemble.witness = self.witness

    # -- who is there ------------------------------------------------------------------

    def add_master(self) -> None:
        """One more master."""
        listen = f"10.0.1.{len(self.masters) + 1}:7828"
        self.masters.append(self._process(listen, self._start_master))

    def add_scheduler(self) -> None:
        """One more scheduler."""
        name = f"scheduler-{len(self.schedulers)}"
        self.schedulers.append(self._process(name, self._start_scheduler))

    def add_machine(self) -> None:
        """One more machine, with gce and agent."""
        endpoint = f"10.0.0.{len(self.machines) + 1}:8221"
        seen = Seen(endpoint, MILLICORES)
        agent = self._process(endpoint, lambda process: self._start_agent(machine, process))
        clock = self._clock_of(agent)
        directory = self.directory / endpoint.replace(":", "-")
        machine = Machine(seen, agent, directory, self._gce(seen, clock), clock)
        self.machines.append(machine)
        self.serve_gce(machine)

    def processes(self) -> list[Process]:
        """Every daemon but gce, alive or not."""
        return [*self.masters, *self.schedulers, *(machine.agent for machine in self.machines)]

    def leader(self) -> Process | None:
        """The master that the ensemble says leads."""
        leader = self.ensemble.leader
        if leader is None:
            return None
        return next(each for each in self.masters if each.name == leader.endpoint)

    # -- what befalls them -------------------------------------------------------------

    def start(self, process: Process) -> None:
        """Start a process that does not run."""
        if process.alive:
            return
        self._starts += 1
        process.clock = self._clock_of(process)
        process.nexus = MemoryNexus(self.ensemble)
        process.nexus.connected = self.quorum
        process.start(process)

    def kill(self, process: Process) -> None:
        """kill -9."""
        if process.clock is None or process.nexus is None:
            return
        self.go_on(process)
        process.clock.die()
        self.ensemble.crash(process.nexus)
        self.network.crash(process.name)
        if isinstance(process.service, Agent):
            process.service.stopService()  # it can do nothing any more; it lets go of its memory
        self.graves.append(process.service)
        process.clock = process.nexus = process.service = None

    def bury(self) -> None:
        """The run is over: kill who lives."""
        for process in self.processes():
            self.kill(process)

    def stop(self, process: Process) -> None:
        """SIGSTOP."""
        if process.clock is None or process.nexus is None or process.stopped:
            return
        process.stopped = True
        process.clock.stop()
        self.network.cut(process.name)
        self.ensemble.suspend(process.nexus, noticed=False)

    def go_on(self, process: Process) -> None:
        """SIGCONT: what was due rings, then what was sent is heard."""
        if process.clock is None or process.nexus is None or not process.stopped:
            return
        process.stopped = False
        process.clock.go_on()
        self.clock.advance(0)
        self.network.heal(process.name)
        self.ensemble.resume(process.nexus)

    def serve_gce(self, machine: Machine) -> None:
        """Have the gce of a machine listen."""
        hello = Hello(role="gce", name=machine.gce_name, features=OF_GCE)
        self.network.listen(_gce_address(machine.seen), hello, [Served(GCE, machine.gce)])

    def switch_off(self, machine: Machine) -> None:
        """The machine loses power: no process survives, its disk does."""
        machine.on = False
        self.kill(machine.agent)
        self.network.crash(machine.gce_name)
        machine.gce_clock.die()
        machine.gce.machine.live.clear()

    def switch_on(self, machine: Machine) -> None:
        """It boots again, with an empty gce."""
        machine.on = True
        machine.gce_clock = self._clock_of(machine.agent)
        machine.gce = self._gce(machine.seen, machine.gce_clock)
        machine.seen.begun.clear()
        machine.seen.running.clear()
        self.serve_gce(machine)
        self.start(machine.agent)

    def look(self, machine: Machine) -> None:
        """Have the witness look at a machine."""
        self.witness.remembers(machine.seen, machine.written())
        if machine.on:
            self.witness.look(machine.seen, set(machine.endless()))

    def advance(self, seconds: float) -> None:
        """Let time pass, from one thing that happens to the next."""
        until = self.clock.seconds() + seconds
        while (left := until - self.clock.seconds()) > 0:
            due = min(until, self.clock.next_due())
            self.clock.advance(min(left, max(TURN_S, due - self.clock.seconds())))

    # -- how they are made -------------------------------------------------------------

    def _process(self, name: str, start: Callable[[Process], None]) -> Process:
        offset = self._rng.uniform(-WRONG_BY_S, WRONG_BY_S)
        return Process(name, start, offset, self._rng.uniform(-DRIFT, DRIFT))

    def _clock_of(self, process: Process) -> ProcessClock:
        """What a process there has for a clock; all on a machine have the same."""
        return ProcessClock(self.clock, process.offset_s, process.drift)

    def _start_master(self, process: Process) -> None:
        assert process.clock is not None
        nexus = process.nexus
        assert nexus is not None
        settings = MasterSettings(listen=process.name)
        process.service = Master(
            process.clock,
            self.network,
            lambda: nexus,
            settings,
            self._chance(process),
            process.build,
        )
        process.service.startService()

    def _start_scheduler(self, process: Process) -> None:
        assert process.clock is not None
        assert process.nexus is not None
        process.service = Scheduler(
            process.clock,
            self.network,
            process.nexus,
            policy=POLICIES["spread"],
            rng=self._chance(process),
            name=process.name,
        )
        process.service.startService()

    def _start_agent(self, machine: Machine, process: Process) -> None:
        clock, nexus = process.clock, process.nexus
        assert clock is not None
        assert nexus is not None
        machine.seen.answers = None
        self.witness.remembers(machine.seen, machine.written())
        rng = self._chance(process)
        around = Surroundings(
            clock=clock,
            rng=rng,
            machine=Size(process.name, 64, 512 * GIB, disk_bytes=DISKS * DISK_MIB * MIB),
            users=Users(1000),
            network=WatchedNetwork(self.network, partial(self._watched, machine)),
            discovery=nexus,
            open_database=lambda: machine.database,
            disk=self.build.disk(clock, self._rng),
            in_thread=maybeDeferred,
            sources={"http": _Source(self)},
            gce_address=_gce_address(machine.seen),
            spawner=_NoSpawner(),
            probes=machine.probes,
            channels=MemoryChannels(),
            condition=lambda: machine.condition,
            weigh=machine.weigh,
            build=process.build,
        )
        settings = AgentSettings(
            endpoint=process.name,
            data_dir=str(machine.directory),
            millicores=MILLICORES,
            memory_bytes=MILLICORES * MIB,
            dynamic_ports=PORTS,
            unwell_after_s=UNWELL_AFTER_S,
            drain_after_s=DRAIN_AFTER_S,
        )
        process.service = Agent(
            settings, around, partial(self._agent_ends, machine), self.history.breach
        )
        process.service.startService()

    def _agent_ends(self, machine: Machine, why: str) -> None:
        """An agent that cannot start is started again, as by systemd."""
        self.history.note("exit", f"{machine.agent.name}: {why}")
        self.clock.callLater(0, self.kill, machine.agent)
        self.clock.callLater(RESTART_S, self._again, machine)

    def _again(self, machine: Machine) -> None:
        if machine.on:
            self.start(machine.agent)

    def _watched(self, machine: Machine, answers: Any) -> IAgent:
        if machine.seen.answers is None:
            machine.seen.answers = self.build.answers(answers)
        look = partial(self.look, machine)
        seen = machine.seen
        return WatchedAgent(seen.answers, seen, self.witness, self._rng, self.clock, look)

    def _gce(self, seen: Seen, clock: ProcessClock) -> MemoryGce:
        def behave(process: ProcessId, spec: Spec) -> Behaviour:
            if process.name.startswith("main"):
                running = [each for each in gce.running() if each.name.startswith("main")]
                self.witness.began(seen, process, running)
            return evolve(usual(process, spec), term_s=self._rng.choice([0.0, 0.0, 0.5, 3.0]))

        gce = MemoryGce(clock, behave)
        return gce

    def _millicores(self, job_id: str) -> int:
        return self.millicores[job_id.rpartition("_")[0]]

    def _chance(self, process: Process) -> Random:
        return Random(f"{self.seed} {process.name} {self._starts}")

    def _delay(self, source: frozenset[str], target: frozenset[str]) -> float:
        if any(name.startswith(("gce of", "unix:")) for name in source | target):
            return 0.0
        return self._rng.uniform(0.0, self.slowness_s)


def _gce_address(seen: Seen) -> str:
    return f"unix:/{seen.endpoint}/gce.sock"


def _slowly(clock: ProcessClock, rng: Random, work: Callable[[], Any]) -> Deferred[Any]:
    """A write that takes a while; who dies during it has written, or has not."""

    async def write() -> Any:
        await deferLater(clock, rng.uniform(0.0, 0.01))
        result = work()
        await deferLater(clock, rng.uniform(0.0, 0.01))
        return result

    return Deferred.fromCoroutine(write())
