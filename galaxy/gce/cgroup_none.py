"""
No control groups: nothing is limited, but what is stopped still dies.

A keeper is the parent of every orphan below it, so the processes of a container are
the descendants of its keepers, wherever they hid (double fork, `setsid`).
"""

from __future__ import annotations

import signal
from collections.abc import Collection

from zope.interface import implementer

from galaxy.gce.cgroups import Allowance, Ceiling, Entrance, ICgroups, Usage
from galaxy.gce.procfs import descendants, memory_and_cpu, send_signal


@implementer(ICgroups)
class NoCgroups:
    """Containers held together by their keepers alone."""

    isolation = "none"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def limit(self, ceiling: Ceiling) -> None:
        """Nothing is limited."""

    def create(self, container: str, allowance: Allowance) -> Entrance:
        """Nothing to make, nothing to join."""
        return Entrance()

    def path(self, container: str) -> str:
        """Nowhere."""
        return ""

    def pids(self, container: str, keepers: Collection[int]) -> list[int]:
        """What descends from the keepers."""
        return descendants(set(keepers)) if keepers else []

    def terminate(self, container: str, keepers: Collection[int]) -> None:
        """SIGTERM to each."""
        send_signal(self.pids(container, keepers), signal.SIGTERM)

    def kill_all(self, container: str, keepers: Collection[int]) -> None:
        """SIGKILL to each."""
        send_signal(self.pids(container, keepers), signal.SIGKILL)

    def freeze(self, container: str) -> None:
        """Not without a freezer."""

    def thaw(self, container: str) -> None:
        """Nothing was frozen."""

    def usage(self, container: str, keepers: Collection[int]) -> Usage:
        """What the living processes used; what ended ones used is not known."""
        pids = self.pids(container, keepers)
        sums = [memory_and_cpu(pid) for pid in pids]
        memory = sum(memory for memory, _ in sums)
        return Usage(sum(cpu for _, cpu in sums), memory, memory, len(pids))

    def containers(self) -> list[str]:
        """None leave a trace."""
        return []

    def remove(self, container: str) -> None:
        """Nothing to remove."""

    def close(self) -> None:
        """Nothing to remove."""
