"""
What tasks use: rates from two samples of counters. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from galaxy.agent.records import Pod
from galaxy.protocol.agent_pb2 import JobUsage
from galaxy.protocol.gce_pb2 import ContainerUsage


@frozen
class Used:
    """Processor time since the sample before, and memory now."""

    millicores: int = 0
    memory_bytes: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(self.millicores + other.millicores, self.memory_bytes + other.memory_bytes)


NOTHING = Used()


class Meter:
    """The last sample of each container, and what it says beside the one before."""

    def __init__(self) -> None:
        self._time = 0.0
        self._counters: Mapping[str, ContainerUsage] = {}
        self._used: dict[str, Used] = {}

    def sample(self, time: float, counters: Mapping[str, ContainerUsage]) -> None:
        """Take a sample of all containers; `time` in seconds, of the clock that measured it."""
        elapsed_s = time - self._time
        before = self._counters
        self._used = {
            name: Used(_millicores(before.get(name), now, elapsed_s), now.memory)
            for name, now in counters.items()
        }
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


def _millicores(before: ContainerUsage | None, now: ContainerUsage, elapsed_s: float) -> int:
    if before is None or elapsed_s <= 0 or now.cpu_ns < before.cpu_ns:
        return 0
    return round((now.cpu_ns - before.cpu_ns) / elapsed_s / 1e6)
