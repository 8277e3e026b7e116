"""
What the master says, as the documents that `-o json` prints. Pure.

The names are a promise to scripts: fields may be added, none renamed. What is
not known is null, and so is what never happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from galaxy.client.jobfile.written import written
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import NamedPort
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    Amount,
    GetStatusResponse,
    JobOverview,
    PodOverview,
    ShowJobResponse,
    TaskOverview,
)
from galaxy.protocol.words import word

Row = dict[str, Any]


def job(overview: JobOverview) -> Row:
    """One job of `galaxy jobs`."""
    return {
        "job_id": overview.job_id,
        "name": overview.name,
        "user": overview.user,
        "type": word(pb.JobType, overview.type),
        "priority": overview.priority,
        "state": word(pb.JobState, overview.state),
        "update_state": word(pb.JobUpdateState, overview.update_state),
        "version": overview.version,
        "replica": overview.replica,
        "deploy_step": overview.deploy_step,
        "running": overview.running,
        "healthy": overview.healthy,
        "updated": overview.updated,
        "breakpoint": overview.breakpoint,
        "deploying": overview.deploying,
        "pending": overview.pending,
        "death": overview.death,
        "finished": overview.finished,
        "failed": overview.failed,
        "cpu_used_millicores": overview.cpu_used_millicores,
        "memory_used_bytes": overview.memory_used_bytes,
        "create_time": _time(overview.create_time),
        "update_time": _time(overview.update_time),
        "known": not overview.awaited,
        "reason": overview.reason,
    }


def shown_job(
    answer: ShowJobResponse, pods: list[Row], events: list[Row], failure: Row | None = None
) -> Row:
    """The document of `galaxy show`."""
    return job(answer.job) | {
        "versions": [
            {"version": each.version, "time": each.time, "pods": each.pods}
            for each in answer.versions
        ],
        "pods": pods,
        "events": events,
        "last_failure": failure,
        "spec": written(answer.spec),
    }


def pod(overview: PodOverview) -> Row:
    """One pod of `galaxy pods`; what its agent did not tell is null."""
    told = overview.HasField("status")
    status = overview.status
    return {
        "pod_id": overview.pod_id,
        "job_id": overview.job_id,
        "job_name": overview.job_name,
        "index": overview.index,
        "incarnation": overview.incarnation,
        "stage": word(pb.PodStage, overview.stage),
        "state": word(pb.PodState, overview.state),
        "healthy": overview.healthy,
        "version": overview.version,
        "endpoint": overview.endpoint,
        "ports": _ports(status.ports) if told else None,
        "reason": overview.reason or status.reason,
        "restarts": sum(task.restarts for task in status.tasks) if told else None,
        "cpu_used_millicores": status.used_millicores if told else None,
        "cpu_assigned_millicores": overview.cpu_assigned_millicores,
        "memory_used_bytes": status.used_memory if told else None,
        "memory_assigned_bytes": overview.memory_assigned_bytes,
        "pending_time": _time(overview.pending_time),
        "sched_time": _time(overview.sched_time),
        "start_time": _time(status.start_time),
        "path": status.path if told else None,
        "dead": overview.dead,
    }


def last_failure(pods: Iterable[PodOverview]) -> Row | None:
    """Of the tasks of these pods, dead or not, how the one ended that failed last; None: none."""
    failed = (
        (status, pod)
        for pod in pods
        if pod.status.state != pb.kPodTerminate  # what is stopped does not fail
        for status in pod.status.tasks
        if status.state in {pb.kTaskError, pb.kTaskSuspend}
        or (status.ended and (status.exit_code or status.signal))
    )
    latest = max(failed, key=lambda pair: pair[0].end_time, default=None)
    if latest is None:
        return None
    status, pod = latest
    shown = ("end_time", "exit_code", "signal", "oom_killed", "core_dumped", "reason", "said")
    row = task(
        TaskOverview(
            pod_id=pod.pod_id, endpoint=pod.endpoint, status=status, incarnation=pod.incarnation
        )
    )
    return {name: row[name] for name in ("task_id", "endpoint", "incarnation", *shown)}


def _ports(ports: Iterable[NamedPort]) -> dict[str, int]:
    return {port.name or str(port.port): port.port for port in ports}


def task(overview: TaskOverview) -> Row:
    """One task of `galaxy tasks`."""
    status = overview.status
    return {
        "task_id": status.task_id,
        "pod_id": overview.pod_id,
        "endpoint": overview.endpoint,
        "state": word(pb.TaskState, status.state),
        "stage": status.stage,
        "progress": status.progress,
        "pid": status.pid or None,
        "exit_code": status.exit_code if status.ended and not status.signal else None,
        "signal": status.signal or None,
        "oom_killed": status.oom_killed,
        "core_dumped": status.core_dumped,
        "said": list(status.said),
        "incarnation": overview.incarnation,
        "dead": overview.dead,
        "restarts": status.restarts,
        "cgroup": status.cgroup,
        "cpu_used_millicores": status.used_millicores,
        "memory_used_bytes": status.used_memory,
        "memory_with_cache_bytes": status.used_memory_with_cache,
        "pids": status.pids,
        "read_bytes_ps": status.read_bytes_ps,
        "write_bytes_ps": status.write_bytes_ps,
        "read_io_ps": status.read_io_ps,
        "write_io_ps": status.write_io_ps,
        "deploy_time": _time(status.deploy_time),
        "start_time": _time(status.start_time),
        "end_time": _time(status.end_time),
        "next_try_time": _time(status.next_try_time),
        "command": status.command,
        "reason": status.reason,
    }


def agent(overview: AgentOverview) -> Row:
    """One machine of `galaxy agents`."""
    facts = overview.facts
    return {
        "endpoint": overview.endpoint,
        "hostname": facts.hostname,
        "state": word(pb.AgentState, overview.state),
        "labels": sorted(overview.labels),
        "pods": overview.pods,
        "cpu_total_millicores": facts.total.millicores,
        "cpu_assigned_millicores": overview.cpu_assigned_millicores,
        "cpu_used_millicores": overview.cpu_used_millicores,
        "memory_total_bytes": facts.total.memory,
        "memory_assigned_bytes": overview.memory_assigned_bytes,
        "memory_used_bytes": overview.memory_used_bytes,
        "disk_total_bytes": sum(disk.quota for disk in facts.total.disks),
        "disk_assigned_bytes": overview.disk_assigned_bytes,
        "ssd_total_bytes": sum(disk.quota for disk in facts.total.ssds),
        "ssd_assigned_bytes": overview.ssd_assigned_bytes,
        "isolation": facts.isolation,
        "isolation_reason": facts.isolation_reason,
        "epoch": facts.epoch,
        "cluster_id": facts.cluster,
        "stale_refusals": facts.stale_refusals,
        "build": facts.build,
        "heartbeat_time": _time(overview.heartbeat_time),
        "reason": overview.reason,
    }


def status(answer: GetStatusResponse) -> Row:
    """The document of `galaxy status`."""
    return {
        "leader": answer.leader,
        "epoch": answer.epoch,
        "cluster_id": answer.cluster,
        "strangers": list(answer.strangers),
        "standbys": list(answer.standbys),
        "doubt": answer.doubt,
        "safe_mode": answer.safe_mode,
        "safe_mode_reason": answer.safe_mode_reason,
        "safe_mode_share": answer.safe_mode_share,
        "agents": {
            "total": answer.agents_total,
            "alive": answer.agents_alive,
            "dead": answer.agents_dead,
            "offline": answer.agents_offline,
        },
        "cpu": _amount(answer.cpu),
        "memory": _amount(answer.memory),
        "jobs": answer.jobs,
        "pods": {
            "running": answer.pods_running,
            "deploying": answer.pods_deploying,
            "pending": answer.pods_pending,
            "death": answer.pods_death,
            "finished": answer.pods_finished,
        },
        "build": answer.build,
    }


def _amount(amount: Amount) -> Row:
    return {"total": amount.total, "assigned": amount.assigned, "used": amount.used}


def _time(seconds: float) -> float | None:
    """A time, or never."""
    return seconds or None
