from galaxy.protocol import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PodGroup(_message.Message):
    __slots__ = ("job_id", "version", "state", "healthy", "reason", "index", "incarnation", "generation")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    state: _types_pb2.PodState
    healthy: bool
    reason: str
    index: _containers.RepeatedScalarFieldContainer[int]
    incarnation: _containers.RepeatedScalarFieldContainer[int]
    generation: int
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., state: _Optional[_Union[_types_pb2.PodState, str]] = ..., healthy: _Optional[bool] = ..., reason: _Optional[str] = ..., index: _Optional[_Iterable[int]] = ..., incarnation: _Optional[_Iterable[int]] = ..., generation: _Optional[int] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("since_revision", "instance", "cluster")
    SINCE_REVISION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    since_revision: int
    instance: str
    cluster: str
    def __init__(self, since_revision: _Optional[int] = ..., instance: _Optional[str] = ..., cluster: _Optional[str] = ...) -> None: ...

class JobUsage(_message.Message):
    __slots__ = ("job_id", "millicores", "memory")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    millicores: int
    memory: int
    def __init__(self, job_id: _Optional[str] = ..., millicores: _Optional[int] = ..., memory: _Optional[int] = ...) -> None: ...

class TaskChange(_message.Message):
    __slots__ = ("job_id", "index", "task", "before", "after", "reason", "actor", "said", "time", "number")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SAID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    index: int
    task: int
    before: _types_pb2.TaskState
    after: _types_pb2.TaskState
    reason: str
    actor: str
    said: _containers.RepeatedScalarFieldContainer[str]
    time: float
    number: int
    def __init__(self, job_id: _Optional[str] = ..., index: _Optional[int] = ..., task: _Optional[int] = ..., before: _Optional[_Union[_types_pb2.TaskState, str]] = ..., after: _Optional[_Union[_types_pb2.TaskState, str]] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., said: _Optional[_Iterable[str]] = ..., time: _Optional[float] = ..., number: _Optional[int] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("instance", "revision", "full", "groups", "removed", "used_millicores", "used_memory", "usage", "task_changes", "remains", "collected")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    USED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    USED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_CHANGES_FIELD_NUMBER: _ClassVar[int]
    REMAINS_FIELD_NUMBER: _ClassVar[int]
    COLLECTED_FIELD_NUMBER: _ClassVar[int]
    instance: str
    revision: int
    full: bool
    groups: _containers.RepeatedCompositeFieldContainer[PodGroup]
    removed: _containers.RepeatedCompositeFieldContainer[PodGroup]
    used_millicores: int
    used_memory: int
    usage: _containers.RepeatedCompositeFieldContainer[JobUsage]
    task_changes: _containers.RepeatedCompositeFieldContainer[TaskChange]
    remains: _containers.RepeatedCompositeFieldContainer[Remains]
    collected: _containers.RepeatedCompositeFieldContainer[Remains]
    def __init__(self, instance: _Optional[str] = ..., revision: _Optional[int] = ..., full: _Optional[bool] = ..., groups: _Optional[_Iterable[_Union[PodGroup, _Mapping]]] = ..., removed: _Optional[_Iterable[_Union[PodGroup, _Mapping]]] = ..., used_millicores: _Optional[int] = ..., used_memory: _Optional[int] = ..., usage: _Optional[_Iterable[_Union[JobUsage, _Mapping]]] = ..., task_changes: _Optional[_Iterable[_Union[TaskChange, _Mapping]]] = ..., remains: _Optional[_Iterable[_Union[Remains, _Mapping]]] = ..., collected: _Optional[_Iterable[_Union[Remains, _Mapping]]] = ...) -> None: ...

class Remains(_message.Message):
    __slots__ = ("job_id", "index", "incarnation")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    index: _containers.RepeatedScalarFieldContainer[int]
    incarnation: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, job_id: _Optional[str] = ..., index: _Optional[_Iterable[int]] = ..., incarnation: _Optional[_Iterable[int]] = ...) -> None: ...

class Description(_message.Message):
    __slots__ = ("job_id", "version", "pod", "job_name", "user", "type", "restart", "retries", "replica", "priority", "min_healthy_s")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RESTART_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MIN_HEALTHY_S_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    pod: _types_pb2.PodDescriptor
    job_name: str
    user: str
    type: _types_pb2.JobType
    restart: _types_pb2.RestartPolicy
    retries: int
    replica: int
    priority: int
    min_healthy_s: float
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., pod: _Optional[_Union[_types_pb2.PodDescriptor, _Mapping]] = ..., job_name: _Optional[str] = ..., user: _Optional[str] = ..., type: _Optional[_Union[_types_pb2.JobType, str]] = ..., restart: _Optional[_Union[_types_pb2.RestartPolicy, str]] = ..., retries: _Optional[int] = ..., replica: _Optional[int] = ..., priority: _Optional[int] = ..., min_healthy_s: _Optional[float] = ...) -> None: ...

class RunPodsRequest(_message.Message):
    __slots__ = ("descriptions", "launches", "cluster")
    DESCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    LAUNCHES_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    descriptions: _containers.RepeatedCompositeFieldContainer[Description]
    launches: _containers.RepeatedCompositeFieldContainer[PodLaunch]
    cluster: str
    def __init__(self, descriptions: _Optional[_Iterable[_Union[Description, _Mapping]]] = ..., launches: _Optional[_Iterable[_Union[PodLaunch, _Mapping]]] = ..., cluster: _Optional[str] = ...) -> None: ...

class PodLaunch(_message.Message):
    __slots__ = ("job_id", "version", "index", "incarnation", "generation")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    index: _containers.RepeatedScalarFieldContainer[int]
    incarnation: _containers.RepeatedScalarFieldContainer[int]
    generation: int
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., index: _Optional[_Iterable[int]] = ..., incarnation: _Optional[_Iterable[int]] = ..., generation: _Optional[int] = ...) -> None: ...

class PodRefusal(_message.Message):
    __slots__ = ("job_id", "index", "incarnation", "status", "reason")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    index: int
    incarnation: int
    status: _types_pb2.Status
    reason: str
    def __init__(self, job_id: _Optional[str] = ..., index: _Optional[int] = ..., incarnation: _Optional[int] = ..., status: _Optional[_Union[_types_pb2.Status, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class RunPodsResponse(_message.Message):
    __slots__ = ("refusals",)
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    refusals: _containers.RepeatedCompositeFieldContainer[PodRefusal]
    def __init__(self, refusals: _Optional[_Iterable[_Union[PodRefusal, _Mapping]]] = ...) -> None: ...

class PodKill(_message.Message):
    __slots__ = ("job_id", "index", "incarnation")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    index: _containers.RepeatedScalarFieldContainer[int]
    incarnation: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, job_id: _Optional[str] = ..., index: _Optional[_Iterable[int]] = ..., incarnation: _Optional[_Iterable[int]] = ...) -> None: ...

class KillPodsRequest(_message.Message):
    __slots__ = ("kills", "reason", "cluster")
    KILLS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    kills: _containers.RepeatedCompositeFieldContainer[PodKill]
    reason: str
    cluster: str
    def __init__(self, kills: _Optional[_Iterable[_Union[PodKill, _Mapping]]] = ..., reason: _Optional[str] = ..., cluster: _Optional[str] = ...) -> None: ...

class KillPodsResponse(_message.Message):
    __slots__ = ("gone",)
    GONE_FIELD_NUMBER: _ClassVar[int]
    gone: _containers.RepeatedCompositeFieldContainer[PodKill]
    def __init__(self, gone: _Optional[_Iterable[_Union[PodKill, _Mapping]]] = ...) -> None: ...

class ShowPodsRequest(_message.Message):
    __slots__ = ("job_ids", "pod_ids", "dead")
    JOB_IDS_FIELD_NUMBER: _ClassVar[int]
    POD_IDS_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    job_ids: _containers.RepeatedScalarFieldContainer[str]
    pod_ids: _containers.RepeatedScalarFieldContainer[str]
    dead: bool
    def __init__(self, job_ids: _Optional[_Iterable[str]] = ..., pod_ids: _Optional[_Iterable[str]] = ..., dead: _Optional[bool] = ...) -> None: ...

class NamedPort(_message.Message):
    __slots__ = ("name", "port")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    name: str
    port: int
    def __init__(self, name: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...

class TaskStatus(_message.Message):
    __slots__ = ("task_id", "state", "stage", "pid", "ended", "exit_code", "signal", "oom_killed", "restarts", "cgroup", "deploy_time", "start_time", "end_time", "command", "used_millicores", "used_memory", "reason", "next_try_time", "progress", "said", "core_dumped", "used_memory_with_cache", "read_bytes_ps", "write_bytes_ps", "read_io_ps", "write_io_ps", "pids")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLED_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    DEPLOY_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    USED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    USED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NEXT_TRY_TIME_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SAID_FIELD_NUMBER: _ClassVar[int]
    CORE_DUMPED_FIELD_NUMBER: _ClassVar[int]
    USED_MEMORY_WITH_CACHE_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_PS_FIELD_NUMBER: _ClassVar[int]
    WRITE_BYTES_PS_FIELD_NUMBER: _ClassVar[int]
    READ_IO_PS_FIELD_NUMBER: _ClassVar[int]
    WRITE_IO_PS_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    state: _types_pb2.TaskState
    stage: str
    pid: int
    ended: bool
    exit_code: int
    signal: int
    oom_killed: bool
    restarts: int
    cgroup: str
    deploy_time: float
    start_time: float
    end_time: float
    command: str
    used_millicores: int
    used_memory: int
    reason: str
    next_try_time: float
    progress: str
    said: _containers.RepeatedScalarFieldContainer[str]
    core_dumped: bool
    used_memory_with_cache: int
    read_bytes_ps: int
    write_bytes_ps: int
    read_io_ps: int
    write_io_ps: int
    pids: int
    def __init__(self, task_id: _Optional[str] = ..., state: _Optional[_Union[_types_pb2.TaskState, str]] = ..., stage: _Optional[str] = ..., pid: _Optional[int] = ..., ended: _Optional[bool] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., oom_killed: _Optional[bool] = ..., restarts: _Optional[int] = ..., cgroup: _Optional[str] = ..., deploy_time: _Optional[float] = ..., start_time: _Optional[float] = ..., end_time: _Optional[float] = ..., command: _Optional[str] = ..., used_millicores: _Optional[int] = ..., used_memory: _Optional[int] = ..., reason: _Optional[str] = ..., next_try_time: _Optional[float] = ..., progress: _Optional[str] = ..., said: _Optional[_Iterable[str]] = ..., core_dumped: _Optional[bool] = ..., used_memory_with_cache: _Optional[int] = ..., read_bytes_ps: _Optional[int] = ..., write_bytes_ps: _Optional[int] = ..., read_io_ps: _Optional[int] = ..., write_io_ps: _Optional[int] = ..., pids: _Optional[int] = ...) -> None: ...

class PodStatus(_message.Message):
    __slots__ = ("pod_id", "job_id", "index", "incarnation", "state", "healthy", "version", "reason", "ports", "start_time", "path", "tasks", "used_millicores", "used_memory", "dead")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    USED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    USED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    job_id: str
    index: int
    incarnation: int
    state: _types_pb2.PodState
    healthy: bool
    version: str
    reason: str
    ports: _containers.RepeatedCompositeFieldContainer[NamedPort]
    start_time: float
    path: str
    tasks: _containers.RepeatedCompositeFieldContainer[TaskStatus]
    used_millicores: int
    used_memory: int
    dead: bool
    def __init__(self, pod_id: _Optional[str] = ..., job_id: _Optional[str] = ..., index: _Optional[int] = ..., incarnation: _Optional[int] = ..., state: _Optional[_Union[_types_pb2.PodState, str]] = ..., healthy: _Optional[bool] = ..., version: _Optional[str] = ..., reason: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[NamedPort, _Mapping]]] = ..., start_time: _Optional[float] = ..., path: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskStatus, _Mapping]]] = ..., used_millicores: _Optional[int] = ..., used_memory: _Optional[int] = ..., dead: _Optional[bool] = ...) -> None: ...

class ShowPodsResponse(_message.Message):
    __slots__ = ("pods",)
    PODS_FIELD_NUMBER: _ClassVar[int]
    pods: _containers.RepeatedCompositeFieldContainer[PodStatus]
    def __init__(self, pods: _Optional[_Iterable[_Union[PodStatus, _Mapping]]] = ...) -> None: ...

class ReadLogRequest(_message.Message):
    __slots__ = ("pod_id", "task", "stderr", "follow", "tail_lines", "previous", "since_incarnation", "resume")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    SINCE_INCARNATION_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    task: str
    stderr: bool
    follow: bool
    tail_lines: int
    previous: bool
    since_incarnation: int
    resume: _containers.RepeatedCompositeFieldContainer[LogPosition]
    def __init__(self, pod_id: _Optional[str] = ..., task: _Optional[str] = ..., stderr: _Optional[bool] = ..., follow: _Optional[bool] = ..., tail_lines: _Optional[int] = ..., previous: _Optional[bool] = ..., since_incarnation: _Optional[int] = ..., resume: _Optional[_Iterable[_Union[LogPosition, _Mapping]]] = ...) -> None: ...

class LogPosition(_message.Message):
    __slots__ = ("task_id", "file", "offset")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    file: str
    offset: int
    def __init__(self, task_id: _Optional[str] = ..., file: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__ = ("task_id", "data", "skipped", "file", "offset")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    data: bytes
    skipped: int
    file: str
    offset: int
    def __init__(self, task_id: _Optional[str] = ..., data: _Optional[bytes] = ..., skipped: _Optional[int] = ..., file: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class ExecRequest(_message.Message):
    __slots__ = ("pod_id", "task", "command", "interactive", "terminal", "rows", "columns", "term", "actor", "session")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    INTERACTIVE_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    task: str
    command: _containers.RepeatedScalarFieldContainer[str]
    interactive: bool
    terminal: bool
    rows: int
    columns: int
    term: str
    actor: str
    session: str
    def __init__(self, pod_id: _Optional[str] = ..., task: _Optional[str] = ..., command: _Optional[_Iterable[str]] = ..., interactive: _Optional[bool] = ..., terminal: _Optional[bool] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., term: _Optional[str] = ..., actor: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class ExecItem(_message.Message):
    __slots__ = ("stdout", "stderr", "ended", "exit_code", "signal", "reason")
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    stdout: bytes
    stderr: bytes
    ended: bool
    exit_code: int
    signal: int
    reason: str
    def __init__(self, stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., ended: _Optional[bool] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class FeedExecRequest(_message.Message):
    __slots__ = ("session", "stdin", "eof", "rows", "columns")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    EOF_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    session: str
    stdin: bytes
    eof: bool
    rows: int
    columns: int
    def __init__(self, session: _Optional[str] = ..., stdin: _Optional[bytes] = ..., eof: _Optional[bool] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class FeedExecResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("pod_id", "path")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    path: bytes
    def __init__(self, pod_id: _Optional[str] = ..., path: _Optional[bytes] = ...) -> None: ...

class FileEntry(_message.Message):
    __slots__ = ("name", "kind", "size", "modified", "mode", "owner", "target")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    kind: str
    size: int
    modified: float
    mode: int
    owner: str
    target: bytes
    def __init__(self, name: _Optional[bytes] = ..., kind: _Optional[str] = ..., size: _Optional[int] = ..., modified: _Optional[float] = ..., mode: _Optional[int] = ..., owner: _Optional[str] = ..., target: _Optional[bytes] = ...) -> None: ...

class ListFilesResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[FileEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[FileEntry, _Mapping]]] = ...) -> None: ...

class ReadFileRequest(_message.Message):
    __slots__ = ("pod_id", "path")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    path: bytes
    def __init__(self, pod_id: _Optional[str] = ..., path: _Optional[bytes] = ...) -> None: ...

class FileChunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
