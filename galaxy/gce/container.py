"""What the supervisor keeps in memory of containers and their processes."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from galaxy.gce.cgroups import Allowance, Entrance
from galaxy.gce.interfaces import IKeeperWatch
from galaxy.gce.lifecycle import OVER, Stopping, Verdict
from galaxy.gce.record import ProcessId, Record


@define(eq=False)
class Process:
    """A process: what its record says, and who watches its keeper while that lives."""

    id: ProcessId
    record: Record
    verdict: Verdict = Verdict.STARTING
    watch: IKeeperWatch | None = None
    begun: list[Deferred[None]] = field(factory=list)  # who waits for it to run, or not to


@define(eq=False)
class Container:
    """A container: its processes, and the stop that is under way, if one is."""

    name: str
    processes: dict[str, Process] = field(factory=dict)
    allowance: Allowance | None = None  # None: not set by this gce, nor `entrance`
    entrance: Entrance | None = None
    removing: int = 0  # calls under way
    stopping: Stopping | None = None
    stopped: list[Deferred[None]] = field(factory=list)  # who waits for the stop
    look: IDelayedCall | None = None

    def keepers(self) -> list[int]:
        """The pids of the living keepers."""
        return [
            process.record.claim.pid
            for process in self.processes.values()
            if process.watch is not None and process.record.claim is not None
        ]

    def is_starting(self) -> bool:
        """Whether a process is about to begin."""
        return any(process.verdict is Verdict.STARTING for process in self.processes.values())

    def is_over(self) -> bool:
        """Whether every process has ended, and its keeper gone."""
        return all(
            process.verdict in OVER and process.watch is None for process in self.processes.values()
        )
