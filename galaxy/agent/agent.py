"""
One machine's agent, put together from its parts and started in order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.accounting import Accounts
from galaxy.agent.book import Book
from galaxy.agent.boxes import Boxes
from galaxy.agent.carrier import Carrier
from galaxy.agent.console.deeds import Deeds
from galaxy.agent.console.service import ConsoleAnswers
from galaxy.agent.console.sessions import Sessions
from galaxy.agent.delivery import unpack
from galaxy.agent.delivery.artifacts import Artifacts
from galaxy.agent.gce_link import GceLink
from galaxy.agent.heartbeats import Heartbeats
from galaxy.agent.launch import Launcher
from galaxy.agent.ledger import Ledger
from galaxy.agent.machine import capacity
from galaxy.agent.master_link import MasterLink
from galaxy.agent.output.pruner import Bounds, Pruner, bounds_of
from galaxy.agent.pods import has_ended
from galaxy.agent.ports import PortRange
from galaxy.agent.prober import Prober
from galaxy.agent.records import Pod, PodKey
from galaxy.agent.remains.graves import Graves
from galaxy.agent.remains.retention import Retention
from galaxy.agent.runner import Runner
from galaxy.agent.service import AgentAnswers
from galaxy.agent.storage.quotas import Part
from galaxy.agent.storage.scales import Scales
from galaxy.agent.storage.volumes import Volumes
from galaxy.agent.store import AgentStore
from galaxy.agent.surroundings import Surroundings
from galaxy.agent.vitals import Vitals, limits
from galaxy.agent.workspaces import Workspaces
from galaxy.nexus.interfaces import NexusError
from galaxy.protocol.gce_pb2 import ConfigureRequest
from galaxy.protocol.interfaces import IListening
from galaxy.protocol.methods import Served
from galaxy.protocol.services import AGENT, CONSOLE
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import AgentSettings

FOREIGN_PORTS_S = 5.0  # between two looks at ports that others have
SWEEP_S = 10.0  # between two looks for parts of packages that nobody wants


class Agent(Service):
    """
    Takes pods, and keeps them as they are wanted.

    `cannot_work` is called with a sentence when the start fails, `has_a_fault` when a
    fault of ours has ended it. To stop it changes nothing: what runs runs on, and
    the next agent on the same database goes on where this one was.
    """

    _log = Logger()

    def __init__(
        self,
        settings: AgentSettings,
        surroundings: Surroundings,
        cannot_work: Callable[[str], None],
        has_a_fault: Callable[[str], None],
    ) -> None:
        self.setName("agent")
        self.endpoint = settings.endpoint
        self._settings = settings
        self._around = surroundings
        self._cannot_work = cannot_work
        self._has_a_fault = has_a_fault
        self._capacity = capacity(surroundings.machine, settings)
        self._accounts = Accounts(
            self._capacity.millicores,
            self._capacity.memory_bytes,
            PortRange.parse(settings.dynamic_ports),
            self._capacity.disks,
            self._capacity.ssds,
            surroundings.foreign_port,
        )
        hello = self._hello()
        self.gce = GceLink(
            surroundings.network,
            surroundings.gce_address,
            hello,
            surroundings.spawner,
            surroundings.clock,
            broken=self._broken,
            ceiling=ConfigureRequest(
                millicores=self._capacity.millicores, memory=self._capacity.memory_bytes
            ),
        )
        self._boxes = Boxes(Path(settings.data_dir), settings.host_dirs, settings.writable_dirs)
        disks = (*self._capacity.disks, *self._capacity.ssds)
        self._volumes = Volumes(
            Path(settings.data_dir),
            [disk.path for disk in disks],
            settings.workspace_bytes,
            surroundings.in_thread,
        )
        self._launcher = Launcher(
            lambda: self.endpoint,
            (sys.executable, "-I", "-S", str(Path(unpack.__file__))),
            lambda: self._boxes if self.gce.isolation.boxes else None,
            self._volumes.mounted,
            settings.workspace_bytes,
        )
        self._scales = Scales(
            self._lively,
            self._weighable,
            self._exceed,
            surroundings.weigh,
            surroundings.hidden,
            surroundings.written,
            surroundings.free_share,
            settings.disk_floor,
            surroundings.scales,
            surroundings.search,
            surroundings.clock,
        )
        self.runner: Runner | None = None
        self._sessions: Sessions | None = None
        self.master: MasterLink | None = None
        self._graves: Graves | None = None
        self._pruner = Pruner(self._logs, surroundings.in_thread, surroundings.clock)
        self._workspaces = Workspaces(Path(settings.data_dir))
        self._store: AgentStore | None = None
        self._listening: IListening | None = None
        self._vitals = Vitals(
            self.gce,
            surroundings.condition,
            limits(settings),
            news=self._news,
            in_thread=surroundings.in_thread,
            clock=surroundings.clock,
        )
        self._looking = LoopingCall(self._accounts.look_again)
        self._looking.clock = surroundings.clock
        self._sweeping: LoopingCall | None = None

    def startService(self) -> None:
        """Remember, then listen, then see what runs, then tell the master."""
        super().startService()
        Deferred.fromCoroutine(self._start()).addErrback(self._broken)

    def stopService(self) -> Deferred[None]:
        """Hang up on everybody; leave what runs."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        # All that acts stops at once; only then is anybody waited for.
        self._vitals.stop()
        if self._looking.running:
            self._looking.stop()
        if self._sweeping is not None and self._sweeping.running:
            self._sweeping.stop()
        if self.master is not None and self.master.running:
            self.master.stopService()
        if self._sessions is not None:
            self._sessions.stop()
        if self.runner is not None:
            self.runner.stop()
        self._pruner.stop()
        self._scales.stop()
        if self._graves is not None:
            self._graves.stop()
        if self.gce.running:
            self.gce.stopService()
        if self._store is not None:
            await self._store.close()
        if self._listening is not None:
            await self._listening.stop()

    def pods(self) -> list[Pod]:
        """The pods that this machine has."""
        return [] if self.runner is None else list(self.runner.book.pods.values())

    async def _start(self) -> None:
        try:
            answers = self._remember()
            served = [Served(AGENT, answers), Served(CONSOLE, self._console(answers))]
            self._listening = await self._around.network.listen(
                self._settings.endpoint, self._hello(), served
            )
        except (NexusError, OSError, ValueError) as error:
            self._cannot_work(f"the agent cannot start: {error}")
            return
        await self._vitals.look()
        if not self.running:  # stopped meanwhile
            await self._listening.stop()
            return
        self.endpoint = self._listening.address
        self.gce.tell(self._processes_changed)
        self.gce.startService()
        self.master = self._master_link(answers)
        self.master.startService()
        assert self._graves is not None
        self._graves.start(self._broken)
        self._pruner.start(self._broken)
        self._scales.start(self._broken)
        self._vitals.start(self._broken)
        self._looking.start(FOREIGN_PORTS_S).addErrback(self._broken)
        assert self._sweeping is not None
        self._sweeping.start(SWEEP_S).addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("the agent has a fault", failure)
        self._has_a_fault(f"the agent has a fault: {failure.getErrorMessage()}")

    def _remember(self) -> AgentAnswers:
        """Everything as it was when the last agent on this database ended."""
        around, settings = self._around, self._settings
        data = Path(settings.data_dir)
        self._store = AgentStore(around.open_database(), around.disk)
        remembered = self._store.load()
        book = Book.restored(remembered, self._accounts, around.users)
        book.boxes = self._boxes
        workspaces = self._workspaces
        workspaces.prepare()
        claimed = {pod.home.name for pod in book.pods.values()}
        self._volumes.prepare(claimed)
        workspaces.bury_orphans(claimed, around.clock.seconds())
        artifacts = Artifacts.below(
            data / "packages",
            most_bytes=settings.package_cache_bytes,
            package_bytes=settings.package_bytes,
            in_use=book.packages,
            wanted=book.wanted_downloads,
            sources=around.sources,
            in_thread=around.in_thread,
            clock=around.clock,
            rng=around.rng,
        )
        artifacts.prepare()
        self._sweeping = LoopingCall(artifacts.sweep)
        self._sweeping.clock = around.clock
        ledger = Ledger(f"{remembered.starts}-{around.rng.getrandbits(48):012x}")
        deeds = Deeds(remembered.deeds, self._store, ledger, self._news, around.clock)
        self._graves = Graves(
            workspaces=workspaces,
            ledger=ledger,
            retention=Retention(
                settings.dead_keep_s,
                settings.dead_most,
                settings.dead_free_share,
                settings.dead_bytes,
            ),
            free_share=around.free_share,
            weigh=lambda directory, enough: around.scales(lambda: around.weigh(directory, enough)),
            in_thread=around.in_thread,
            news=self._news,
            clock=around.clock,
        )
        self.runner = Runner(
            book=book,
            store=self._store,
            carrier=Carrier(
                self.gce, artifacts, workspaces, self._launcher, self._volumes, around.clock
            ),
            prober=Prober(around.probes, self.gce, self._launcher, workspaces, around.clock),
            ledger=ledger,
            graves=self._graves,
            isolation=lambda: self.gce.isolation,
            news=self._news,
            broken=self._broken,
            clock=around.clock,
            rng=around.rng,
        )
        self._log.info("{pods} pods are remembered", pods=len(book.pods))
        return AgentAnswers(
            self.runner,
            self._vitals.meter,
            workspaces,
            around.in_thread,
            artifacts,
            deeds,
            around.clock,
        )

    def _console(self, answers: AgentAnswers) -> ConsoleAnswers:
        around, runner = self._around, answers.runner
        around.channels.prepare()
        self._sessions = Sessions(
            book=runner.book,
            containers=self.gce,
            launcher=self._launcher,
            workspaces=answers.workspaces,
            channels=around.channels,
            note=answers.deeds.note,
            clock=around.clock,
        )
        return ConsoleAnswers(self._sessions, runner, answers.workspaces, around.clock)

    def _lively(self) -> list[PodKey]:
        """The pods that have begun, and may go on."""
        return [pod.key for pod in self.pods() if not (pod.follows or pod.excess or has_ended(pod))]

    def _weighable(self, key: PodKey) -> list[Part]:
        assert self.runner is not None
        book = self.runner.book
        pod = book.pods.get(key)
        if pod is None:
            return []
        return self._volumes.weighable(pod, book.description(pod).pod.requirement)

    def _exceed(self, key: PodKey, reason: str) -> None:
        assert self.runner is not None
        self.runner.exceed(key, reason)

    def _master_link(self, answers: AgentAnswers) -> MasterLink:
        around = self._around
        beats = Heartbeats(
            self.endpoint,
            around.machine.hostname,
            around.build,
            self._settings.labels,
            self._capacity,
            self._accounts,
            lambda: self.gce.isolation,
            self._vitals,
            answers.runner,
        )
        return MasterLink(
            discovery=around.discovery,
            network=around.network,
            hello=self._hello(),
            serve=[Served(AGENT, answers)],
            told=beats.heartbeat,
            facts=beats.facts,
            broken=self._broken,
            clock=around.clock,
            rng=around.rng,
        )

    def _hello(self) -> Hello:
        return Hello(role="agent", name=self.endpoint, build=self._around.build)

    def _processes_changed(self, containers: Iterable[str] | None) -> None:
        assert self.runner is not None
        self.runner.changed(containers)
        if self._sessions is not None:
            self._sessions.changed(containers)
        if containers is None:
            self._news()  # the isolation may be another

    def _logs(self) -> list[Bounds]:
        assert self.runner is not None
        return bounds_of(self.runner.book, self._workspaces, self._settings)

    def _news(self) -> None:
        if self.master is not None:
            self.master.news()
