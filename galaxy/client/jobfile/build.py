"""The `JobDescriptor` that the keys of a job file speak of. Pure but for the packages."""

from __future__ import annotations

from collections.abc import Callable

from galaxy.client.jobfile.schema import (
    HealthKeys,
    JobKeys,
    PortKeys,
    RequirementKeys,
    TaskKeys,
    VolumeKeys,
)
from galaxy.defaults import default_priority
from galaxy.protocol import types_pb2 as pb

Package = Callable[[int, str], bytes]
"""Reads the package of the task of that number: the bytes of the file it names."""

_RESTARTS = {
    None: pb.kRestartByType,
    "always": pb.kRestartAlways,
    "on_failure": pb.kRestartOnFailure,
    "never": pb.kRestartNever,
}
_NETWORKS = {"host": pb.kNetworkHost, "private": pb.kNetworkPrivate}


def descriptor(keys: JobKeys, package: Package) -> pb.JobDescriptor:
    """The job as it goes to the master; what was not said is left unset."""
    job_type = pb.JobType.Value(keys.type) if keys.type else pb.kJobTypeUnset
    unset = 0 if job_type == pb.kSystem else 1
    return pb.JobDescriptor(
        name=keys.name,
        user=keys.user,
        type=keys.type,
        priority=default_priority(job_type) if keys.priority is None else keys.priority,
        replica=unset if keys.replica is None else keys.replica,
        deploy_step=keys.deploy_step,
        max_per_host=keys.max_per_host,
        restart=_RESTARTS[keys.restart],
        retries=keys.retries,
        update=pb.UpdatePolicy(
            min_healthy_s=keys.update.min_healthy,
            healthy_deadline_s=keys.update.healthy_deadline,
            auto_revert=keys.update.auto_revert,
        ),
        pod=pb.PodDescriptor(
            version=keys.pod.version,
            labels=keys.labels,
            namespace_isolation=keys.pod.namespace_isolation,
            require_isolation=keys.pod.require_isolation,
            network=_NETWORKS[keys.pod.network],
            requirement=_resource(keys.pod.requirement),
            tasks=[
                _task(number, task, keys, package) for number, task in enumerate(keys.pod.tasks)
            ],
        ),
    )


def _task(number: int, keys: TaskKeys, job: JobKeys, package: Package) -> pb.TaskDescriptor:
    text = keys.binary or ""
    inline = keys.source_type == "kSourceTypeBinary" and text
    task = pb.TaskDescriptor(
        binary=package(number, text) if inline else text.encode("utf-8"),
        start_command=keys.start_command,
        stop_command=keys.stop_command,
        stop_timeout_s=keys.stop_timeout,
        deploy_timeout_s=keys.deploy_timeout,
        log_bytes=keys.log_size,
        envs=keys.envs,
        sha256=keys.sha256,
        mem_isolation_type=keys.mem_isolation_type,
        cpu_isolation_type=keys.cpu_isolation_type,
        namespace_isolation=job.pod.namespace_isolation,
        source_type=keys.source_type,
        seccomp=keys.seccomp or "",
    )
    if keys.requirement:
        task.requirement.CopyFrom(_resource(keys.requirement))
    if keys.health:
        task.health.CopyFrom(_health(keys.health))
    return task


def _resource(keys: RequirementKeys) -> pb.Resource:
    resource = pb.Resource(
        millicores=keys.millicores or 0,
        memory=keys.memory or 0,
        ports=[_port(port) for port in keys.ports],
        disks=[_volume(volume) for volume in keys.disks],
        ssds=[_volume(volume) for volume in keys.ssds],
        read_bytes_ps=keys.read_bytes_ps,
        write_bytes_ps=keys.write_bytes_ps,
        read_io_ps=keys.read_io_ps,
        write_io_ps=keys.write_io_ps,
        io_weight=keys.io_weight,
        cpuset=keys.cpuset,
        pids=keys.pids,
        workspace=keys.workspace,
    )
    if keys.tmpfs:
        resource.tmpfs.size = keys.tmpfs.size or 0
        resource.tmpfs.path = keys.tmpfs.path or ""
    return resource


def _volume(keys: VolumeKeys) -> pb.Volume:
    return pb.Volume(quota=keys.quota or 0, path=keys.path or "")


def _port(keys: PortKeys) -> pb.Port:
    dynamic = keys.port == "dynamic"
    return pb.Port(name=keys.name, port=None if dynamic else keys.port, dynamic=dynamic)


def _health(keys: HealthKeys) -> pb.HealthCheck:
    return pb.HealthCheck(
        command=keys.command or "",
        tcp_port=keys.tcp or "",
        http_port=(keys.http.port or "") if keys.http else "",
        http_path=keys.http.path if keys.http else "",
        interval_s=keys.interval,
        timeout_s=keys.timeout,
        grace_s=keys.grace,
        failures=keys.failures,
    )
