"""
The connection to gce: dialled, and dialled again; gce started when nobody answers.

What runs is known from the moment a watch has told the whole picture until the
connection breaks. In between it is not known, and nobody acts on it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path

from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

import galaxy
from galaxy.agent.admission import UNKNOWN_ISOLATION, Isolation
from galaxy.agent.containers import Changed, IContainers, Picture, further, process
from galaxy.agent.engine import as_it_can, lacking
from galaxy.agent.steps import Process
from galaxy.protocol.gce_pb2 import (
    ConfigureRequest,
    ContainerUsage,
    DescribeRequest,
    EndRequest,
    ExecuteRequest,
    ExecuteResponse,
    ProcessChange,
    RemoveRequest,
    StopRequest,
    UsageRequest,
    WatchRequest,
)
from galaxy.protocol.interfaces import INetwork, IPeer
from galaxy.protocol.services import GceStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kPermission, kRpcError, kUnknownMethod
from galaxy.protocol.wire_pb2 import Hello

REDIAL_S = 0.1
RESPAWN_S = 5.0  # gce is not started again sooner after it was started
CALL_S = 30.0


class IGceSpawner(Interface):
    """Starts a gce where none answers."""

    def spawn() -> None:
        """Start one that outlives this process. Raises `OSError`."""


@implementer(IGceSpawner)
@define
class DetachedGce:
    """gce as a process of its own, in a session of its own."""

    socket: Path
    directory: Path
    cgroup: str
    pidfile: Path
    log: Path
    _last: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def spawn(self) -> None:
        """Start it; the one before, if it was ours and has ended, is reaped."""
        if self._last is not None:
            self._last.poll()
        options = {
            "--socket": self.socket,
            "--dir": self.directory,
            "--cgroup": self.cgroup,
            "--pidfile": self.pidfile,
            "--log": self.log,
        }
        arguments = [str(part) for option in options.items() for part in option]
        # It finds the code where this process found it, wherever that is.
        code = str(Path(galaxy.__file__).parent.parent)
        search = os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH")]))
        with self.log.open("ab") as log:
            self._last = subprocess.Popen(
                [sys.executable, "-m", "galaxy.gce", *arguments],
                env={**os.environ, "PYTHONPATH": search},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@frozen
class _Connected:
    peer: IPeer
    gce: GceStub


@implementer(IContainers)
class GceLink(Service):
    """The processes of this machine, as long as gce answers at `address`."""

    _log = Logger()

    def __init__(
        self,
        network: INetwork,
        address: str,
        hello: Hello,
        spawner: IGceSpawner,
        clock: IReactorTime,
        *,
        broken: Callable[[Failure], None],
        ceiling: ConfigureRequest | None = None,
    ) -> None:
        """
        `broken` is called when a fault of ours has ended the dialling. `ceiling` is what all
        containers together may use; None: no more than each may.
        """
        self.isolation: Isolation = UNKNOWN_ISOLATION
        self._ceiling = ceiling or ConfigureRequest()
        self._network = network
        self._address = address
        self._hello = hello
        self._spawner = spawner
        self._clock = clock
        self._broken = broken
        self._changed: Changed = _nobody
        self._picture: dict[str, dict[str, Process]] | None = None
        self._connected: _Connected | None = None
        self._spawn_after = 0.0
        self._running: Deferred[None] | None = None

    @property
    def picture(self) -> Picture | None:
        """What runs; None while that is not known."""
        return self._picture

    def tell(self, changed: Changed) -> None:
        """Call `changed` from now on."""
        self._changed = changed

    def startService(self) -> None:
        """Begin to dial."""
        super().startService()
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._broken)

    def stopService(self) -> None:
        """Close the connection. What runs goes on running."""
        super().stopService()
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def execute(self, request: ExecuteRequest) -> Deferred[None]:
        """Start a process."""
        return Deferred.fromCoroutine(self._execute(request))

    def stop(self, container: str, grace_s: float) -> Deferred[None]:
        """End all that lives in a container."""
        return Deferred.fromCoroutine(self._stop(container, grace_s))

    def end(self, container: str, name: str, grace_s: float, setting: str) -> Deferred[None]:
        """End one process."""
        return Deferred.fromCoroutine(self._end(container, name, grace_s, setting))

    def remove(self, container: str) -> Deferred[None]:
        """Take a container away."""
        return Deferred.fromCoroutine(self._remove(container))

    def forget(self, container: str, name: str) -> None:
        """Keep an ended process in the picture no longer."""
        if self._picture is not None:
            self._picture.get(container, {}).pop(name, None)

    def usage(self) -> Deferred[tuple[float, Mapping[str, ContainerUsage]]]:
        """What each container has used."""
        return Deferred.fromCoroutine(self._usage())

    async def _execute(self, request: ExecuteRequest) -> None:
        gce = self._gce()
        assert self._connected is not None
        refused = lacking(self._connected.peer.hello, request)
        if refused:
            raise GalaxyError(kPermission, refused)
        answer: ExecuteResponse = await gce.execute(request, deadline_s=CALL_S)
        self._note(ProcessChange(processes=[answer.process]))

    async def _stop(self, container: str, grace_s: float) -> None:
        request = StopRequest(container=container, grace_s=grace_s)
        await self._gce().stop(request, deadline_s=grace_s + CALL_S)

    async def _end(self, container: str, name: str, grace_s: float, setting: str) -> None:
        request = EndRequest(container=container, name=name, grace_s=grace_s, setting=setting)
        await self._gce().end_process(request, deadline_s=grace_s + CALL_S)

    async def _remove(self, container: str) -> None:
        await self._gce().remove(RemoveRequest(container=container), deadline_s=CALL_S)
        self._note(ProcessChange(removed_containers=[container]))

    async def _usage(self) -> tuple[float, Mapping[str, ContainerUsage]]:
        answer = await self._gce().usage(UsageRequest(), deadline_s=CALL_S)
        return answer.time, {usage.container: usage for usage in answer.usages}

    def _gce(self) -> GceStub:
        if self._connected is None:
            raise GalaxyError(
                kRpcError, f"the container engine at {self._address} is not connected"
            )
        return self._connected.gce

    async def _run(self) -> None:
        try:
            while True:
                try:
                    await self._converse()
                except GalaxyError as error:
                    self._spawn(error.reason)
                await deferLater(self._clock, REDIAL_S)
        except CancelledError:
            pass

    async def _converse(self) -> None:
        """Dial, and follow what runs until the connection breaks."""
        peer = await self._network.dial(self._address, self._hello)
        gce = GceStub(peer)
        try:
            await self._configure(gce)
            described = as_it_can(peer.hello, await gce.describe(DescribeRequest()))
            self.isolation = Isolation.described(described)
            self._connected = _Connected(peer, gce)
            self._log.info(
                "container engine {pid} answers, isolation {isolation} {reason}",
                pid=described.pid,
                isolation=self.isolation.kind,
                reason=self.isolation.reason,
            )
            if described.build != self._hello.build:
                self._log.warn(
                    "container engine {pid} is of build {theirs}, and this agent of {ours};"
                    " SIGUSR1 has it become what is installed",
                    pid=described.pid,
                    theirs=described.build,
                    ours=self._hello.build,
                )
            async with aclosing(gce.watch(WatchRequest())) as changes:
                async for change in changes:
                    self._note(change)
            raise GalaxyError(kRpcError, "the container engine ended the watch")
        finally:
            self._connected = None
            peer.close("done with it")
            if self._picture is not None:
                self._picture = None
                self._changed(None)

    async def _configure(self, gce: GceStub) -> None:
        """Before anything is started: nothing may have been promised more than all may use."""
        try:
            await gce.configure(self._ceiling)
        except GalaxyError as error:
            if error.status != kUnknownMethod:
                raise
            self._log.warn("a container engine of an earlier release limits no pods together")

    def _note(self, change: ProcessChange) -> None:
        if change.complete:
            self._picture = {}
        if self._picture is None:  # an answer overtook the first item of the watch
            return
        for status in change.processes:
            known = self._picture.setdefault(status.container, {})
            known[status.name] = further(known.get(status.name), process(status))
        for container in change.removed_containers:
            self._picture.pop(container, None)
        if change.complete:
            self._changed(None)
        else:
            self._changed(
                {*change.removed_containers, *(status.container for status in change.processes)}
            )

    def _spawn(self, reason: str) -> None:
        now = self._clock.seconds()
        if now < self._spawn_after:
            return
        self._spawn_after = now + RESPAWN_S
        self._log.info("starting a container engine: {reason}", reason=reason)
        try:
            self._spawner.spawn()
        except OSError as error:
            self._log.error("the container engine cannot be started: {error}", error=error)


def _nobody(containers: Iterable[str] | None) -> None:
    """Tell nobody: nobody asked."""
