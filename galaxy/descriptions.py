"""
What makes a job description sound. Pure.

Clients check before they send, the master checks before it believes; both ask
here, so that a file that `galaxy validate` accepts is not refused later.
Paths in problems are spelled as in a job file: `pod.tasks[0].requirement.memory`.

`problems` may be asked about anything that parses as a `JobDescriptor`: every
field may hold nonsense, and all of it is reported at once.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from posixpath import normpath
from urllib.parse import quote, urlsplit

from attrs import frozen

from galaxy.defaults import BOUNDS, with_defaults
from galaxy.processors import format_processors, parse_processors
from galaxy.protocol import types_pb2 as pb
from galaxy.resources import format_size

LEAST_LOG_BYTES = 64 << 10
INLINE_LIMIT_BYTES = 8 << 20
"""The most that the inline packages of one job may weigh together."""

IO_WEIGHTS = range(10, 1001)
PORTS = range(1, 65536)
LONGEST_PLACE = 200  # of a volume's path, in the bytes of a URL
_BOXES_OWN = ("/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/run")  # noqa: S108
URL_SCHEMES = ("file", "http", "https", "ftp")

_PORT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,31}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LABEL = re.compile(r"[^\s,]{1,64}")
_USER = re.compile(r"(?![0-9]+\Z)[^\s/:-][^\s/:]{0,63}")
_RESERVED_ENV = re.compile(r"GALAXY_.*|POD_ID|TASK_ID|POD_VERSION")
_VERSION = re.compile(r"[^\s/]{1,64}")


def is_label(text: str) -> bool:
    """Whether that can be the name of a label."""
    return _LABEL.fullmatch(text) is not None


@frozen
class Problem:
    """One thing that is wrong: where in the job file, and a sentence."""

    path: str
    text: str


def problems(job: pb.JobDescriptor) -> tuple[Problem, ...]:
    """All that is wrong with a job; empty if it may be submitted."""
    full = with_defaults(job)
    # A default hides that a kSystem job was given a number of replicas.
    full.replica = job.replica
    return (*_job_problems(full), *_pod_problems(full))


def _job_problems(job: pb.JobDescriptor) -> Iterator[Problem]:
    if not job.name.strip():
        yield Problem("name", "a job needs a name")
    elif len(job.name) > 100 or not job.name.isprintable():
        yield Problem("name", "a name is at most 100 printable characters")
    if job.user and not (_USER.fullmatch(job.user) and job.user.isprintable()):
        yield Problem(
            "user",
            f"{job.user!r} is no user's name: 1 to 64 characters without spaces, '/' and ':',"
            " not digits alone",
        )
    if job.type == pb.kJobTypeUnset:
        yield Problem("type", "a job needs a type: kLongRun, kBatch or kSystem")
    elif job.type not in pb.JobType.values():
        yield Problem("type", f"there is no job type {int(job.type)}")
    if job.type == pb.kSystem and job.replica > 1:
        yield Problem("replica", "a kSystem job has one pod on every agent: leave replica out")
    if job.restart not in pb.RestartPolicy.values():
        yield Problem("restart", f"there is no restart policy {int(job.restart)}")
    for name in ("priority", "replica", "deploy_step", "max_per_host", "retries"):
        yield from _not_negative(name, getattr(job, name))
    yield from _duration("update.min_healthy", job.update.min_healthy_s)
    yield from _duration("update.healthy_deadline", job.update.healthy_deadline_s)
    if job.update.healthy_deadline_s < job.update.min_healthy_s:
        yield Problem(
            "update.healthy_deadline", "the deadline comes before min_healthy: no pod can meet it"
        )


def _pod_problems(job: pb.JobDescriptor) -> Iterator[Problem]:
    pod = job.pod
    if not _VERSION.fullmatch(pod.version) or not pod.version.isprintable():
        yield Problem("pod.version", "a version is 1 to 64 characters without spaces and slashes")
    for position, label in enumerate(pod.labels):
        if not is_label(label):
            yield Problem(
                f"labels[{position}]",
                f"{label!r} is no label: 1 to 64 characters without spaces and commas",
            )
    yield from _resource_problems("pod.requirement", pod.requirement)
    if not pod.tasks:
        yield Problem("pod.tasks", "a pod needs at least one task")
    port_names = frozenset(port.name for port in pod.requirement.ports)
    for number, task in enumerate(pod.tasks):
        path = f"pod.tasks[{number}]"
        yield from _resource_problems(f"{path}.requirement", task.requirement)
        yield from _task_problems(path, task, optional_start=job.type == pb.kBatch)
        if task.HasField("health"):
            yield from _health_problems(f"{path}.health", task.health, port_names)
    yield from _sum_problems(pod)
    yield from _network_problems(pod)
    yield from _processor_problems(pod)
    yield from _weight_problems(pod)


def _network_problems(pod: pb.PodDescriptor) -> Iterator[Problem]:
    """Into a network of its own nothing leads: no port of the machine, no check by the agent."""
    if pod.network != pb.kNetworkPrivate:
        return
    if not pod.namespace_isolation:
        yield Problem("pod.network", "a private network needs namespace_isolation")
    if pod.requirement.ports:
        yield Problem("pod.requirement.ports", "a port leads nowhere: the pod's network is private")
    for number, task in enumerate(pod.tasks):
        path = f"pod.tasks[{number}]"
        if task.requirement.ports:
            text = "a port leads nowhere: the pod's network is private"
            yield Problem(f"{path}.requirement.ports", text)
        for kind in ("tcp", "http"):
            if getattr(task.health, f"{kind}_port"):
                text = "the agent cannot ask: the pod's network is private; use a command"
                yield Problem(f"{path}.health.{kind}", text)


def _sum_problems(pod: pb.PodDescriptor) -> Iterator[Problem]:
    asked = pod.requirement
    for name, unit, total, tmpfs in (
        ("millicores", "millicores", asked.millicores, 0),
        ("memory", "bytes", asked.memory, max(0, asked.tmpfs.size)),
        *((name, name, most, 0) for name in BOUNDS if (most := getattr(asked, name)) > 0),
    ):
        if total < 1:
            yield Problem(f"pod.requirement.{name}", f"must be at least 1, not {total}")
            continue
        amounts = [getattr(task.requirement, name) for task in pod.tasks]
        for number, amount in enumerate(amounts):
            if amount < 1:
                left_out = "nothing is left for this task" if amount == 0 else "cannot be negative"
                yield Problem(f"pod.tasks[{number}].requirement.{name}", left_out)
        together = tmpfs + sum(max(0, amount) for amount in amounts)
        if together > total:
            yield Problem(
                f"pod.requirement.{name}",
                f"the tasks{' and tmpfs' if tmpfs else ''} ask for {together} {unit} together,"
                f" the pod has {total}",
            )


def _processor_problems(pod: pb.PodDescriptor) -> Iterator[Problem]:
    for number, task in enumerate(pod.tasks):
        try:
            of_pod = parse_processors(pod.requirement.cpuset)
            beyond = parse_processors(task.requirement.cpuset) - of_pod
        except ValueError:  # told of where it is, or nothing was asked
            continue
        if beyond:
            yield Problem(
                f"pod.tasks[{number}].requirement.cpuset",
                f"the pod does not have {format_processors(beyond)}",
            )


def _weight_problems(pod: pb.PodDescriptor) -> Iterator[Problem]:
    inline = sum(len(t.binary) for t in pod.tasks if t.source_type == pb.kSourceTypeBinary)
    if inline > INLINE_LIMIT_BYTES:
        yield Problem(
            "pod.tasks",
            f"the packages inside the job weigh {inline} bytes, at most {INLINE_LIMIT_BYTES} are"
            " taken: put them where agents can fetch them, and give the URL (kSourceTypeFTP)",
        )


def _resource_problems(path: str, resource: pb.Resource) -> Iterator[Problem]:
    for name in (*BOUNDS, "workspace"):
        yield from _not_negative(f"{path}.{name}", getattr(resource, name))
    if resource.io_weight and resource.io_weight not in IO_WEIGHTS:
        yield Problem(f"{path}.io_weight", f"must be 10 to 1000, not {resource.io_weight}")
    if resource.cpuset:
        try:
            parse_processors(resource.cpuset)
        except ValueError as error:
            yield Problem(f"{path}.cpuset", str(error))
    if resource.HasField("tmpfs"):
        yield from _volume(f"{path}.tmpfs", "size", resource.tmpfs.size, resource.tmpfs.path)
    for kind, volumes in (("disks", resource.disks), ("ssds", resource.ssds)):
        for number, volume in enumerate(volumes):
            yield from _volume(f"{path}.{kind}[{number}]", "quota", volume.quota, volume.path)
    yield from _place_problems(path, resource)
    yield from _port_problems(f"{path}.ports", resource.ports)


def _volume(path: str, size_name: str, size: int, where: str) -> Iterator[Problem]:
    if size < 1:
        yield Problem(f"{path}.{size_name}", f"must be at least 1 byte, not {size}")
    place = _place(where)
    if "\0" in where or ".." in where.split("/") or place == "/":
        yield Problem(f"{path}.path", "must name a directory below /, without '..'")
    elif own := next((own for own in _BOXES_OWN if _meet(place, own)), ""):
        text = f"{place} is no place for it: {own} is every task's own; take another, like /data"
        yield Problem(f"{path}.path", text)
    elif len(quote(where.strip("/"), safe="")) > LONGEST_PLACE:
        yield Problem(f"{path}.path", "is too long")


def _place(where: str) -> str:
    """Where that is: always from the root."""
    return normpath("/" + where.strip("/"))


def _meet(one: str, other: str) -> bool:
    """Whether one is at, below or above the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _place_problems(path: str, resource: pb.Resource) -> Iterator[Problem]:
    """No two of what a pod has of disks are at one place."""
    named = [
        *((f"disks[{number}]", volume.path) for number, volume in enumerate(resource.disks)),
        *((f"ssds[{number}]", volume.path) for number, volume in enumerate(resource.ssds)),
        *((("tmpfs", resource.tmpfs.path),) if resource.HasField("tmpfs") else ()),
    ]
    first: dict[str, str] = {}
    for name, where in named:
        other = first.setdefault(_place(where), name)
        if other != name:
            yield Problem(f"{path}.{name}.path", f"{where} is the path of {other} already")


def _port_problems(path: str, ports: Sequence[pb.Port]) -> Iterator[Problem]:
    names: dict[str, int] = {}
    numbers: dict[int, int] = {}
    for position, port in enumerate(ports):
        here = f"{path}[{position}]"
        if port.dynamic and port.port:
            yield Problem(here, "a dynamic port has no number")
        elif not port.dynamic and port.port not in PORTS:
            yield Problem(here, f"a port is 1 to 65535 or dynamic, not {port.port}")
        elif not port.dynamic and numbers.setdefault(port.port, position) != position:
            yield Problem(here, f"port {port.port} is asked for twice")
            continue
        if not _PORT_NAME.fullmatch(port.name):
            yield Problem(here, f"{port.name!r} is no port name: letters, digits, '_' and '-'")
        # Names end up in the environment as GALAXY_PORT_<NAME>.
        elif names.setdefault(_environment_name(port.name), position) != position:
            yield Problem(here, f"two ports are named {port.name!r}")


def _environment_name(port_name: str) -> str:
    return port_name.upper().replace("-", "_")


def _task_problems(
    path: str, task: pb.TaskDescriptor, *, optional_start: bool
) -> Iterator[Problem]:
    if not (task.start_command.strip() or optional_start):
        yield Problem(f"{path}.start_command", "there is nothing to run")
    for name in ("start_command", "stop_command"):
        if "\0" in getattr(task, name):
            yield Problem(f"{path}.{name}", "a command cannot hold a NUL character")
    if task.mem_isolation_type not in pb.MemIsolationType.values():
        yield Problem(f"{path}.mem_isolation_type", "there is no such type")
    if task.cpu_isolation_type not in pb.CpuIsolationType.values():
        yield Problem(f"{path}.cpu_isolation_type", "there is no such type")
    if task.seccomp not in {"", "default"}:
        yield Problem(f"{path}.seccomp", f'there is no filter {task.seccomp!r}, only "default"')
    yield from _duration(f"{path}.stop_timeout", task.stop_timeout_s)
    yield from _duration(f"{path}.deploy_timeout", task.deploy_timeout_s)
    if task.log_bytes and task.log_bytes < LEAST_LOG_BYTES:
        least = format_size(LEAST_LOG_BYTES)
        yield Problem(f"{path}.log_size", f"of a log at least {least} are kept")
    for position, entry in enumerate(task.envs):
        name, equals, value = entry.partition("=")
        if not (equals and _ENV_NAME.fullmatch(name)) or "\0" in value:
            yield Problem(f"{path}.envs[{position}]", f"{entry!r} does not look like NAME=value")
        elif _RESERVED_ENV.fullmatch(name):
            yield Problem(
                f"{path}.envs[{position}]",
                f"{name} is Galaxy's own to set (GALAXY_*, POD_ID, TASK_ID and POD_VERSION are)",
            )
    yield from _package_problems(path, task)


def _package_problems(path: str, task: pb.TaskDescriptor) -> Iterator[Problem]:
    check = _PACKAGES.get(task.source_type)
    if check is None:
        yield Problem(
            f"{path}.source_type",
            "must be kSourceTypeBinary (a file), kSourceTypeFTP (a URL) or kSourceTypeCommand",
        )
    elif text := check(task.binary):
        yield Problem(f"{path}.binary", text)
    if not task.sha256:
        return
    if not _SHA256.fullmatch(task.sha256):
        yield Problem(f"{path}.sha256", "must be 64 hexadecimal digits")
    elif task.source_type == pb.kSourceTypeCommand:
        yield Problem(f"{path}.sha256", "a kSourceTypeCommand has no package to check")
    elif task.source_type == pb.kSourceTypeBinary and task.binary:
        actual = hashlib.sha256(task.binary).hexdigest()
        if actual != task.sha256.lower():
            yield Problem(f"{path}.sha256", f"the package's is {actual}")


def _archive_fault(binary: bytes) -> str:
    return "" if binary else "the package is empty"


def _url_fault(binary: bytes) -> str:
    try:
        url = urlsplit(binary.decode("ascii"))
    except ValueError:
        return "is not a URL"
    if url.scheme not in URL_SCHEMES:
        schemes = "://, ".join(URL_SCHEMES)
        return f"{binary.decode('ascii')!r} must begin with one of {schemes}://"
    if url.scheme == "file":
        return "" if url.path.startswith("/") else "a file URL needs an absolute path"
    return "" if url.hostname else "the URL names no host"


def _command_fault(binary: bytes) -> str:
    try:
        command = binary.decode("utf-8")
    except UnicodeDecodeError:
        return "the deploy command is not text"
    return "a command cannot hold a NUL character" if "\0" in command else ""


_PACKAGES: dict[int, Callable[[bytes], str]] = {
    pb.kSourceTypeBinary: _archive_fault,
    pb.kSourceTypeFTP: _url_fault,
    pb.kSourceTypeCommand: _command_fault,
}


def _health_problems(
    path: str, health: pb.HealthCheck, port_names: frozenset[str]
) -> Iterator[Problem]:
    kinds = [kind for kind in ("command", "tcp_port", "http_port") if getattr(health, kind)]
    if len(kinds) != 1:
        yield Problem(path, "needs exactly one of command, tcp and http")
    for kind in ("tcp", "http"):
        port = getattr(health, f"{kind}_port")
        if port and port not in port_names and not (port.isdecimal() and int(port) in PORTS):
            known = ", ".join(sorted(port_names)) or "none"
            yield Problem(f"{path}.{kind}", f"the pod has no port {port!r}; its ports: {known}")
    if health.http_path and not health.http_path.startswith("/"):
        yield Problem(f"{path}.http", f"the path {health.http_path!r} must begin with '/'")
    for name in ("interval", "timeout", "grace"):
        yield from _duration(f"{path}.{name}", getattr(health, f"{name}_s"))
    yield from _not_negative(f"{path}.failures", health.failures)


def _not_negative(path: str, value: float) -> Iterator[Problem]:
    if value < 0:
        yield Problem(path, f"must be 0 or more, not {value}")


def _duration(path: str, seconds: float) -> Iterator[Problem]:
    if not (math.isfinite(seconds) and seconds >= 0):
        yield Problem(path, f"must be 0 seconds or more, not {seconds}")
