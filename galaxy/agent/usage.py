"""
What tasks use: rates from two samples of counters. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import add

from attrs import astuple, frozen

from galaxy.agent.records import Pod
from galaxy.protocol.agent_pb2 import JobUsage
from galaxy.protocol.gce_pb2 import ContainerUsage

_CPU, _IO = "cpu_ns", ("read_bytes", "write_bytes", "read_ios", "write_ios")


@frozen
class Used:
    """Memory and processes now; processor time and io, a second, since the sample before."""

    millicores: int = 0
    memory_bytes: int = 0  # without page cache
    memory_with_cache_bytes: int = 0
    pids: int = 0
    read_bytes_ps: int = 0
    write_bytes_ps: int = 0
    read_io_ps: int = 0
    write_io_ps: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(*map(add, astuple(self), astuple(other)))


NOTHING = Used()


class Meter:
    """The last sample of each container, and what it says beside the one before."""

    def __init__(self) -> None:
        self._time = 0.0
        self._counters: Mapping[str, ContainerUsage] = {}
        self._used: dict[str, Used] = {}
        self.total = NOTHING  # of all containers

    def sample(self, time: float, counters: Mapping[str, ContainerUsage]) -> None:
        """Take a sample of all containers; `time` in seconds, of the clock that measured it."""
        elapsed_s = time - self._time
        before = self._counters
        self._used = {
            name: _used(before.get(name), now, elapsed_s) for name, now in counters.items()
        }
        self.total = sum(self._used.values(), NOTHING)
        self._time = time
        self._counters = counters

    def of(self, container: str) -> Used:
        """What one container uses."""
        return self._used.get(container, NOTHING)

    def of_pod(self, pod: Pod) -> Used:
        """What the tasks of a pod use together."""
        return sum(
            (self.of(pod.key.container(number)) for number in range(len(pod.tasks))), NOTHING
        )

    def by_job(self, pods: Iterable[Pod]) -> list[JobUsage]:
        """What the pods of each job use together."""
        jobs: dict[str, Used] = {}
        for pod in pods:
            jobs[pod.key.job_id] = jobs.get(pod.key.job_id, NOTHING) + self.of_pod(pod)
        return [
            JobUsage(job_id=job_id, millicores=used.millicores, memory=used.memory_bytes)
            for job_id, used in jobs.items()
        ]


def _used(before: ContainerUsage | None, now: ContainerUsage, elapsed_s: float) -> Used:
    def rate(counter: str) -> float:
        """What was added a second; nothing for a container that is new, or was made anew."""
        if before is None or elapsed_s <= 0:
            return 0.0
        return max(0, getattr(now, counter) - getattr(before, counter)) / elapsed_s

    return Used(
        round(rate(_CPU) / 1e6),
        now.memory,
        now.memory_with_cache,
        now.pids,
        *(round(rate(counter)) for counter in _IO),
    )
