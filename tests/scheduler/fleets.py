"""Small fleets and groups, for the tests of the scheduler."""

from __future__ import annotations

from collections.abc import Sequence

from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.scheduler.fleet import Fleet
from galaxy.scheduler.groups import Group, Shape

GIB = 1 << 30


def agent(
    number: int,
    *,
    cores: float = 4,
    gib: float = 8,
    assigned_cores: float = 0,
    assigned_gib: float = 0,
    used_cores: float = 0,
    pods: int = 0,
    labels: Sequence[str] = (),
    ports: Sequence[int] = (),
    schedulable: bool = True,
    closed: str | None = None,
    isolated: bool = True,
    disk_gib: float = 0,
    ssd_gib: float = 0,
) -> AgentSnapshot:
    """An agent as the master tells of it."""
    return AgentSnapshot(
        agent=number,
        endpoint=f"10.0.0.{number}:8221",
        total_millicores=round(cores * 1000),
        total_memory=round(gib * GIB),
        assigned_millicores=round(assigned_cores * 1000),
        assigned_memory=round(assigned_gib * GIB),
        used_millicores=round(used_cores * 1000),
        pods=pods,
        labels=labels,
        ports=ports,
        schedulable=schedulable and closed is None,
        closed=closed or "",
        isolated=isolated,
        free_disk=round(disk_gib * GIB),
        free_ssd=round(ssd_gib * GIB),
    )


def fleet_of(*agents: AgentSnapshot) -> Fleet:
    """A fleet of these agents."""
    fleet = Fleet()
    fleet.apply(agents)
    return fleet


def group(
    job: str = "job",
    count: int = 1,
    *,
    cores: float = 1,
    gib: float = 1,
    labels: Sequence[str] = (),
    ports: Sequence[int] = (),
    isolated: bool = False,
    user: str = "ann",
    priority: int = 0,
    max_per_host: int = 0,
    occupied: Sequence[tuple[int, int]] = (),
    running: int = 0,
    since: float = 0.0,
) -> Group:
    """Pods that wait."""
    return Group(
        job_id=job,
        version="1",
        count=count,
        shape=Shape(round(cores * 1000), round(gib * 1024), tuple(ports), tuple(labels), isolated),
        max_per_host=max_per_host,
        occupied=tuple(occupied),
        priority=priority,
        user=user,
        running=running,
        pending_since=since,
    )
