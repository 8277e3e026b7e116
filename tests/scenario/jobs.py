"""Jobs that scenarios submit."""

from __future__ import annotations

from typing import Any

from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    JobType,
    PodDescriptor,
    Resource,
    TaskDescriptor,
    kLongRun,
    kSourceTypeCommand,
)

MIB = 1 << 20


def job(
    name: str = "web",
    *,
    replica: int = 2,
    kind: JobType = kLongRun,
    command: str = "serve",
    version: str = "v1",
    millicores: int = 500,
    memory: int = 512 * MIB,
    labels: tuple[str, ...] = (),
    **more: Any,
) -> JobDescriptor:
    """A job of one task a pod."""
    requirement = Resource(millicores=millicores, memory=memory)
    return JobDescriptor(
        name=name,
        user=more.pop("user", "ada"),
        type=kind,
        replica=replica,
        pod=PodDescriptor(
            version=version,
            labels=labels,
            requirement=requirement,
            tasks=[
                TaskDescriptor(
                    source_type=kSourceTypeCommand,
                    start_command=command,
                    requirement=requirement,
                )
            ],
        ),
        **more,
    )
