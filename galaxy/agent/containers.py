"""
The boundary to the container engine, as the agent sees it, and its messages as values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from galaxy.agent.records import End
from galaxy.agent.steps import Life, Process
from galaxy.protocol.gce_pb2 import (
    ContainerUsage,
    ExecuteRequest,
    ProcessStatus,
    kProcessEnded,
    kProcessFailed,
    kProcessRunning,
)

Picture = Mapping[str, Mapping[str, Process]]
"""Every process known, by container and name."""


class Changed(Protocol):
    """Whoever is told that processes changed."""

    def __call__(self, containers: Iterable[str] | None) -> None:
        """These containers changed; None: the whole picture is another, or is lost."""


class IContainers(Interface):
    """
    The processes of this machine's tasks.

    Its calls fail with `GalaxyError`; after kRpcError and kDeadline it is not
    known whether they were carried out.
    """

    picture: Picture | None = Attribute("What runs; None while that is not known.")

    def execute(request: ExecuteRequest) -> Deferred[None]:
        """Start a process; it is in the picture before this fires."""

    def stop(container: str, grace_s: float) -> Deferred[None]:
        """End all that lives in a container. Fires when nothing does."""

    def end(container: str, name: str, grace_s: float, setting: str) -> Deferred[None]:
        """
        End a process and all that it began, such as what has a setting (NAME=value) in its
        environment. Fires when none of them lives.
        """

    def remove(container: str) -> Deferred[None]:
        """Take a container away; it is out of the picture before this fires."""

    def forget(container: str, name: str) -> None:
        """Keep an ended process in the picture no longer."""

    def usage() -> Deferred[tuple[float, Mapping[str, ContainerUsage]]]:
        """When it was measured, and what each container has used."""


def process(status: ProcessStatus) -> Process:
    """A process as gce reports it, as a value."""
    if status.state == kProcessFailed:
        reason = status.reason or "could not be started"
        end = End(time=status.end_time, failure=reason)
        return Process(Life.ENDED, status.pid, status.start_time, end, status.cgroup)
    if status.state == kProcessEnded:
        end = End(
            status.exit_code,
            status.signal,
            status.oom_killed,
            status.end_time,
            failure=status.reason,  # why it is not known how it ended
            core_dumped=status.core_dumped,
        )
        return Process(Life.ENDED, status.pid, status.start_time, end, status.cgroup)
    life = Life.RUNNING if status.state == kProcessRunning else Life.STARTING
    return Process(life, status.pid, status.start_time, None, status.cgroup)


def further(known: Process | None, told: Process) -> Process:
    """What holds of two reports that may come in any order: a life only moves forward."""
    if known is None or told.life.value >= known.life.value:
        return told
    return known
