"""
gce without processes: the same service over a machine that exists in memory.

For scenarios on one `Clock`. Everything above the processes is the real thing
(`Supervisor`, `GceService`); what a process does is told by a *behaviour*
(`galaxy.gce.memory_machine`), or by the test: `gce.end("web.0", "main.0", exit_code=1)`.

It is an object that outlives the agents of a test, as gce outlives an agent.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy.gce.cgroups import Usage
from galaxy.gce.memory_machine import BOOT, Behave, MemoryMachine, usual
from galaxy.gce.record import Ended, ProcessId, Spec
from galaxy.gce.requests import ENGINES_OWN
from galaxy.gce.service import GceService
from galaxy.gce.supervisor import Supervisor
from galaxy.protocol.services import IGce


@implementer(IGce)
class MemoryGce(GceService):
    """Serves as the real one does; every user is known to it."""

    def __init__(
        self,
        clock: IReactorTime,
        behave: Behave = usual,
        isolation: str = "cgroup-v1",
        reason: str = "",
    ) -> None:
        self.machine = MemoryMachine(clock, behave, isolation, reason)
        supervisor = Supervisor(
            records=self.machine.records,
            cgroups=self.machine,
            launcher=self.machine,
            keepers=self.machine,
            clock=clock,
            boot=BOOT,
        )
        supervisor.start()
        super().__init__(supervisor, clock, "memory", lambda _: ENGINES_OWN)

    def end(
        self,
        container: str,
        name: str,
        *,
        exit_code: int = 0,
        signal: int = 0,
        oom: bool = False,
    ) -> None:
        """End a running process; KeyError if it does not run."""
        pids = {live.process: pid for pid, live in self.machine.live.items()}
        pid = pids[ProcessId(container, name)]
        self.machine.end(pid, Ended(0.0, exit_code, signal, oom=oom))

    def running(self) -> list[ProcessId]:
        """What runs, in the order in which it was started."""
        return [live.process for live in self.machine.live.values()]

    def launched(self) -> list[ProcessId]:
        """All that was ever started, in order."""
        return list(self.machine.launched)

    def pid(self, container: str, name: str) -> int:
        """The pid of a process that was started; KeyError if none was."""
        started = self.machine.records.by_id[ProcessId(container, name)].started
        if started is None:
            raise KeyError(name)
        return started.pid

    def spec(self, container: str, name: str) -> Spec:
        """What was asked for; KeyError if nothing was."""
        spec = self.machine.records.by_id[ProcessId(container, name)].spec
        assert spec is not None
        return spec

    def use(self, container: str, usage: Usage) -> None:
        """Have a container use this much from now on."""
        self.machine.usages[container] = usage

    def fill_disk(self, *, full: bool = True) -> None:
        """Have no more room for records; or room again."""
        self.machine.records.full = full
