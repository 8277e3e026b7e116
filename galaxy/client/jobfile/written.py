"""
A job as a job file would say it: what reading undoes. Pure.

What was left out stays out. The bytes of a package inside the job are not
told back: its `binary` is empty.
"""

from __future__ import annotations

from typing import Any

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.words import word

Keys = dict[str, Any]

_RESTARTS = {
    pb.kRestartByType: None,
    pb.kRestartAlways: "always",
    pb.kRestartOnFailure: "on_failure",
    pb.kRestartNever: "never",
}


def written(job: pb.JobDescriptor) -> Keys:
    """The keys of a job file that describes this job."""
    return _said(
        {
            "name": job.name,
            "user": job.user,
            "type": word(pb.JobType, job.type) if job.type else None,
            "labels": list(job.pod.labels),
            "deploy_step": job.deploy_step,
            "max_per_host": job.max_per_host,
            "restart": _RESTARTS.get(job.restart),
            "retries": job.retries,
            "update": _said(
                {
                    "min_healthy": job.update.min_healthy_s,
                    "healthy_deadline": job.update.healthy_deadline_s,
                    "auto_revert": job.update.auto_revert,
                }
            ),
        }
    ) | {
        "priority": job.priority,
        "replica": job.replica,
        "pod": {
            "requirement": _requirement(job.pod.requirement),
            "tasks": [_task(task) for task in job.pod.tasks],
            "namespace_isolation": job.pod.namespace_isolation,
        }
        | _said(
            {
                "version": job.pod.version,
                "require_isolation": job.pod.require_isolation,
                "network": "private" if job.pod.network == pb.kNetworkPrivate else "",
            }
        ),
    }


def _said(keys: Keys) -> Keys:
    return {key: value for key, value in keys.items() if value}


def _task(task: pb.TaskDescriptor) -> Keys:
    inline = task.source_type == pb.kSourceTypeBinary
    binary = "" if inline else task.binary.decode("utf-8", "replace")
    keys: Keys = {"source_type": word(pb.SourceType, task.source_type), "binary": binary}
    if task.HasField("requirement"):
        keys["requirement"] = _requirement(task.requirement)
    if task.HasField("health"):
        keys["health"] = _health(task.health)
    memory, cpu = pb.MemIsolationType, pb.CpuIsolationType
    return keys | _said(
        {
            "sha256": task.sha256,
            "start_command": task.start_command,
            "stop_command": task.stop_command,
            "stop_timeout": task.stop_timeout_s,
            "deploy_timeout": task.deploy_timeout_s,
            "log_size": task.log_bytes,
            "envs": list(task.envs),
            "seccomp": task.seccomp,
            "mem_isolation_type": word(memory, task.mem_isolation_type),
            "cpu_isolation_type": word(cpu, task.cpu_isolation_type),
        }
    )


def _requirement(resource: pb.Resource) -> Keys:
    return {"millicores": resource.millicores, "memory": resource.memory} | _said(
        {
            "ports": [_port(port) for port in resource.ports],
            "disks": [{"quota": disk.quota, "path": disk.path} for disk in resource.disks],
            "ssds": [{"quota": ssd.quota, "path": ssd.path} for ssd in resource.ssds],
            "read_bytes_ps": resource.read_bytes_ps,
            "write_bytes_ps": resource.write_bytes_ps,
            "read_io_ps": resource.read_io_ps,
            "write_io_ps": resource.write_io_ps,
            "io_weight": resource.io_weight,
            "cpuset": resource.cpuset,
            "pids": resource.pids,
            "tmpfs": _said({"size": resource.tmpfs.size, "path": resource.tmpfs.path}),
            "workspace": resource.workspace,
        }
    )


def _port(port: pb.Port) -> Any:
    number = "dynamic" if port.dynamic else port.port
    return {"name": port.name, "port": number} if port.name else number


def _health(health: pb.HealthCheck) -> Keys:
    http = {"port": health.http_port, "path": health.http_path or "/"}
    return _said(
        {
            "command": health.command,
            "tcp": health.tcp_port,
            "http": http if health.http_port else None,
            "interval": health.interval_s,
            "timeout": health.timeout_s,
            "grace": health.grace_s,
            "failures": health.failures,
        }
    )
