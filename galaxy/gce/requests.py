"""What is asked of gce, checked and put in gce's own words."""

from __future__ import annotations

import os
import pwd
import re

from attrs import frozen

from galaxy.gce.cgroups import Allowance, Ceiling, Io
from galaxy.gce.layout import lay_out
from galaxy.gce.record import Bind, Box, ProcessId, Spec
from galaxy.processors import format_processors, parse_processors
from galaxy.protocol import gce_pb2
from galaxy.protocol.gce_pb2 import ConfigureRequest, ExecuteRequest, Limits
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kCpuIsolationSoft, kInputError, kPermission

DEFAULT_PIDS = 4096
IO_WEIGHTS = range(10, 1001)
_AMOUNTS = (
    *("millicores", "memory", "pids"),
    *("read_bytes_ps", "write_bytes_ps", "read_io_ps", "write_io_ps"),
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_HOSTNAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FILTERS = ("", "default")
_LONGEST_COMMAND = 128 * 1024 - 1  # the kernel's limit of one argument


@frozen
class Rights:
    """Whose rights a process gets, as numbers. Without a uid: the engine's own."""

    uid: int | None = None
    gid: int = 0
    groups: tuple[int, ...] = ()


ENGINES_OWN = Rights()


def process_id(request: ExecuteRequest) -> ProcessId:
    """The names, if they can be used as names of directories."""
    return ProcessId(
        checked_name("container", request.container), checked_name("name", request.name)
    )


def checked_name(what: str, name: str) -> str:
    """A name of the protocol's alphabet; `kInputError` otherwise."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise GalaxyError(
            kInputError,
            f"the {what} {name!r} is not 1 to 200 letters, digits, '_', '-' or '.'",
        )
    return name


def allowance(limits: Limits) -> Allowance:
    """The limits of a container; `kInputError` says what cannot be one."""
    for field in _AMOUNTS:
        if getattr(limits, field) < 0:
            raise GalaxyError(kInputError, f"the limit {field} is negative")
    if limits.io_weight and limits.io_weight not in IO_WEIGHTS:
        raise GalaxyError(kInputError, f"io_weight is 10 to 1000, not {limits.io_weight}")
    processors = ""
    if limits.cpuset:
        try:
            processors = format_processors(parse_processors(limits.cpuset))
        except ValueError as error:
            raise GalaxyError(kInputError, str(error)) from error
    return Allowance(
        millicores=limits.millicores,
        memory_bytes=limits.memory,
        pids=limits.pids or DEFAULT_PIDS,
        soft_cpu=limits.cpu_isolation_type == kCpuIsolationSoft,
        processors=processors,
        io=Io(
            read_bytes=limits.read_bytes_ps,
            write_bytes=limits.write_bytes_ps,
            read_ios=limits.read_io_ps,
            write_ios=limits.write_io_ps,
            weight=limits.io_weight,
        ),
    )


def ceiling(request: ConfigureRequest) -> Ceiling:
    """What all containers together may use; `kInputError` if it is negative."""
    if request.millicores < 0 or request.memory < 0:
        raise GalaxyError(kInputError, "what pods may use together is negative")
    return Ceiling(request.millicores, request.memory)


def spec(request: ExecuteRequest, rights: Rights) -> Spec:
    """What to run, with these rights; `kInputError` says what is wrong with the request."""
    for field in ("cwd", "stdout_path", "stderr_path"):
        _check_path(field, getattr(request, field))
    for field in ("stdin_path", "terminal"):
        if getattr(request, field):
            _check_path(field, getattr(request, field))
    if request.join:
        checked_name("process to join", request.join)
    if request.seccomp not in _FILTERS:
        raise GalaxyError(kInputError, f"there is no filter of system calls {request.seccomp!r}")
    if "\0" in request.command or len(request.command.encode()) > _LONGEST_COMMAND:
        raise GalaxyError(kInputError, "the command is longer than 128 KiB, or has a zero byte")
    for env in request.envs:
        name, equals, _ = env.partition("=")
        if not name or not equals or "\0" in env:
            raise GalaxyError(kInputError, f"the environment's {env!r} is not NAME=value")
    return Spec(
        boot="",
        command=request.command,
        envs=tuple(request.envs),
        cwd=request.cwd,
        stdout=request.stdout_path,
        stderr=request.stderr_path,
        stdin=request.stdin_path,
        terminal=request.terminal,
        uid=rights.uid,
        gid=rights.gid,
        groups=rights.groups,
        box=box(request.box) if request.HasField("box") else None,
        seccomp=bool(request.seccomp),
    )


def box(asked: gce_pb2.Box) -> Box:
    """A box, its binds divided into what others have too and its own; `kInputError`."""
    if not _HOSTNAME.fullmatch(asked.hostname):
        raise GalaxyError(
            kInputError,
            f"the host name {asked.hostname!r} is not 1 to 64 letters, digits, '_', '-' or '.'",
        )
    for bind in asked.binds:
        _check_path("the target of a bind", bind.target)
        place = _normal(bind.target)
        if place == "/":
            raise GalaxyError(kInputError, "the root of a box cannot be bound")
        if f"{place}/".startswith("/proc/"):
            raise GalaxyError(kInputError, f"{bind.target}: /proc is the box's own")
        if bind.source:
            _check_path("the source of a bind", bind.source)
        elif bind.tmpfs <= 0:
            raise GalaxyError(kInputError, f"{bind.target} has neither a source nor a size")
    binds = (
        Bind(bind.source, _normal(bind.target), bind.writable, bind.tmpfs) for bind in asked.binds
    )
    layout = lay_out(binds, _is_directory)
    return Box(asked.hostname, layout.own, asked.private_network, layout.shared, layout.covers)


def _normal(path: str) -> str:
    """By the rules of POSIX two slashes in front are something else than one."""
    return os.path.normpath("/" + path.lstrip("/"))


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _check_path(what: str, path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise GalaxyError(kInputError, f"{what} is {path!r}, not an absolute path")


def rights_of(user: str, own_uid: int) -> Rights:
    """A user's rights on this machine, for an engine of `own_uid`; `kInputError`, `kPermission`."""
    if not user:
        return ENGINES_OWN
    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise GalaxyError(kInputError, f"this machine has no user {user!r}") from None
    if own_uid == 0:
        groups = tuple(os.getgrouplist(user, entry.pw_gid))
        return Rights(entry.pw_uid, entry.pw_gid, groups)
    if entry.pw_uid == own_uid:
        return ENGINES_OWN
    raise GalaxyError(kPermission, f"without root nothing can be run as {user}: leave the user out")
