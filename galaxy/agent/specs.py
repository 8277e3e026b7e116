"""
What of a pod's description decides how its tasks are run, as plain values.

The machines read these and never a protobuf message. Pure.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from galaxy.agent.health import HealthSpec, Kind
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.types_pb2 import (
    HealthCheck,
    TaskDescriptor,
    kBatch,
    kRestartAlways,
    kRestartNever,
    kRestartOnFailure,
    kSourceTypeCommand,
)

DEFAULT_STOP_TIMEOUT_S = 30.0
DEFAULT_DEPLOY_TIMEOUT_S = 300.0


class Deploying(Enum):
    """How a task's files come to its workspace."""

    NOTHING = "nothing"
    PACKAGE = "package"  # an archive, inline or by URL
    COMMAND = "command"


class Restart(Enum):
    """What to do when a main process has ended."""

    ALWAYS = "always"
    ON_FAILURE = "on failure"
    NEVER = "never"


@frozen
class TaskSpec:
    """How one task is to be run."""

    deploying: Deploying = Deploying.NOTHING
    restart: Restart = Restart.ALWAYS
    retries: int = 0  # where it is restarted on failure
    has_stop_command: bool = False
    stop_timeout_s: float = DEFAULT_STOP_TIMEOUT_S
    health: HealthSpec | None = None
    deploy_timeout_s: float = DEFAULT_DEPLOY_TIMEOUT_S


@frozen
class PodSpec:
    """How the tasks of a pod are to be run, and when it counts as healthy."""

    tasks: tuple[TaskSpec, ...]
    min_healthy_s: float = 0.0


def pod_spec(description: Description) -> PodSpec:
    """What a description asks for."""
    return PodSpec(
        tuple(_task_spec(description, task) for task in description.pod.tasks),
        description.min_healthy_s,
    )


def _task_spec(description: Description, task: TaskDescriptor) -> TaskSpec:
    return TaskSpec(
        deploying=deploying_of(task),
        restart=_restart(description),
        retries=description.retries,
        has_stop_command=bool(task.stop_command.strip()),
        stop_timeout_s=task.stop_timeout_s or DEFAULT_STOP_TIMEOUT_S,
        health=_health(task.health) if task.HasField("health") else None,
        deploy_timeout_s=task.deploy_timeout_s or DEFAULT_DEPLOY_TIMEOUT_S,
    )


def _health(check: HealthCheck) -> HealthSpec | None:
    kinds = {
        Kind.COMMAND: check.command,
        Kind.TCP: check.tcp_port,
        Kind.HTTP: check.http_port,
    }
    kind = next((kind for kind, what in kinds.items() if what), None)
    if kind is None:
        return None
    given = HealthSpec(kind, kinds[kind])
    return HealthSpec(
        kind,
        kinds[kind],
        path=check.http_path or given.path,
        interval_s=check.interval_s or given.interval_s,
        timeout_s=check.timeout_s or given.timeout_s,
        grace_s=check.grace_s or given.grace_s,
        failures=check.failures or given.failures,
    )


def deploying_of(task: TaskDescriptor) -> Deploying:
    """How the files of a task come to it."""
    if not task.binary.strip():
        return Deploying.NOTHING
    if task.source_type == kSourceTypeCommand:
        return Deploying.COMMAND
    return Deploying.PACKAGE


def _restart(description: Description) -> Restart:
    given = {
        kRestartAlways: Restart.ALWAYS,
        kRestartOnFailure: Restart.ON_FAILURE,
        kRestartNever: Restart.NEVER,
    }
    by_type = Restart.ON_FAILURE if description.type == kBatch else Restart.ALWAYS
    return given.get(description.restart, by_type)
