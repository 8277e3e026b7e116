from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kUnset: _ClassVar[Status]
    kOk: _ClassVar[Status]
    kUnknown: _ClassVar[Status]
    kQuota: _ClassVar[Status]
    kJobNotFound: _ClassVar[Status]
    kPodNotFound: _ClassVar[Status]
    kAgentNotFound: _ClassVar[Status]
    kJobSubmitFail: _ClassVar[Status]
    kJobUpdateFail: _ClassVar[Status]
    kNotFound: _ClassVar[Status]
    kInputError: _ClassVar[Status]
    kPersistenceError: _ClassVar[Status]
    kJobTerminateFail: _ClassVar[Status]
    kRpcError: _ClassVar[Status]
    kLabelAgentFail: _ClassVar[Status]
    kAgentError: _ClassVar[Status]
    kPermission: _ClassVar[Status]
    kStaleEpoch: _ClassVar[Status]
    kNotLeader: _ClassVar[Status]
    kSafeMode: _ClassVar[Status]
    kDeadline: _ClassVar[Status]
    kCancelled: _ClassVar[Status]
    kUnknownMethod: _ClassVar[Status]
    kBusy: _ClassVar[Status]
    kConflict: _ClassVar[Status]
    kUnfit: _ClassVar[Status]

class JobType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kJobTypeUnset: _ClassVar[JobType]
    kLongRun: _ClassVar[JobType]
    kBatch: _ClassVar[JobType]
    kSystem: _ClassVar[JobType]

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kJobStateUnset: _ClassVar[JobState]
    kJobNormal: _ClassVar[JobState]
    kJobSuspended: _ClassVar[JobState]
    kJobFinished: _ClassVar[JobState]
    kJobFailed: _ClassVar[JobState]
    kJobTerminated: _ClassVar[JobState]

class JobUpdateState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kUpdateNone: _ClassVar[JobUpdateState]
    kUpdateNormal: _ClassVar[JobUpdateState]
    kUpdateSuspend: _ClassVar[JobUpdateState]
    kUpdateReverting: _ClassVar[JobUpdateState]

class PodStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kStageUnset: _ClassVar[PodStage]
    kStagePending: _ClassVar[PodStage]
    kStageRunning: _ClassVar[PodStage]
    kStageDeath: _ClassVar[PodStage]
    kStageRemoved: _ClassVar[PodStage]
    kStageFinished: _ClassVar[PodStage]

class PodState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kPodStateUnset: _ClassVar[PodState]
    kPodPending: _ClassVar[PodState]
    kPodDeploying: _ClassVar[PodState]
    kPodRunning: _ClassVar[PodState]
    kPodTerminate: _ClassVar[PodState]
    kPodSuspend: _ClassVar[PodState]
    kPodFinish: _ClassVar[PodState]
    kPodError: _ClassVar[PodState]

class TaskState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kTaskStateUnset: _ClassVar[TaskState]
    kTaskPending: _ClassVar[TaskState]
    kTaskDeploying: _ClassVar[TaskState]
    kTaskRunning: _ClassVar[TaskState]
    kTaskTerminate: _ClassVar[TaskState]
    kTaskSuspend: _ClassVar[TaskState]
    kTaskFinish: _ClassVar[TaskState]
    kTaskError: _ClassVar[TaskState]

class AgentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kAgentStateUnset: _ClassVar[AgentState]
    kAlive: _ClassVar[AgentState]
    kDead: _ClassVar[AgentState]
    kOffline: _ClassVar[AgentState]
    kInit: _ClassVar[AgentState]

class SourceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kSourceTypeUnset: _ClassVar[SourceType]
    kSourceTypeBinary: _ClassVar[SourceType]
    kSourceTypeFTP: _ClassVar[SourceType]
    kSourceTypeCommand: _ClassVar[SourceType]

class MemIsolationType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kMemIsolationCgroup: _ClassVar[MemIsolationType]
    kMemIsolationLimit: _ClassVar[MemIsolationType]

class CpuIsolationType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kCpuIsolationHard: _ClassVar[CpuIsolationType]
    kCpuIsolationSoft: _ClassVar[CpuIsolationType]

class RestartPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kRestartByType: _ClassVar[RestartPolicy]
    kRestartAlways: _ClassVar[RestartPolicy]
    kRestartOnFailure: _ClassVar[RestartPolicy]
    kRestartNever: _ClassVar[RestartPolicy]

class Network(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kNetworkHost: _ClassVar[Network]
    kNetworkPrivate: _ClassVar[Network]
kUnset: Status
kOk: Status
kUnknown: Status
kQuota: Status
kJobNotFound: Status
kPodNotFound: Status
kAgentNotFound: Status
kJobSubmitFail: Status
kJobUpdateFail: Status
kNotFound: Status
kInputError: Status
kPersistenceError: Status
kJobTerminateFail: Status
kRpcError: Status
kLabelAgentFail: Status
kAgentError: Status
kPermission: Status
kStaleEpoch: Status
kNotLeader: Status
kSafeMode: Status
kDeadline: Status
kCancelled: Status
kUnknownMethod: Status
kBusy: Status
kConflict: Status
kUnfit: Status
kJobTypeUnset: JobType
kLongRun: JobType
kBatch: JobType
kSystem: JobType
kJobStateUnset: JobState
kJobNormal: JobState
kJobSuspended: JobState
kJobFinished: JobState
kJobFailed: JobState
kJobTerminated: JobState
kUpdateNone: JobUpdateState
kUpdateNormal: JobUpdateState
kUpdateSuspend: JobUpdateState
kUpdateReverting: JobUpdateState
kStageUnset: PodStage
kStagePending: PodStage
kStageRunning: PodStage
kStageDeath: PodStage
kStageRemoved: PodStage
kStageFinished: PodStage
kPodStateUnset: PodState
kPodPending: PodState
kPodDeploying: PodState
kPodRunning: PodState
kPodTerminate: PodState
kPodSuspend: PodState
kPodFinish: PodState
kPodError: PodState
kTaskStateUnset: TaskState
kTaskPending: TaskState
kTaskDeploying: TaskState
kTaskRunning: TaskState
kTaskTerminate: TaskState
kTaskSuspend: TaskState
kTaskFinish: TaskState
kTaskError: TaskState
kAgentStateUnset: AgentState
kAlive: AgentState
kDead: AgentState
kOffline: AgentState
kInit: AgentState
kSourceTypeUnset: SourceType
kSourceTypeBinary: SourceType
kSourceTypeFTP: SourceType
kSourceTypeCommand: SourceType
kMemIsolationCgroup: MemIsolationType
kMemIsolationLimit: MemIsolationType
kCpuIsolationHard: CpuIsolationType
kCpuIsolationSoft: CpuIsolationType
kRestartByType: RestartPolicy
kRestartAlways: RestartPolicy
kRestartOnFailure: RestartPolicy
kRestartNever: RestartPolicy
kNetworkHost: Network
kNetworkPrivate: Network

class Volume(_message.Message):
    __slots__ = ("quota", "path")
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    quota: int
    path: str
    def __init__(self, quota: _Optional[int] = ..., path: _Optional[str] = ...) -> None: ...

class Tmpfs(_message.Message):
    __slots__ = ("size", "path")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    size: int
    path: str
    def __init__(self, size: _Optional[int] = ..., path: _Optional[str] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "port", "dynamic")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    DYNAMIC_FIELD_NUMBER: _ClassVar[int]
    name: str
    port: int
    dynamic: bool
    def __init__(self, name: _Optional[str] = ..., port: _Optional[int] = ..., dynamic: _Optional[bool] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("millicores", "memory", "ports", "disks", "ssds", "read_bytes_ps", "write_bytes_ps", "read_io_ps", "write_io_ps", "io_weight", "tmpfs", "cpuset", "workspace", "pids")
    MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    SSDS_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_PS_FIELD_NUMBER: _ClassVar[int]
    WRITE_BYTES_PS_FIELD_NUMBER: _ClassVar[int]
    READ_IO_PS_FIELD_NUMBER: _ClassVar[int]
    WRITE_IO_PS_FIELD_NUMBER: _ClassVar[int]
    IO_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    TMPFS_FIELD_NUMBER: _ClassVar[int]
    CPUSET_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    millicores: int
    memory: int
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    disks: _containers.RepeatedCompositeFieldContainer[Volume]
    ssds: _containers.RepeatedCompositeFieldContainer[Volume]
    read_bytes_ps: int
    write_bytes_ps: int
    read_io_ps: int
    write_io_ps: int
    io_weight: int
    tmpfs: Tmpfs
    cpuset: str
    workspace: int
    pids: int
    def __init__(self, millicores: _Optional[int] = ..., memory: _Optional[int] = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., disks: _Optional[_Iterable[_Union[Volume, _Mapping]]] = ..., ssds: _Optional[_Iterable[_Union[Volume, _Mapping]]] = ..., read_bytes_ps: _Optional[int] = ..., write_bytes_ps: _Optional[int] = ..., read_io_ps: _Optional[int] = ..., write_io_ps: _Optional[int] = ..., io_weight: _Optional[int] = ..., tmpfs: _Optional[_Union[Tmpfs, _Mapping]] = ..., cpuset: _Optional[str] = ..., workspace: _Optional[int] = ..., pids: _Optional[int] = ...) -> None: ...

class HealthCheck(_message.Message):
    __slots__ = ("command", "tcp_port", "http_port", "http_path", "interval_s", "timeout_s", "grace_s", "failures")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TCP_PORT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PORT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PATH_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    command: str
    tcp_port: str
    http_port: str
    http_path: str
    interval_s: float
    timeout_s: float
    grace_s: float
    failures: int
    def __init__(self, command: _Optional[str] = ..., tcp_port: _Optional[str] = ..., http_port: _Optional[str] = ..., http_path: _Optional[str] = ..., interval_s: _Optional[float] = ..., timeout_s: _Optional[float] = ..., grace_s: _Optional[float] = ..., failures: _Optional[int] = ...) -> None: ...

class TaskDescriptor(_message.Message):
    __slots__ = ("binary", "source_type", "start_command", "stop_command", "requirement", "envs", "mem_isolation_type", "cpu_isolation_type", "namespace_isolation", "sha256", "stop_timeout_s", "health", "seccomp", "deploy_timeout_s", "log_bytes")
    BINARY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    START_COMMAND_FIELD_NUMBER: _ClassVar[int]
    STOP_COMMAND_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    ENVS_FIELD_NUMBER: _ClassVar[int]
    MEM_ISOLATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    CPU_ISOLATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    STOP_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    SECCOMP_FIELD_NUMBER: _ClassVar[int]
    DEPLOY_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    binary: bytes
    source_type: SourceType
    start_command: str
    stop_command: str
    requirement: Resource
    envs: _containers.RepeatedScalarFieldContainer[str]
    mem_isolation_type: MemIsolationType
    cpu_isolation_type: CpuIsolationType
    namespace_isolation: bool
    sha256: str
    stop_timeout_s: float
    health: HealthCheck
    seccomp: str
    deploy_timeout_s: float
    log_bytes: int
    def __init__(self, binary: _Optional[bytes] = ..., source_type: _Optional[_Union[SourceType, str]] = ..., start_command: _Optional[str] = ..., stop_command: _Optional[str] = ..., requirement: _Optional[_Union[Resource, _Mapping]] = ..., envs: _Optional[_Iterable[str]] = ..., mem_isolation_type: _Optional[_Union[MemIsolationType, str]] = ..., cpu_isolation_type: _Optional[_Union[CpuIsolationType, str]] = ..., namespace_isolation: _Optional[bool] = ..., sha256: _Optional[str] = ..., stop_timeout_s: _Optional[float] = ..., health: _Optional[_Union[HealthCheck, _Mapping]] = ..., seccomp: _Optional[str] = ..., deploy_timeout_s: _Optional[float] = ..., log_bytes: _Optional[int] = ...) -> None: ...

class PodDescriptor(_message.Message):
    __slots__ = ("tasks", "requirement", "labels", "version", "namespace_isolation", "require_isolation", "network")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[TaskDescriptor]
    requirement: Resource
    labels: _containers.RepeatedScalarFieldContainer[str]
    version: str
    namespace_isolation: bool
    require_isolation: bool
    network: Network
    def __init__(self, tasks: _Optional[_Iterable[_Union[TaskDescriptor, _Mapping]]] = ..., requirement: _Optional[_Union[Resource, _Mapping]] = ..., labels: _Optional[_Iterable[str]] = ..., version: _Optional[str] = ..., namespace_isolation: _Optional[bool] = ..., require_isolation: _Optional[bool] = ..., network: _Optional[_Union[Network, str]] = ...) -> None: ...

class UpdatePolicy(_message.Message):
    __slots__ = ("min_healthy_s", "healthy_deadline_s", "auto_revert")
    MIN_HEALTHY_S_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    AUTO_REVERT_FIELD_NUMBER: _ClassVar[int]
    min_healthy_s: float
    healthy_deadline_s: float
    auto_revert: bool
    def __init__(self, min_healthy_s: _Optional[float] = ..., healthy_deadline_s: _Optional[float] = ..., auto_revert: _Optional[bool] = ...) -> None: ...

class JobDescriptor(_message.Message):
    __slots__ = ("name", "user", "type", "priority", "pod", "replica", "deploy_step", "max_per_host", "restart", "retries", "update")
    NAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    DEPLOY_STEP_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_HOST_FIELD_NUMBER: _ClassVar[int]
    RESTART_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    user: str
    type: JobType
    priority: int
    pod: PodDescriptor
    replica: int
    deploy_step: int
    max_per_host: int
    restart: RestartPolicy
    retries: int
    update: UpdatePolicy
    def __init__(self, name: _Optional[str] = ..., user: _Optional[str] = ..., type: _Optional[_Union[JobType, str]] = ..., priority: _Optional[int] = ..., pod: _Optional[_Union[PodDescriptor, _Mapping]] = ..., replica: _Optional[int] = ..., deploy_step: _Optional[int] = ..., max_per_host: _Optional[int] = ..., restart: _Optional[_Union[RestartPolicy, str]] = ..., retries: _Optional[int] = ..., update: _Optional[_Union[UpdatePolicy, _Mapping]] = ...) -> None: ...

class AgentFacts(_message.Message):
    __slots__ = ("hostname", "total", "isolation", "isolation_reason", "build", "labels", "unhealthy", "drain", "foreign_ports", "epoch", "stale_refusals", "cluster", "bound")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_REASON_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    UNHEALTHY_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    FOREIGN_PORTS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STALE_REFUSALS_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    total: Resource
    isolation: str
    isolation_reason: str
    build: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    unhealthy: str
    drain: bool
    foreign_ports: _containers.RepeatedScalarFieldContainer[int]
    epoch: int
    stale_refusals: int
    cluster: str
    bound: bool
    def __init__(self, hostname: _Optional[str] = ..., total: _Optional[_Union[Resource, _Mapping]] = ..., isolation: _Optional[str] = ..., isolation_reason: _Optional[str] = ..., build: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., unhealthy: _Optional[str] = ..., drain: _Optional[bool] = ..., foreign_ports: _Optional[_Iterable[int]] = ..., epoch: _Optional[int] = ..., stale_refusals: _Optional[int] = ..., cluster: _Optional[str] = ..., bound: _Optional[bool] = ...) -> None: ...
