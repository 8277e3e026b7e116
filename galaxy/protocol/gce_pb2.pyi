from galaxy.protocol import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProcessState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kProcessUnset: _ClassVar[ProcessState]
    kProcessStarting: _ClassVar[ProcessState]
    kProcessRunning: _ClassVar[ProcessState]
    kProcessEnded: _ClassVar[ProcessState]
    kProcessFailed: _ClassVar[ProcessState]
kProcessUnset: ProcessState
kProcessStarting: ProcessState
kProcessRunning: ProcessState
kProcessEnded: ProcessState
kProcessFailed: ProcessState

class Limits(_message.Message):
    __slots__ = ("millicores", "memory", "cpu_isolation_type", "pids", "cpuset", "read_bytes_ps", "write_bytes_ps", "read_io_ps", "write_io_ps", "io_weight")
    MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    CPU_ISOLATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    CPUSET_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_PS_FIELD_NUMBER: _ClassVar[int]
    WRITE_BYTES_PS_FIELD_NUMBER: _ClassVar[int]
    READ_IO_PS_FIELD_NUMBER: _ClassVar[int]
    WRITE_IO_PS_FIELD_NUMBER: _ClassVar[int]
    IO_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    millicores: int
    memory: int
    cpu_isolation_type: _types_pb2.CpuIsolationType
    pids: int
    cpuset: str
    read_bytes_ps: int
    write_bytes_ps: int
    read_io_ps: int
    write_io_ps: int
    io_weight: int
    def __init__(self, millicores: _Optional[int] = ..., memory: _Optional[int] = ..., cpu_isolation_type: _Optional[_Union[_types_pb2.CpuIsolationType, str]] = ..., pids: _Optional[int] = ..., cpuset: _Optional[str] = ..., read_bytes_ps: _Optional[int] = ..., write_bytes_ps: _Optional[int] = ..., read_io_ps: _Optional[int] = ..., write_io_ps: _Optional[int] = ..., io_weight: _Optional[int] = ...) -> None: ...

class Bind(_message.Message):
    __slots__ = ("source", "target", "writable", "tmpfs")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WRITABLE_FIELD_NUMBER: _ClassVar[int]
    TMPFS_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    writable: bool
    tmpfs: int
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., writable: _Optional[bool] = ..., tmpfs: _Optional[int] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("hostname", "binds", "private_network")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    BINDS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_NETWORK_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    binds: _containers.RepeatedCompositeFieldContainer[Bind]
    private_network: bool
    def __init__(self, hostname: _Optional[str] = ..., binds: _Optional[_Iterable[_Union[Bind, _Mapping]]] = ..., private_network: _Optional[bool] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("pid", "build", "isolation", "isolation_reason", "no_boxes")
    PID_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_REASON_FIELD_NUMBER: _ClassVar[int]
    NO_BOXES_FIELD_NUMBER: _ClassVar[int]
    pid: int
    build: str
    isolation: str
    isolation_reason: str
    no_boxes: str
    def __init__(self, pid: _Optional[int] = ..., build: _Optional[str] = ..., isolation: _Optional[str] = ..., isolation_reason: _Optional[str] = ..., no_boxes: _Optional[str] = ...) -> None: ...

class ConfigureRequest(_message.Message):
    __slots__ = ("millicores", "memory")
    MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    millicores: int
    memory: int
    def __init__(self, millicores: _Optional[int] = ..., memory: _Optional[int] = ...) -> None: ...

class ConfigureResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExecuteRequest(_message.Message):
    __slots__ = ("container", "name", "command", "envs", "cwd", "user", "stdout_path", "stderr_path", "limits", "box", "join", "seccomp", "stdin_path", "terminal")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ENVS_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    STDOUT_PATH_FIELD_NUMBER: _ClassVar[int]
    STDERR_PATH_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    SECCOMP_FIELD_NUMBER: _ClassVar[int]
    STDIN_PATH_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    container: str
    name: str
    command: str
    envs: _containers.RepeatedScalarFieldContainer[str]
    cwd: str
    user: str
    stdout_path: str
    stderr_path: str
    limits: Limits
    box: Box
    join: str
    seccomp: str
    stdin_path: str
    terminal: str
    def __init__(self, container: _Optional[str] = ..., name: _Optional[str] = ..., command: _Optional[str] = ..., envs: _Optional[_Iterable[str]] = ..., cwd: _Optional[str] = ..., user: _Optional[str] = ..., stdout_path: _Optional[str] = ..., stderr_path: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., box: _Optional[_Union[Box, _Mapping]] = ..., join: _Optional[str] = ..., seccomp: _Optional[str] = ..., stdin_path: _Optional[str] = ..., terminal: _Optional[str] = ...) -> None: ...

class ProcessStatus(_message.Message):
    __slots__ = ("container", "name", "state", "pid", "exit_code", "signal", "core_dumped", "oom_killed", "start_time", "end_time", "user_cpu_s", "system_cpu_s", "max_rss", "reason", "cgroup")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    CORE_DUMPED_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLED_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    USER_CPU_S_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_CPU_S_FIELD_NUMBER: _ClassVar[int]
    MAX_RSS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    container: str
    name: str
    state: ProcessState
    pid: int
    exit_code: int
    signal: int
    core_dumped: bool
    oom_killed: bool
    start_time: float
    end_time: float
    user_cpu_s: float
    system_cpu_s: float
    max_rss: int
    reason: str
    cgroup: str
    def __init__(self, container: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[ProcessState, str]] = ..., pid: _Optional[int] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., core_dumped: _Optional[bool] = ..., oom_killed: _Optional[bool] = ..., start_time: _Optional[float] = ..., end_time: _Optional[float] = ..., user_cpu_s: _Optional[float] = ..., system_cpu_s: _Optional[float] = ..., max_rss: _Optional[int] = ..., reason: _Optional[str] = ..., cgroup: _Optional[str] = ...) -> None: ...

class ExecuteResponse(_message.Message):
    __slots__ = ("process", "existed")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    process: ProcessStatus
    existed: bool
    def __init__(self, process: _Optional[_Union[ProcessStatus, _Mapping]] = ..., existed: _Optional[bool] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ProcessChange(_message.Message):
    __slots__ = ("processes", "complete", "removed_containers")
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    processes: _containers.RepeatedCompositeFieldContainer[ProcessStatus]
    complete: bool
    removed_containers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, processes: _Optional[_Iterable[_Union[ProcessStatus, _Mapping]]] = ..., complete: _Optional[bool] = ..., removed_containers: _Optional[_Iterable[str]] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("container", "grace_s")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    container: str
    grace_s: float
    def __init__(self, container: _Optional[str] = ..., grace_s: _Optional[float] = ...) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EndRequest(_message.Message):
    __slots__ = ("container", "name", "grace_s", "setting")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    SETTING_FIELD_NUMBER: _ClassVar[int]
    container: str
    name: str
    grace_s: float
    setting: str
    def __init__(self, container: _Optional[str] = ..., name: _Optional[str] = ..., grace_s: _Optional[float] = ..., setting: _Optional[str] = ...) -> None: ...

class EndResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("container",)
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    container: str
    def __init__(self, container: _Optional[str] = ...) -> None: ...

class RemoveResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UsageRequest(_message.Message):
    __slots__ = ("containers",)
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    containers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, containers: _Optional[_Iterable[str]] = ...) -> None: ...

class ContainerUsage(_message.Message):
    __slots__ = ("container", "cpu_ns", "memory", "memory_with_cache", "pids", "read_bytes", "write_bytes", "read_ios", "write_ios")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CPU_NS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_WITH_CACHE_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_FIELD_NUMBER: _ClassVar[int]
    WRITE_BYTES_FIELD_NUMBER: _ClassVar[int]
    READ_IOS_FIELD_NUMBER: _ClassVar[int]
    WRITE_IOS_FIELD_NUMBER: _ClassVar[int]
    container: str
    cpu_ns: int
    memory: int
    memory_with_cache: int
    pids: int
    read_bytes: int
    write_bytes: int
    read_ios: int
    write_ios: int
    def __init__(self, container: _Optional[str] = ..., cpu_ns: _Optional[int] = ..., memory: _Optional[int] = ..., memory_with_cache: _Optional[int] = ..., pids: _Optional[int] = ..., read_bytes: _Optional[int] = ..., write_bytes: _Optional[int] = ..., read_ios: _Optional[int] = ..., write_ios: _Optional[int] = ...) -> None: ...

class UsageResponse(_message.Message):
    __slots__ = ("usages", "time")
    USAGES_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    usages: _containers.RepeatedCompositeFieldContainer[ContainerUsage]
    time: float
    def __init__(self, usages: _Optional[_Iterable[_Union[ContainerUsage, _Mapping]]] = ..., time: _Optional[float] = ...) -> None: ...
