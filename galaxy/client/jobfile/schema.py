"""
Which keys a job file may have, and of what kind their values are. Pure.

Whether the values make sense together is `galaxy.descriptions`' to say. All
keys may be missing here: `REQUIRED` names those that may not, so that a file
with twelve mistakes can be read around them.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from galaxy.resources import parse_size

REQUIRED: tuple[tuple[str, ...], ...] = (
    ("name",),
    ("type",),
    ("pod",),
    ("pod", "requirement"),
    ("pod", "requirement", "millicores"),
    ("pod", "requirement", "memory"),
    ("pod", "tasks"),
)
REQUIRED_OF_TASKS: tuple[tuple[str, ...], ...] = (("binary",), ("source_type",))

STAND_INS: dict[str, Any] = {
    "labels": "any",
    "envs": "ANY=",
    "ports": "dynamic",
    "tasks": {},
    "disks": {},
    "ssds": {},
}
"""What a faulty element of a list is replaced by, to read on behind it."""


_PRIORITIES = {"kStorageService": 100, "kNormalService": 70, "kBatchTask": 25}
"""Galaxy 2's words."""


def _as_list(value: Any) -> Any:
    if value == "":  # Galaxy 2's way to ask for no label
        return []
    return [value] if isinstance(value, str) else value


def _as_priority(value: Any) -> Any:
    return _PRIORITIES.get(value, value) if isinstance(value, str) else value


def _as_port(value: Any) -> Any:
    return value if isinstance(value, dict) else {"port": value}


def _port_number(value: Any) -> Any:
    if value == "dynamic" or (type(value) is int and abs(value) < 2**31):
        return value
    raise ValueError(f'must be a number or "dynamic", not {_shown(value)}')


def _port_reference(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    raise ValueError(f"must be the number or the name of a port, not {_shown(value)}")


def _as_http(value: Any) -> Any:
    return value if isinstance(value, dict) else {"port": value}


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."


Count = Annotated[int, Field(ge=-(2**31), lt=2**31)]
LongCount = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Size = Annotated[int, BeforeValidator(parse_size)]


class _Keys(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class VolumeKeys(_Keys):
    """A disk or an ssd."""

    quota: Size | None = None
    path: str | None = None


class TmpfsKeys(_Keys):
    """Files in memory, counted in the pod's memory."""

    size: Size | None = None
    path: str | None = None


class PortKeys(_Keys):
    """A port; in the file also a number alone, or "dynamic" alone."""

    name: str | None = None
    port: Annotated[Any, BeforeValidator(_port_number)] = None


class RequirementKeys(_Keys):
    """What a pod or a task may use."""

    millicores: Count | None = None
    memory: Size | None = None
    ports: list[Annotated[PortKeys, BeforeValidator(_as_port)]] = []
    disks: list[VolumeKeys] = []
    ssds: list[VolumeKeys] = []
    read_bytes_ps: Size = 0
    write_bytes_ps: Size = 0
    read_io_ps: LongCount = 0
    write_io_ps: LongCount = 0
    io_weight: Count = 0
    cpuset: str = ""
    pids: Count = 0
    tmpfs: TmpfsKeys | None = None
    workspace: Size = 0


class HttpKeys(_Keys):
    """Where a page is asked for; in the file also the port alone."""

    port: Annotated[str | None, BeforeValidator(_port_reference)] = None
    path: str = "/"


class HealthKeys(_Keys):
    """How to see that a task does its work."""

    command: str | None = None
    tcp: Annotated[str | None, BeforeValidator(_port_reference)] = None
    http: Annotated[HttpKeys | None, BeforeValidator(_as_http)] = None
    interval: float = 0.0
    timeout: float = 0.0
    grace: float = 0.0
    failures: Count = 0


class TaskKeys(_Keys):
    """One supervised command and its package."""

    binary: str | None = None
    source_type: Literal["kSourceTypeBinary", "kSourceTypeFTP", "kSourceTypeCommand"] | None = None
    sha256: str = ""
    start_command: str = ""
    stop_command: str = ""
    stop_timeout: float = 0.0
    deploy_timeout: float = 0.0
    log_size: Size = 0
    requirement: RequirementKeys | None = None
    envs: list[str] = []
    mem_isolation_type: Literal["kMemIsolationCgroup", "kMemIsolationLimit"] = "kMemIsolationCgroup"
    cpu_isolation_type: Literal["kCpuIsolationHard", "kCpuIsolationSoft"] = "kCpuIsolationHard"
    seccomp: Literal["default", ""] | None = None
    health: HealthKeys | None = None


class PodKeys(_Keys):
    """What runs together on one machine."""

    version: str = ""
    namespace_isolation: bool = True
    require_isolation: bool = False
    network: Literal["host", "private"] = "host"
    requirement: RequirementKeys = RequirementKeys()
    tasks: list[TaskKeys] = []


class UpdateKeys(_Keys):
    """How carefully a new version is brought in."""

    min_healthy: float = 0.0
    healthy_deadline: float = 0.0
    auto_revert: bool = False


class JobKeys(_Keys):
    """The whole file."""

    name: str = ""
    user: str = ""
    type: Literal["kLongRun", "kBatch", "kSystem"] | None = None
    priority: Annotated[Count | None, BeforeValidator(_as_priority)] = None
    labels: Annotated[list[str], BeforeValidator(_as_list)] = []
    replica: Count | None = None
    deploy_step: Count = 0
    max_per_host: Count = 0
    restart: Literal["always", "on_failure", "never"] | None = None
    retries: Count = 0
    update: UpdateKeys = UpdateKeys()
    pod: PodKeys = PodKeys()
