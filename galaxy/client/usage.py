"""What `galaxy top` shows: who uses how much, the busiest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.client.layout import Column, Listing, Row, bytes_of, cores_of, part_of, plain, size
from galaxy.protocol.master_pb2 import AgentOverview, PodOverview


def agent_use(overview: AgentOverview) -> Row:
    """What the pods of a machine use together."""
    return {
        "endpoint": overview.endpoint,
        "pods": overview.pods,
        "cpu_used_millicores": overview.cpu_used_millicores,
        "cpu_total_millicores": overview.facts.total.millicores,
        "memory_used_bytes": overview.memory_used_bytes,
        "memory_total_bytes": overview.facts.total.memory,
    }


def pod_use(overview: PodOverview) -> Row:
    """What the tasks of a pod use together; what its agent did not tell is null."""
    status = overview.status
    told = overview.HasField("status")

    def together(field: str) -> int | None:
        return sum(getattr(task, field) for task in status.tasks) if told else None

    return {
        "pod_id": overview.pod_id,
        "endpoint": overview.endpoint,
        "cpu_used_millicores": status.used_millicores if told else None,
        "cpu_assigned_millicores": overview.cpu_assigned_millicores,
        "memory_used_bytes": status.used_memory if told else None,
        "memory_with_cache_bytes": together("used_memory_with_cache"),
        "memory_assigned_bytes": overview.memory_assigned_bytes,
        "pids": together("pids"),
        "read_bytes_ps": together("read_bytes_ps"),
        "write_bytes_ps": together("write_bytes_ps"),
        "read_io_ps": together("read_io_ps"),
        "write_io_ps": together("write_io_ps"),
    }


def busiest_first(rows: Iterable[Row]) -> list[Row]:
    """By processor time, then by memory; of whom nothing is known, last."""

    def use(row: Row) -> tuple[int, int]:
        cpu, memory = row["cpu_used_millicores"], row["memory_used_bytes"]
        return (-1, -1) if cpu is None else (cpu, memory)

    return sorted(rows, key=use, reverse=True)


def _cpu(total: str) -> Column:
    return Column(
        "cpu", lambda row: part_of(cores_of(row["cpu_used_millicores"]), cores_of(row[total]))
    )


def _memory(total: str) -> Column:
    return Column(
        "memory", lambda row: part_of(bytes_of(row["memory_used_bytes"]), bytes_of(row[total]))
    )


AGENT_USE = Listing(
    name="endpoint",
    columns=(
        Column("agent", plain("endpoint")),
        Column("pods", plain("pods")),
        _cpu("cpu_total_millicores"),
        _memory("memory_total_bytes"),
    ),
)

POD_USE = Listing(
    name="pod_id",
    columns=(
        Column("pod", plain("pod_id")),
        Column("agent", plain("endpoint")),
        _cpu("cpu_assigned_millicores"),
        _memory("memory_assigned_bytes"),
        Column("with cache", size("memory_with_cache_bytes")),
        Column("pids", plain("pids")),
        Column("read/s", size("read_bytes_ps")),
        Column("written/s", size("write_bytes_ps")),
        Column("reads/s", plain("read_io_ps"), wide=True),
        Column("writes/s", plain("write_io_ps"), wide=True),
    ),
)
