"""
What a job description leaves out, filled in once. Pure.

The master fills in what it takes; clients do so to judge a job as the master
will. Nobody behind them has to guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from galaxy.protocol import types_pb2 as pb

_PRIORITIES: dict[int, int] = {pb.kLongRun: 70, pb.kSystem: 100, pb.kBatch: 25}
_STOP_TIMEOUT_S = 10.0
_DEPLOY_TIMEOUT_S = 300.0
_IO_WEIGHT = 500

BOUNDS = ("read_bytes_ps", "write_bytes_ps", "read_io_ps", "write_io_ps", "pids")
"""What a pod may leave unbounded, with 0."""


def default_priority(job_type: int) -> int:
    """What a job that names no priority gets: services come before batch work."""
    return _PRIORITIES.get(job_type, 0)


def pod_version(pod: pb.PodDescriptor) -> str:
    """The version of a pod description that names none: a hash of all it says."""
    unnamed = pb.PodDescriptor()
    unnamed.CopyFrom(pod)
    unnamed.ClearField("version")
    return hashlib.sha256(unnamed.SerializeToString(deterministic=True)).hexdigest()[:12]


def with_defaults(job: pb.JobDescriptor) -> pb.JobDescriptor:
    """
    A copy with all filled in that the rest of Galaxy need not guess.

    The restart policy by type, isolation for private networks, port names, shares of
    tasks that ask for nothing, ports that only a task names, times of health checks, and
    the version.
    Doing it twice changes nothing. `deploy_step` 0 stays: no bound.
    """
    full = pb.JobDescriptor()
    full.CopyFrom(job)
    pod = full.pod
    # Of what was said, not of what is filled in: a newer release with another
    # default is no new version of anybody's pods.
    pod.version = pod.version or pod_version(pod)
    if full.restart == pb.kRestartByType:
        batch = full.type == pb.kBatch
        full.restart = pb.kRestartOnFailure if batch else pb.kRestartAlways
    if full.type == pb.kSystem:
        full.replica = 0
    full.update.min_healthy_s = full.update.min_healthy_s or 1.0
    full.update.healthy_deadline_s = full.update.healthy_deadline_s or 300.0
    if pod.network == pb.kNetworkPrivate:  # without a box it would have that of the machine
        pod.require_isolation = True
    _name_ports(pod.requirement.ports)
    _share_out(pod)
    for task in pod.tasks:
        _name_ports(task.requirement.ports)
        requirement = task.requirement
        requirement.io_weight = requirement.io_weight or pod.requirement.io_weight or _IO_WEIGHT
        requirement.cpuset = requirement.cpuset or pod.requirement.cpuset
        task.stop_timeout_s = task.stop_timeout_s or _STOP_TIMEOUT_S
        task.deploy_timeout_s = task.deploy_timeout_s or _DEPLOY_TIMEOUT_S
        _fill_health(task)
        known = {port.port or port.name for port in pod.requirement.ports}
        pod.requirement.ports.extend(
            port for port in task.requirement.ports if (port.port or port.name) not in known
        )
    return full


def _name_ports(ports: Iterable[pb.Port]) -> None:
    for position, port in enumerate(ports):
        if not port.name:
            port.name = str(position if port.dynamic else port.port)


def _share_out(pod: pb.PodDescriptor) -> None:
    """Tasks that ask for nothing divide what the others leave of what the pod has."""
    total = pod.requirement
    for resource, offered in (
        ("millicores", total.millicores),
        ("memory", total.memory - max(0, total.tmpfs.size)),
        *((bound, most) for bound in BOUNDS if (most := getattr(total, bound)) > 0),
    ):
        asked = [getattr(task.requirement, resource) for task in pod.tasks]
        left = offered - sum(max(0, amount) for amount in asked)
        for task, amount in zip(pod.tasks, asked, strict=True):
            if amount == 0:
                setattr(task.requirement, resource, max(0, left // asked.count(0)))


def _fill_health(task: pb.TaskDescriptor) -> None:
    if not task.HasField("health"):
        return
    health = task.health
    health.interval_s = health.interval_s or 5.0
    health.timeout_s = health.timeout_s or 2.0
    health.grace_s = health.grace_s or 30.0
    health.failures = health.failures or 3
    if health.http_port:
        health.http_path = health.http_path or "/"
