"""
The settings file, galaxy.toml, as values.

Daemons and clients read the same file; each looks at its own section.
An unknown section or key, or a value of the wrong kind, is an error that names
it. Flags of a daemon override what stands here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from attrs import Attribute, evolve, fields, frozen


class SettingsError(Exception):
    """The file cannot be used; the sentence names file, key and remedy."""


HOST_DIRS = (
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr"),
    *("/etc", "/opt", "/srv", "/media", "/mnt"),
    "/run/systemd/resolve",  # where /etc/resolv.conf leads to on many machines
)


@frozen
class MasterSettings:
    """What a master goes by. Durations in seconds."""

    listen: str = "127.0.0.1:7828"
    agent_timeout_s: float = 4.0
    heartbeat_s: float = 1.0  # the least; a large fleet is told to beat slower
    safe_mode_share: float = 0.85  # of the known agents must have reported
    mass_loss_share: float = 0.1  # of the fleet lost at once: safe mode; never for a single agent
    finished_job_keep_s: float = 86400.0
    events_kept: int = 100_000


@frozen
class SchedulerSettings:
    """What a scheduler goes by."""

    policy: str = "pack"


@frozen
class AgentSettings:
    """What an agent goes by. Zero means: as the machine has it, less the reserve."""

    endpoint: str = "127.0.0.1:8221"
    data_dir: str = "agent"
    millicores: int = 0
    memory_bytes: int = 0
    reserve_millicores: int = 0
    reserve_memory_bytes: int = 256 << 20
    dynamic_ports: str = "20000-29999"
    workspace_bytes: int = 10 << 30  # what a pod's directory may hold, if its job says nothing
    disk_floor: float = 0.02  # with less of the data's disk free, pods that fill it are ended
    disks: tuple[str, ...] = ()  # "/PATH=SIZE", for volumes; none: in the data directory
    ssds: tuple[str, ...] = ()
    default_user: str = "galaxy"  # whose rights tasks get; see docs/running.md
    unboxed_user: str = "nobody"  # of tasks without a box; empty: they are not run here
    own_accounts: tuple[str, ...] = ()  # users of jobs who are known here by the same name
    host_dirs: tuple[str, ...] = HOST_DIRS  # of the machine, as tasks in boxes see them
    writable_dirs: tuple[str, ...] = ()
    cgroup: str = "galaxy"  # the group below each controller that pods go to
    labels: tuple[str, ...] = ()
    # What makes the machine unwell, as shares (the load: of each processor). 0: not watched.
    max_cpu: float = 0.0
    max_load: float = 0.0
    max_memory: float = 0.99
    max_disk: float = 0.97
    max_inodes: float = 0.97
    unwell_after_s: float = 60.0
    drain_after_s: float = 600.0
    log_bytes: int = 64 << 20  # kept of a task's stdout, and of its stderr, if its job does not say
    log_bytes_most: int = 1 << 30  # what a job may ask for
    dead_keep_s: float = 18000.0  # what dead pods leave, as long as there is room for it
    dead_most: int = 1000  # of how many pods
    dead_bytes: int = 20 << 30  # in all
    dead_free_share: float = 0.1  # with less of the disk free, the oldest go earlier
    package_cache_bytes: int = 10 << 30  # but for those in use
    package_bytes: int = 2 << 30  # how large one may be
    download_bytes_ps: int = 0  # of packages, all together; 0: no bound


@frozen
class Settings:
    """The whole file. `nexus` is a URL: leveldb:PATH or zookeeper://HOSTS/CHROOT."""

    nexus: str = ""
    masters: tuple[str, ...] = ()  # where masters listen, when the nexus cannot tell
    master: MasterSettings = MasterSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    agent: AgentSettings = AgentSettings()


_Section = Settings | MasterSettings | SchedulerSettings | AgentSettings
S = TypeVar("S", bound=_Section)


def parse_settings(text: str, source: str) -> Settings:
    """The settings in a TOML text; `source` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source} is not TOML: {error}") from error
    return _section(Settings(), table, source, "")


def read_settings(path: Path) -> Settings:
    """The settings in a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = f"cannot read the settings file {path}: {error.strerror}"
        raise SettingsError(reason) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8") from error
    return parse_settings(text, str(path))


def _section(default: S, table: dict[str, Any], source: str, prefix: str) -> S:
    known: dict[str, Attribute[Any]] = {field.name: field for field in fields(type(default))}
    hints = get_type_hints(type(default))
    changes: dict[str, Any] = {}
    for key, value in table.items():
        path = prefix + key
        if key not in known:
            raise SettingsError(
                f"{source}: there is no setting {path!r}; known are {', '.join(sorted(known))}"
            )
        current = getattr(default, key)
        if isinstance(current, (MasterSettings, SchedulerSettings, AgentSettings)):
            if not isinstance(value, dict):
                raise SettingsError(f"{source}: {path} is a section, write [{path}]")
            changes[key] = _section(current, value, source, path + ".")
        else:
            changes[key] = _scalar(value, hints[key], source, path)
    return evolve(default, **changes)


def _scalar(value: Any, kind: Any, source: str, path: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if get_args(kind) == (str, ...):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise SettingsError(f"{source}: {path} must be a list of strings, not {value!r}")
    if type(value) is not kind:
        raise SettingsError(f"{source}: {path} must be {kind.__name__}, not {value!r}")
    return value
