"""
Carries out what `galaxy.gce.lifecycle` decides, for every container of one machine.

Called by `galaxy.gce.service`. Its law: what is to be done is on disk before it is
done, and what is known of a process is what its record says; so a gce that is
killed between any two lines is continued by the next one's `_settle`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.gce.cgroups import Allowance, CgroupError, Entrance, ICgroups, Usage
from galaxy.gce.container import Container, Process
from galaxy.gce.feed import Feed, News
from galaxy.gce.interfaces import IKeepers, IKeeperWatch, ILauncher, IRecords
from galaxy.gce.lifecycle import LOOK_AGAIN_S, OVER, Verdict, status, superfluous, verdict
from galaxy.gce.record import NOTHING, Claim, ProcessId, Record, Spec
from galaxy.gce.stops import Stops, end_process
from galaxy.protocol.gce_pb2 import ProcessChange, ProcessStatus
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kAgentError, kConflict, kPersistenceError

_REMOVAL_TRIES = 40
LONGEST_SETTLING_S = 5.0
"""What earlier gces asked for may be stuck half-way; so long is waited for it at the start."""
_OF_THIS_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What says nothing of the record that was to be read."""


class Supervisor:
    """Every container and process of this machine."""

    _log = Logger()

    def __init__(
        self,
        *,
        records: IRecords,
        cgroups: ICgroups,
        launcher: ILauncher,
        keepers: IKeepers,
        clock: IReactorTime,
        boot: str,
    ) -> None:
        self.cgroups = cgroups
        self._records = records
        self._launcher = launcher
        self._keepers = keepers
        self._clock = clock
        self._boot = boot
        self._stops = Stops(records, cgroups, clock)
        self._containers: dict[str, Container] = {}
        self._feeds: list[Feed] = []
        self._ready: Deferred[None] | None = Deferred()
        self._settling: IDelayedCall | None = None

    def start(self) -> Deferred[None]:
        """
        Adopt what earlier gces left; fires when everything is known, but for what is
        still about to begin after `LONGEST_SETTLING_S`.
        """
        assert self._ready is not None
        ready = self._ready
        self._settling = self._clock.callLater(LONGEST_SETTLING_S, self._begin_unsettled)
        self._launcher.start(self._settle, self._news)
        return ready

    def stop(self) -> None:
        """Leave; what runs, runs on. A base group without containers goes too."""
        self._settle_no_more()
        self._launcher.stop()
        for process in self._all():
            if process.watch is not None:
                process.watch.stop()
        if not self._containers:
            self.cgroups.close()

    async def execute(
        self, process_id: ProcessId, spec: Spec, allowance: Allowance, join: str = ""
    ) -> tuple[ProcessStatus, bool]:
        """
        Start a process, once; its status when it runs or never will, and whether it was
        known already. `spec` lacks the entrance and the boot. `join` names a process of
        the container whose view of the machine it shares, if that one lives.
        """
        known = self._find(process_id)
        process = known or self._begin(process_id, self._joined(spec, process_id, join), allowance)
        if process.verdict not in OVER and process.verdict is not Verdict.RUNNING:
            begun: Deferred[None] = Deferred()
            process.begun.append(begun)
            await begun
        return self._status(process), known is not None

    async def stop_container(self, name: str, grace_s: float) -> None:
        """SIGTERM, after the grace SIGKILL; returns when nothing lives in the container."""
        container = self._containers.get(name)
        if container is not None:
            await self._stops.stop(container, grace_s)

    async def end_process(self, process_id: ProcessId, grace_s: float, setting: str) -> None:
        """The same for one process and what it began: that which has the setting, too."""
        container = self._containers.get(process_id.container)
        process = self._find(process_id)
        if container is None or process is None:
            return

        def begun() -> list[int]:
            pids = self.cgroups.pids(process_id.container, container.keepers()) if setting else []
            return self._keepers.with_setting(pids, setting)

        try:
            await end_process(process, begun, self._keepers, grace_s, self._clock)
        except CgroupError as error:
            raise GalaxyError(kAgentError, str(error)) from error

    async def remove(self, name: str) -> None:
        """Kill what lives, remove the groups, forget the records."""
        container = self._containers.get(name)
        if container is None:
            return
        container.removing += 1
        try:
            # The kernel removes no group in which something lives: if all is over,
            # it may be asked at once.
            if container.is_over() and self._remove_now(container):
                return
            for tries_left in reversed(range(_REMOVAL_TRIES)):
                await self.stop_container(name, 0)
                if self._containers.get(name) is not container:
                    return  # another call removed it meanwhile
                if self._remove_now(container, last_try=tries_left == 0):
                    return
                await deferLater(self._clock, LOOK_AGAIN_S)
        finally:
            container.removing -= 1

    def usage(self, names: Iterable[str]) -> Iterator[tuple[str, Usage]]:
        """The usage of the named containers that exist; of all, if none is named."""
        for name in list(names) or list(self._containers):
            container = self._containers.get(name)
            if container is not None:
                yield name, self.cgroups.usage(name, container.keepers())

    def watch(self) -> Feed:
        """A feed of everything; to be given back to `unwatch`."""
        feed = Feed()
        self._feeds.append(feed)
        return feed

    def unwatch(self, feed: Feed) -> None:
        """Feed it no more."""
        self._feeds.remove(feed)

    def change(self, news: News) -> ProcessChange:
        """News in the words of the protocol, as things are now."""
        if news.complete:
            found = list(self._all())
        else:
            candidates = (self._find(changed) for changed in news.changed)
            found = [process for process in candidates if process is not None]
        return ProcessChange(
            processes=[self._status(process) for process in found],
            complete=news.complete,
            removed_containers=news.removed,
        )

    def _begin(self, process_id: ProcessId, spec: Spec, allowance: Allowance) -> Process:
        name = process_id.container
        container = self._containers.get(name) or Container(name)
        if container.stopping is not None or container.removing:
            raise GalaxyError(kConflict, f"the container {name} is being stopped")
        try:
            entrance = self._enter(container, allowance)
            spec = evolve(spec, boot=self._boot, join=entrance.join, oom_events=entrance.oom_events)
            self._records.write_spec(process_id, spec)
        except CgroupError as error:
            self._discard_groups(container)
            raise GalaxyError(kAgentError, str(error)) from error
        except OSError as error:
            self._discard_groups(container)
            reason = f"cannot record the process {process_id}: {error}"
            raise GalaxyError(kPersistenceError, reason) from error
        self._containers[name] = container
        process = Process(process_id, Record(spec))
        container.processes[process_id.name] = process
        self._launcher.launch(process_id, spec)
        return process

    def _joined(self, spec: Spec, process_id: ProcessId, join: str) -> Spec:
        """The spec, with the living process that is to be joined in place of a box of its own."""
        other = self._find(ProcessId(process_id.container, join)) if join else None
        if other is None or other.verdict is not Verdict.RUNNING or other.record.spec is None:
            return spec
        record = self._records.read(other.id, other.record)
        if record.started is None or record.ended is not None:
            return spec
        if other.record.spec.box is None:
            return evolve(spec, box=None)
        return evolve(spec, neighbour=Claim(record.started.pid, record.started.start))

    def _enter(self, container: Container, allowance: Allowance) -> Entrance:
        """The way into a container, made if need be, with these limits from now on."""
        if container.entrance is None or container.allowance != allowance:
            container.entrance = self.cgroups.create(container.name, allowance)
            container.allowance = allowance
        return container.entrance

    def _discard_groups(self, container: Container) -> None:
        """A container that came to nothing leaves no groups."""
        if container.processes:
            return
        try:
            self.cgroups.remove(container.name)
        except CgroupError as error:
            self._log.warn("groups of {name} remain: {error}", name=container.name, error=error)

    def _settle(self) -> None:
        """See to whatever is not over, now that nothing asked for earlier is under way."""
        self._settle_no_more()
        self._see_to_all(settled=True)

    def _begin_unsettled(self) -> None:
        self._log.warn("something that was asked of an earlier gce neither begins nor fails")
        self._see_to_all(settled=False)

    def _settle_no_more(self) -> None:
        if self._settling is not None and self._settling.active():
            self._settling.cancel()

    def _see_to_all(self, *, settled: bool) -> None:
        ready, self._ready = self._ready, None
        try:
            if ready is not None:
                self._adopt()
            for process in list(self._all()):
                if process.verdict not in OVER:
                    self._see_to(process, settled=settled)
        except OSError:
            if ready is None:
                raise
            ready.errback(Failure())
            return
        if ready is not None:
            self._remove_unwanted_groups()
            ready.callback(None)

    def _adopt(self) -> None:
        for known in list(self._records.processes()):
            container = self._containers.setdefault(known.container, Container(known.container))
            container.processes[known.name] = Process(known, NOTHING)

    def _see_to(self, process: Process, *, settled: bool) -> None:
        """One whose record is damaged is lost, and keeps nobody from the others."""
        try:
            if process.record == NOTHING:
                process.record = Record(self._records.read(process.id).spec)
            self._look(process, settled=settled)
        except OSError as error:
            if error.errno in _OF_THIS_MACHINE:
                raise
            self._log.error(
                "what is known of {process} cannot be read: {error}",
                process=str(process.id),
                error=error,
            )
            process.verdict = Verdict.LOST
            self._changed(process)

    def _remove_unwanted_groups(self) -> None:
        """A gce that was killed between making a group and recording why left it behind."""
        for name in self.cgroups.containers():
            if name not in self._containers:
                self._log.info("removing the groups of {name}, which nobody wants", name=name)
                self._containers[name] = Container(name)
                Deferred.fromCoroutine(self.remove(name)).addErrback(
                    lambda failure: self._log.failure("removing unwanted groups", failure)
                )

    def _news(self, process_id: ProcessId) -> None:
        process = self._find(process_id)
        if process is not None:
            self._look(process)

    def _look(self, process: Process, *, settled: bool = False, gone: bool = False) -> None:
        """
        Read the record of a process, and do what its verdict asks for.

        The keeper is looked for before: unless it is `gone`.
        """
        spec = process.record.spec
        of_this_boot = spec is None or spec.boot == self._boot  # else its keeper's pid is another's
        if process.watch is None and not gone and of_this_boot:
            claim = self._records.read_claim(process.id)
            if claim is not None:
                process.watch = self._watch(process, claim)
                process.record = evolve(process.record, claim=claim)
        process.record = self._records.read(process.id, process.record)
        process.verdict = verdict(
            process.record,
            boot=self._boot,
            keeper_lives=process.watch is not None,
            settled=settled,
        )
        if process.verdict is Verdict.VOID:
            self._forget(process)
            return
        if process.verdict is Verdict.WANTED:
            process.verdict = Verdict.STARTING
            assert process.record.spec is not None
            self._launcher.launch(process.id, process.record.spec)
        elif process.verdict is Verdict.LOST:
            self._log.warn("the end of {process} is not known", process=str(process.id))
        if process.verdict in OVER:
            self._forget_superfluous(self._containers[process.id.container])
        self._changed(process)

    def _watch(self, process: Process, claim: Claim) -> IKeeperWatch | None:
        def gone() -> None:
            process.watch = None
            self._look(process, gone=True)

        return self._keepers.watch(claim, gone)

    def _changed(self, process: Process) -> None:
        """Tell all who wait. Whoever is told may call back at once: so that comes last."""
        container = self._containers[process.id.container]
        self._stops.go_on(container)
        for feed in tuple(self._feeds):
            feed.changed(process.id)
        if process.verdict is not Verdict.STARTING:
            begun, process.begun = process.begun, []
            for waiting in begun:
                waiting.callback(None)

    def _remove_now(self, container: Container, *, last_try: bool = False) -> bool:
        """Whether it worked; the kernel may need a moment to see that a group is empty."""
        container.entrance = None  # from here on some of the groups may be gone
        try:
            self.cgroups.remove(container.name)
            self._records.forget(container.name)
        except CgroupError as error:
            if last_try:
                raise GalaxyError(kAgentError, str(error)) from error
            return False
        except OSError as error:
            raise GalaxyError(
                kPersistenceError, f"cannot forget {container.name}: {error}"
            ) from error
        del self._containers[container.name]
        self._stops.finish(container)
        for feed in tuple(self._feeds):
            feed.removed(container.name)
        return True

    def _forget(self, process: Process) -> None:
        container = self._containers[process.id.container]
        self._records.forget_process(process.id)
        del container.processes[process.id.name]
        if not container.processes:
            del self._containers[process.id.container]

    def _forget_superfluous(self, container: Container) -> None:
        ended = {
            name: 0.0 if process.record.ended is None else process.record.ended.time
            for name, process in container.processes.items()
            if process.verdict in OVER and process.watch is None
        }
        for name in superfluous(ended):
            self._forget(container.processes[name])

    def _status(self, process: Process) -> ProcessStatus:
        cgroup = self.cgroups.path(process.id.container)
        return status(process.id, process.verdict, process.record, cgroup)

    def _find(self, process_id: ProcessId) -> Process | None:
        container = self._containers.get(process_id.container)
        return None if container is None else container.processes.get(process_id.name)

    def _all(self) -> Iterator[Process]:
        for container in self._containers.values():
            yield from container.processes.values()
