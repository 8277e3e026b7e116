from galaxy.protocol import types_pb2 as _types_pb2
from galaxy.protocol import agent_pb2 as _agent_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UpdateSteering(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kSteeringUnset: _ClassVar[UpdateSteering]
    kSteerPause: _ClassVar[UpdateSteering]
    kSteerContinue: _ClassVar[UpdateSteering]
    kSteerRollback: _ClassVar[UpdateSteering]

class LabelChange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    kLabelChangeUnset: _ClassVar[LabelChange]
    kLabelSet: _ClassVar[LabelChange]
    kLabelRemove: _ClassVar[LabelChange]
kSteeringUnset: UpdateSteering
kSteerPause: UpdateSteering
kSteerContinue: UpdateSteering
kSteerRollback: UpdateSteering
kLabelChangeUnset: LabelChange
kLabelSet: LabelChange
kLabelRemove: LabelChange

class SubmitJobRequest(_message.Message):
    __slots__ = ("job", "request_id")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job: _types_pb2.JobDescriptor
    request_id: str
    def __init__(self, job: _Optional[_Union[_types_pb2.JobDescriptor, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SubmitJobResponse(_message.Message):
    __slots__ = ("job_id", "version")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class TerminateJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class TerminateJobResponse(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class UpdateJobRequest(_message.Message):
    __slots__ = ("job_id", "job", "breakpoint", "request_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    BREAKPOINT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    job: _types_pb2.JobDescriptor
    breakpoint: int
    request_id: str
    def __init__(self, job_id: _Optional[str] = ..., job: _Optional[_Union[_types_pb2.JobDescriptor, _Mapping]] = ..., breakpoint: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateJobResponse(_message.Message):
    __slots__ = ("job_id", "version", "changed")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    changed: bool
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., changed: _Optional[bool] = ...) -> None: ...

class SteerUpdateRequest(_message.Message):
    __slots__ = ("job_id", "steering", "version", "request_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STEERING_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    steering: UpdateSteering
    version: str
    request_id: str
    def __init__(self, job_id: _Optional[str] = ..., steering: _Optional[_Union[UpdateSteering, str]] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SteerUpdateResponse(_message.Message):
    __slots__ = ("job_id", "version")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class ScaleJobRequest(_message.Message):
    __slots__ = ("job_id", "replica")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    replica: int
    def __init__(self, job_id: _Optional[str] = ..., replica: _Optional[int] = ...) -> None: ...

class ScaleJobResponse(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class SuspendJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class SuspendJobResponse(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class ResumeJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class ResumeJobResponse(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class RestartJobRequest(_message.Message):
    __slots__ = ("job_id", "step", "request_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    step: int
    request_id: str
    def __init__(self, job_id: _Optional[str] = ..., step: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RestartJobResponse(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class LabelAgentsRequest(_message.Message):
    __slots__ = ("label", "change", "endpoints")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    label: str
    change: LabelChange
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label: _Optional[str] = ..., change: _Optional[_Union[LabelChange, str]] = ..., endpoints: _Optional[_Iterable[str]] = ...) -> None: ...

class LabelAgentsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OfflineAgentRequest(_message.Message):
    __slots__ = ("endpoint",)
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    def __init__(self, endpoint: _Optional[str] = ...) -> None: ...

class OfflineAgentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OnlineAgentRequest(_message.Message):
    __slots__ = ("endpoint",)
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    def __init__(self, endpoint: _Optional[str] = ...) -> None: ...

class OnlineAgentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SwitchSafeModeRequest(_message.Message):
    __slots__ = ("enter",)
    ENTER_FIELD_NUMBER: _ClassVar[int]
    enter: bool
    def __init__(self, enter: _Optional[bool] = ...) -> None: ...

class SwitchSafeModeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PreemptRequest(_message.Message):
    __slots__ = ("endpoint", "pod_id", "victim_ids")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    VICTIM_IDS_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    pod_id: str
    victim_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, endpoint: _Optional[str] = ..., pod_id: _Optional[str] = ..., victim_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class PreemptResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: str
    def __init__(self, target: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("job_id", "pod_id", "sentence", "obstacles", "agents")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    OBSTACLES_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    pod_id: str
    sentence: str
    obstacles: _containers.RepeatedCompositeFieldContainer[Obstacle]
    agents: int
    def __init__(self, job_id: _Optional[str] = ..., pod_id: _Optional[str] = ..., sentence: _Optional[str] = ..., obstacles: _Optional[_Iterable[_Union[Obstacle, _Mapping]]] = ..., agents: _Optional[int] = ...) -> None: ...

class PlanJobRequest(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _types_pb2.JobDescriptor
    def __init__(self, job: _Optional[_Union[_types_pb2.JobDescriptor, _Mapping]] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("path", "before", "after")
    PATH_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    path: str
    before: str
    after: str
    def __init__(self, path: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class PlannedPods(_message.Message):
    __slots__ = ("endpoint", "count", "in_place")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    IN_PLACE_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    count: int
    in_place: bool
    def __init__(self, endpoint: _Optional[str] = ..., count: _Optional[int] = ..., in_place: _Optional[bool] = ...) -> None: ...

class PlanJobResponse(_message.Message):
    __slots__ = ("job_id", "differences", "placements", "unplaced", "stops")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    UNPLACED_FIELD_NUMBER: _ClassVar[int]
    STOPS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    placements: _containers.RepeatedCompositeFieldContainer[PlannedPods]
    unplaced: _containers.RepeatedCompositeFieldContainer[Unplaced]
    stops: int
    def __init__(self, job_id: _Optional[str] = ..., differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ..., placements: _Optional[_Iterable[_Union[PlannedPods, _Mapping]]] = ..., unplaced: _Optional[_Iterable[_Union[Unplaced, _Mapping]]] = ..., stops: _Optional[int] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("job_id", "pod_id", "endpoint", "since", "follow")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    pod_id: str
    endpoint: str
    since: float
    follow: bool
    def __init__(self, job_id: _Optional[str] = ..., pod_id: _Optional[str] = ..., endpoint: _Optional[str] = ..., since: _Optional[float] = ..., follow: _Optional[bool] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("number", "time", "kind", "job_id", "indexes", "task_id", "endpoint", "before", "after", "reason", "actor", "level", "said")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SAID_FIELD_NUMBER: _ClassVar[int]
    number: int
    time: float
    kind: str
    job_id: str
    indexes: _containers.RepeatedScalarFieldContainer[int]
    task_id: str
    endpoint: str
    before: str
    after: str
    reason: str
    actor: str
    level: str
    said: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, number: _Optional[int] = ..., time: _Optional[float] = ..., kind: _Optional[str] = ..., job_id: _Optional[str] = ..., indexes: _Optional[_Iterable[int]] = ..., task_id: _Optional[str] = ..., endpoint: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., level: _Optional[str] = ..., said: _Optional[_Iterable[str]] = ...) -> None: ...

class Events(_message.Message):
    __slots__ = ("events", "lost")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    lost: bool
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., lost: _Optional[bool] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class JobOverview(_message.Message):
    __slots__ = ("job_id", "name", "user", "type", "priority", "state", "update_state", "version", "replica", "deploy_step", "running", "deploying", "pending", "death", "finished", "failed", "cpu_used_millicores", "memory_used_bytes", "create_time", "update_time", "reason", "healthy", "updated", "breakpoint", "awaited")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_STATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    DEPLOY_STEP_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    DEPLOYING_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    DEATH_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CPU_USED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    BREAKPOINT_FIELD_NUMBER: _ClassVar[int]
    AWAITED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    name: str
    user: str
    type: _types_pb2.JobType
    priority: int
    state: _types_pb2.JobState
    update_state: _types_pb2.JobUpdateState
    version: str
    replica: int
    deploy_step: int
    running: int
    deploying: int
    pending: int
    death: int
    finished: int
    failed: int
    cpu_used_millicores: int
    memory_used_bytes: int
    create_time: float
    update_time: float
    reason: str
    healthy: int
    updated: int
    breakpoint: int
    awaited: int
    def __init__(self, job_id: _Optional[str] = ..., name: _Optional[str] = ..., user: _Optional[str] = ..., type: _Optional[_Union[_types_pb2.JobType, str]] = ..., priority: _Optional[int] = ..., state: _Optional[_Union[_types_pb2.JobState, str]] = ..., update_state: _Optional[_Union[_types_pb2.JobUpdateState, str]] = ..., version: _Optional[str] = ..., replica: _Optional[int] = ..., deploy_step: _Optional[int] = ..., running: _Optional[int] = ..., deploying: _Optional[int] = ..., pending: _Optional[int] = ..., death: _Optional[int] = ..., finished: _Optional[int] = ..., failed: _Optional[int] = ..., cpu_used_millicores: _Optional[int] = ..., memory_used_bytes: _Optional[int] = ..., create_time: _Optional[float] = ..., update_time: _Optional[float] = ..., reason: _Optional[str] = ..., healthy: _Optional[int] = ..., updated: _Optional[int] = ..., breakpoint: _Optional[int] = ..., awaited: _Optional[int] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[JobOverview]
    def __init__(self, jobs: _Optional[_Iterable[_Union[JobOverview, _Mapping]]] = ...) -> None: ...

class ShowJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class JobVersion(_message.Message):
    __slots__ = ("version", "time", "pods")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PODS_FIELD_NUMBER: _ClassVar[int]
    version: str
    time: float
    pods: int
    def __init__(self, version: _Optional[str] = ..., time: _Optional[float] = ..., pods: _Optional[int] = ...) -> None: ...

class ShowJobResponse(_message.Message):
    __slots__ = ("job", "spec", "versions")
    JOB_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    job: JobOverview
    spec: _types_pb2.JobDescriptor
    versions: _containers.RepeatedCompositeFieldContainer[JobVersion]
    def __init__(self, job: _Optional[_Union[JobOverview, _Mapping]] = ..., spec: _Optional[_Union[_types_pb2.JobDescriptor, _Mapping]] = ..., versions: _Optional[_Iterable[_Union[JobVersion, _Mapping]]] = ...) -> None: ...

class ShowPodRequest(_message.Message):
    __slots__ = ("job_id", "name", "endpoint", "pod_id", "dead", "brief")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    BRIEF_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    name: str
    endpoint: str
    pod_id: str
    dead: bool
    brief: bool
    def __init__(self, job_id: _Optional[str] = ..., name: _Optional[str] = ..., endpoint: _Optional[str] = ..., pod_id: _Optional[str] = ..., dead: _Optional[bool] = ..., brief: _Optional[bool] = ...) -> None: ...

class PodOverview(_message.Message):
    __slots__ = ("pod_id", "job_id", "job_name", "index", "incarnation", "stage", "state", "healthy", "version", "endpoint", "reason", "cpu_assigned_millicores", "memory_assigned_bytes", "pending_time", "sched_time", "status", "dead")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CPU_ASSIGNED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ASSIGNED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PENDING_TIME_FIELD_NUMBER: _ClassVar[int]
    SCHED_TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    job_id: str
    job_name: str
    index: int
    incarnation: int
    stage: _types_pb2.PodStage
    state: _types_pb2.PodState
    healthy: bool
    version: str
    endpoint: str
    reason: str
    cpu_assigned_millicores: int
    memory_assigned_bytes: int
    pending_time: float
    sched_time: float
    status: _agent_pb2.PodStatus
    dead: bool
    def __init__(self, pod_id: _Optional[str] = ..., job_id: _Optional[str] = ..., job_name: _Optional[str] = ..., index: _Optional[int] = ..., incarnation: _Optional[int] = ..., stage: _Optional[_Union[_types_pb2.PodStage, str]] = ..., state: _Optional[_Union[_types_pb2.PodState, str]] = ..., healthy: _Optional[bool] = ..., version: _Optional[str] = ..., endpoint: _Optional[str] = ..., reason: _Optional[str] = ..., cpu_assigned_millicores: _Optional[int] = ..., memory_assigned_bytes: _Optional[int] = ..., pending_time: _Optional[float] = ..., sched_time: _Optional[float] = ..., status: _Optional[_Union[_agent_pb2.PodStatus, _Mapping]] = ..., dead: _Optional[bool] = ...) -> None: ...

class ShowPodResponse(_message.Message):
    __slots__ = ("pods", "silent_agents")
    PODS_FIELD_NUMBER: _ClassVar[int]
    SILENT_AGENTS_FIELD_NUMBER: _ClassVar[int]
    pods: _containers.RepeatedCompositeFieldContainer[PodOverview]
    silent_agents: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pods: _Optional[_Iterable[_Union[PodOverview, _Mapping]]] = ..., silent_agents: _Optional[_Iterable[str]] = ...) -> None: ...

class ShowTaskRequest(_message.Message):
    __slots__ = ("job_id", "endpoint", "pod_id", "dead")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    endpoint: str
    pod_id: str
    dead: bool
    def __init__(self, job_id: _Optional[str] = ..., endpoint: _Optional[str] = ..., pod_id: _Optional[str] = ..., dead: _Optional[bool] = ...) -> None: ...

class TaskOverview(_message.Message):
    __slots__ = ("pod_id", "endpoint", "status", "incarnation", "dead")
    POD_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    pod_id: str
    endpoint: str
    status: _agent_pb2.TaskStatus
    incarnation: int
    dead: bool
    def __init__(self, pod_id: _Optional[str] = ..., endpoint: _Optional[str] = ..., status: _Optional[_Union[_agent_pb2.TaskStatus, _Mapping]] = ..., incarnation: _Optional[int] = ..., dead: _Optional[bool] = ...) -> None: ...

class ShowTaskResponse(_message.Message):
    __slots__ = ("tasks", "silent_agents")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    SILENT_AGENTS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[TaskOverview]
    silent_agents: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tasks: _Optional[_Iterable[_Union[TaskOverview, _Mapping]]] = ..., silent_agents: _Optional[_Iterable[str]] = ...) -> None: ...

class ListAgentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentOverview(_message.Message):
    __slots__ = ("endpoint", "facts", "state", "labels", "pods", "cpu_assigned_millicores", "cpu_used_millicores", "memory_assigned_bytes", "memory_used_bytes", "reason", "heartbeat_time", "disk_assigned_bytes", "ssd_assigned_bytes")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PODS_FIELD_NUMBER: _ClassVar[int]
    CPU_ASSIGNED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    CPU_USED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ASSIGNED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_TIME_FIELD_NUMBER: _ClassVar[int]
    DISK_ASSIGNED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SSD_ASSIGNED_BYTES_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    facts: _types_pb2.AgentFacts
    state: _types_pb2.AgentState
    labels: _containers.RepeatedScalarFieldContainer[str]
    pods: int
    cpu_assigned_millicores: int
    cpu_used_millicores: int
    memory_assigned_bytes: int
    memory_used_bytes: int
    reason: str
    heartbeat_time: float
    disk_assigned_bytes: int
    ssd_assigned_bytes: int
    def __init__(self, endpoint: _Optional[str] = ..., facts: _Optional[_Union[_types_pb2.AgentFacts, _Mapping]] = ..., state: _Optional[_Union[_types_pb2.AgentState, str]] = ..., labels: _Optional[_Iterable[str]] = ..., pods: _Optional[int] = ..., cpu_assigned_millicores: _Optional[int] = ..., cpu_used_millicores: _Optional[int] = ..., memory_assigned_bytes: _Optional[int] = ..., memory_used_bytes: _Optional[int] = ..., reason: _Optional[str] = ..., heartbeat_time: _Optional[float] = ..., disk_assigned_bytes: _Optional[int] = ..., ssd_assigned_bytes: _Optional[int] = ...) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("agents",)
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[AgentOverview]
    def __init__(self, agents: _Optional[_Iterable[_Union[AgentOverview, _Mapping]]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StepDownRequest(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...

class StepDownResponse(_message.Message):
    __slots__ = ("leader", "epoch")
    LEADER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    leader: str
    epoch: int
    def __init__(self, leader: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class Amount(_message.Message):
    __slots__ = ("total", "assigned", "used")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    total: int
    assigned: int
    used: int
    def __init__(self, total: _Optional[int] = ..., assigned: _Optional[int] = ..., used: _Optional[int] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("leader", "epoch", "safe_mode", "safe_mode_reason", "agents_total", "agents_alive", "agents_dead", "agents_offline", "cpu", "memory", "jobs", "pods_running", "pods_deploying", "pods_pending", "pods_death", "pods_finished", "build", "safe_mode_share", "standbys", "doubt", "safe_mode_by_hand", "cluster", "strangers")
    LEADER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SAFE_MODE_FIELD_NUMBER: _ClassVar[int]
    SAFE_MODE_REASON_FIELD_NUMBER: _ClassVar[int]
    AGENTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    AGENTS_ALIVE_FIELD_NUMBER: _ClassVar[int]
    AGENTS_DEAD_FIELD_NUMBER: _ClassVar[int]
    AGENTS_OFFLINE_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    PODS_RUNNING_FIELD_NUMBER: _ClassVar[int]
    PODS_DEPLOYING_FIELD_NUMBER: _ClassVar[int]
    PODS_PENDING_FIELD_NUMBER: _ClassVar[int]
    PODS_DEATH_FIELD_NUMBER: _ClassVar[int]
    PODS_FINISHED_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    SAFE_MODE_SHARE_FIELD_NUMBER: _ClassVar[int]
    STANDBYS_FIELD_NUMBER: _ClassVar[int]
    DOUBT_FIELD_NUMBER: _ClassVar[int]
    SAFE_MODE_BY_HAND_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    STRANGERS_FIELD_NUMBER: _ClassVar[int]
    leader: str
    epoch: int
    safe_mode: bool
    safe_mode_reason: str
    agents_total: int
    agents_alive: int
    agents_dead: int
    agents_offline: int
    cpu: Amount
    memory: Amount
    jobs: int
    pods_running: int
    pods_deploying: int
    pods_pending: int
    pods_death: int
    pods_finished: int
    build: str
    safe_mode_share: float
    standbys: _containers.RepeatedScalarFieldContainer[str]
    doubt: str
    safe_mode_by_hand: bool
    cluster: str
    strangers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, leader: _Optional[str] = ..., epoch: _Optional[int] = ..., safe_mode: _Optional[bool] = ..., safe_mode_reason: _Optional[str] = ..., agents_total: _Optional[int] = ..., agents_alive: _Optional[int] = ..., agents_dead: _Optional[int] = ..., agents_offline: _Optional[int] = ..., cpu: _Optional[_Union[Amount, _Mapping]] = ..., memory: _Optional[_Union[Amount, _Mapping]] = ..., jobs: _Optional[int] = ..., pods_running: _Optional[int] = ..., pods_deploying: _Optional[int] = ..., pods_pending: _Optional[int] = ..., pods_death: _Optional[int] = ..., pods_finished: _Optional[int] = ..., build: _Optional[str] = ..., safe_mode_share: _Optional[float] = ..., standbys: _Optional[_Iterable[str]] = ..., doubt: _Optional[str] = ..., safe_mode_by_hand: _Optional[bool] = ..., cluster: _Optional[str] = ..., strangers: _Optional[_Iterable[str]] = ...) -> None: ...

class HeartBeatRequest(_message.Message):
    __slots__ = ("endpoint", "instance", "revision", "facts", "used")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    instance: str
    revision: int
    facts: _types_pb2.AgentFacts
    used: PodsUse
    def __init__(self, endpoint: _Optional[str] = ..., instance: _Optional[str] = ..., revision: _Optional[int] = ..., facts: _Optional[_Union[_types_pb2.AgentFacts, _Mapping]] = ..., used: _Optional[_Union[PodsUse, _Mapping]] = ...) -> None: ...

class PodsUse(_message.Message):
    __slots__ = ("millicores", "memory")
    MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    millicores: int
    memory: int
    def __init__(self, millicores: _Optional[int] = ..., memory: _Optional[int] = ...) -> None: ...

class HeartBeatResponse(_message.Message):
    __slots__ = ("interval_s", "send_facts")
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    SEND_FACTS_FIELD_NUMBER: _ClassVar[int]
    interval_s: float
    send_facts: bool
    def __init__(self, interval_s: _Optional[float] = ..., send_facts: _Optional[bool] = ...) -> None: ...

class GetPendingJobsRequest(_message.Message):
    __slots__ = ("revision", "wait_s")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    WAIT_S_FIELD_NUMBER: _ClassVar[int]
    revision: int
    wait_s: float
    def __init__(self, revision: _Optional[int] = ..., wait_s: _Optional[float] = ...) -> None: ...

class AgentCount(_message.Message):
    __slots__ = ("agent", "count")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    agent: int
    count: int
    def __init__(self, agent: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class PendingGroup(_message.Message):
    __slots__ = ("job_id", "version", "count", "requirement", "labels", "max_per_host", "occupied", "priority", "user", "type", "pending_since", "needs_isolation", "may_preempt", "refusers", "running")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_HOST_FIELD_NUMBER: _ClassVar[int]
    OCCUPIED_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PENDING_SINCE_FIELD_NUMBER: _ClassVar[int]
    NEEDS_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    MAY_PREEMPT_FIELD_NUMBER: _ClassVar[int]
    REFUSERS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    count: int
    requirement: _types_pb2.Resource
    labels: _containers.RepeatedScalarFieldContainer[str]
    max_per_host: int
    occupied: _containers.RepeatedCompositeFieldContainer[AgentCount]
    priority: int
    user: str
    type: _types_pb2.JobType
    pending_since: float
    needs_isolation: bool
    may_preempt: bool
    refusers: _containers.RepeatedScalarFieldContainer[int]
    running: int
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., count: _Optional[int] = ..., requirement: _Optional[_Union[_types_pb2.Resource, _Mapping]] = ..., labels: _Optional[_Iterable[str]] = ..., max_per_host: _Optional[int] = ..., occupied: _Optional[_Iterable[_Union[AgentCount, _Mapping]]] = ..., priority: _Optional[int] = ..., user: _Optional[str] = ..., type: _Optional[_Union[_types_pb2.JobType, str]] = ..., pending_since: _Optional[float] = ..., needs_isolation: _Optional[bool] = ..., may_preempt: _Optional[bool] = ..., refusers: _Optional[_Iterable[int]] = ..., running: _Optional[int] = ...) -> None: ...

class UserHolding(_message.Message):
    __slots__ = ("user", "millicores", "memory")
    USER_FIELD_NUMBER: _ClassVar[int]
    MILLICORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    user: str
    millicores: int
    memory: int
    def __init__(self, user: _Optional[str] = ..., millicores: _Optional[int] = ..., memory: _Optional[int] = ...) -> None: ...

class GetPendingJobsResponse(_message.Message):
    __slots__ = ("revision", "groups", "holdings")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    groups: _containers.RepeatedCompositeFieldContainer[PendingGroup]
    holdings: _containers.RepeatedCompositeFieldContainer[UserHolding]
    def __init__(self, revision: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[PendingGroup, _Mapping]]] = ..., holdings: _Optional[_Iterable[_Union[UserHolding, _Mapping]]] = ...) -> None: ...

class GetResourceSnapshotRequest(_message.Message):
    __slots__ = ("reign", "since_revision")
    REIGN_FIELD_NUMBER: _ClassVar[int]
    SINCE_REVISION_FIELD_NUMBER: _ClassVar[int]
    reign: str
    since_revision: int
    def __init__(self, reign: _Optional[str] = ..., since_revision: _Optional[int] = ...) -> None: ...

class AgentSnapshot(_message.Message):
    __slots__ = ("agent", "endpoint", "total_millicores", "total_memory", "assigned_millicores", "assigned_memory", "used_millicores", "used_memory", "ports", "labels", "schedulable", "isolated", "pods", "free_disk", "free_ssd", "closed")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MEMORY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    USED_MILLICORES_FIELD_NUMBER: _ClassVar[int]
    USED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULABLE_FIELD_NUMBER: _ClassVar[int]
    ISOLATED_FIELD_NUMBER: _ClassVar[int]
    PODS_FIELD_NUMBER: _ClassVar[int]
    FREE_DISK_FIELD_NUMBER: _ClassVar[int]
    FREE_SSD_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    agent: int
    endpoint: str
    total_millicores: int
    total_memory: int
    assigned_millicores: int
    assigned_memory: int
    used_millicores: int
    used_memory: int
    ports: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    schedulable: bool
    isolated: bool
    pods: int
    free_disk: int
    free_ssd: int
    closed: str
    def __init__(self, agent: _Optional[int] = ..., endpoint: _Optional[str] = ..., total_millicores: _Optional[int] = ..., total_memory: _Optional[int] = ..., assigned_millicores: _Optional[int] = ..., assigned_memory: _Optional[int] = ..., used_millicores: _Optional[int] = ..., used_memory: _Optional[int] = ..., ports: _Optional[_Iterable[int]] = ..., labels: _Optional[_Iterable[str]] = ..., schedulable: _Optional[bool] = ..., isolated: _Optional[bool] = ..., pods: _Optional[int] = ..., free_disk: _Optional[int] = ..., free_ssd: _Optional[int] = ..., closed: _Optional[str] = ...) -> None: ...

class GetResourceSnapshotResponse(_message.Message):
    __slots__ = ("reign", "revision", "full", "agents")
    REIGN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    reign: str
    revision: int
    full: bool
    agents: _containers.RepeatedCompositeFieldContainer[AgentSnapshot]
    def __init__(self, reign: _Optional[str] = ..., revision: _Optional[int] = ..., full: _Optional[bool] = ..., agents: _Optional[_Iterable[_Union[AgentSnapshot, _Mapping]]] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("job_id", "version", "agent", "count")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    agent: _containers.RepeatedScalarFieldContainer[int]
    count: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., agent: _Optional[_Iterable[int]] = ..., count: _Optional[_Iterable[int]] = ...) -> None: ...

class Obstacle(_message.Message):
    __slots__ = ("constraint", "agents")
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    constraint: str
    agents: int
    def __init__(self, constraint: _Optional[str] = ..., agents: _Optional[int] = ...) -> None: ...

class Unplaced(_message.Message):
    __slots__ = ("job_id", "version", "count", "obstacles", "reason")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OBSTACLES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    count: int
    obstacles: _containers.RepeatedCompositeFieldContainer[Obstacle]
    reason: str
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., count: _Optional[int] = ..., obstacles: _Optional[_Iterable[_Union[Obstacle, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetVictimsRequest(_message.Message):
    __slots__ = ("reign", "job_id", "version")
    REIGN_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    reign: str
    job_id: str
    version: str
    def __init__(self, reign: _Optional[str] = ..., job_id: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class Tenant(_message.Message):
    __slots__ = ("job_id", "version", "count", "priority", "type", "requirement", "youngest")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    count: int
    priority: int
    type: _types_pb2.JobType
    requirement: _types_pb2.Resource
    youngest: float
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., count: _Optional[int] = ..., priority: _Optional[int] = ..., type: _Optional[_Union[_types_pb2.JobType, str]] = ..., requirement: _Optional[_Union[_types_pb2.Resource, _Mapping]] = ..., youngest: _Optional[float] = ...) -> None: ...

class AgentTenants(_message.Message):
    __slots__ = ("agent", "tenants")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    agent: int
    tenants: _containers.RepeatedCompositeFieldContainer[Tenant]
    def __init__(self, agent: _Optional[int] = ..., tenants: _Optional[_Iterable[_Union[Tenant, _Mapping]]] = ...) -> None: ...

class GetVictimsResponse(_message.Message):
    __slots__ = ("agents",)
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[AgentTenants]
    def __init__(self, agents: _Optional[_Iterable[_Union[AgentTenants, _Mapping]]] = ...) -> None: ...

class Victims(_message.Message):
    __slots__ = ("job_id", "version", "count")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    count: int
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class Preemption(_message.Message):
    __slots__ = ("job_id", "version", "agent", "count", "victims")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VICTIMS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    version: str
    agent: int
    count: int
    victims: _containers.RepeatedCompositeFieldContainer[Victims]
    def __init__(self, job_id: _Optional[str] = ..., version: _Optional[str] = ..., agent: _Optional[int] = ..., count: _Optional[int] = ..., victims: _Optional[_Iterable[_Union[Victims, _Mapping]]] = ...) -> None: ...

class ProposeRequest(_message.Message):
    __slots__ = ("reign", "placements", "unplaced", "preemptions")
    REIGN_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    UNPLACED_FIELD_NUMBER: _ClassVar[int]
    PREEMPTIONS_FIELD_NUMBER: _ClassVar[int]
    reign: str
    placements: _containers.RepeatedCompositeFieldContainer[Placement]
    unplaced: _containers.RepeatedCompositeFieldContainer[Unplaced]
    preemptions: _containers.RepeatedCompositeFieldContainer[Preemption]
    def __init__(self, reign: _Optional[str] = ..., placements: _Optional[_Iterable[_Union[Placement, _Mapping]]] = ..., unplaced: _Optional[_Iterable[_Union[Unplaced, _Mapping]]] = ..., preemptions: _Optional[_Iterable[_Union[Preemption, _Mapping]]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("agent", "count", "status", "reason", "fresh")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    agent: int
    count: int
    status: _types_pb2.Status
    reason: str
    fresh: AgentSnapshot
    def __init__(self, agent: _Optional[int] = ..., count: _Optional[int] = ..., status: _Optional[_Union[_types_pb2.Status, str]] = ..., reason: _Optional[str] = ..., fresh: _Optional[_Union[AgentSnapshot, _Mapping]] = ...) -> None: ...

class ProposalAnswer(_message.Message):
    __slots__ = ("status", "accepted", "refusals", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: _types_pb2.Status
    accepted: int
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    reason: str
    def __init__(self, status: _Optional[_Union[_types_pb2.Status, str]] = ..., accepted: _Optional[int] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class ProposeResponse(_message.Message):
    __slots__ = ("answers", "preemptions")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    PREEMPTIONS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[ProposalAnswer]
    preemptions: _containers.RepeatedCompositeFieldContainer[ProposalAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[ProposalAnswer, _Mapping]]] = ..., preemptions: _Optional[_Iterable[_Union[ProposalAnswer, _Mapping]]] = ...) -> None: ...

class StoredVersion(_message.Message):
    __slots__ = ("number", "version", "time")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    number: int
    version: str
    time: float
    def __init__(self, number: _Optional[int] = ..., version: _Optional[str] = ..., time: _Optional[float] = ...) -> None: ...

class StoredJob(_message.Message):
    __slots__ = ("job_id", "descriptor_without_pod", "state", "versions", "request_id", "create_time", "update_time", "end_time", "reason", "update", "generation", "restart_step", "evidence", "requests")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_WITHOUT_POD_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    RESTART_STEP_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    descriptor_without_pod: _types_pb2.JobDescriptor
    state: _types_pb2.JobState
    versions: _containers.RepeatedCompositeFieldContainer[StoredVersion]
    request_id: str
    create_time: float
    update_time: float
    end_time: float
    reason: str
    update: StoredUpdate
    generation: int
    restart_step: int
    evidence: str
    requests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, job_id: _Optional[str] = ..., descriptor_without_pod: _Optional[_Union[_types_pb2.JobDescriptor, _Mapping]] = ..., state: _Optional[_Union[_types_pb2.JobState, str]] = ..., versions: _Optional[_Iterable[_Union[StoredVersion, _Mapping]]] = ..., request_id: _Optional[str] = ..., create_time: _Optional[float] = ..., update_time: _Optional[float] = ..., end_time: _Optional[float] = ..., reason: _Optional[str] = ..., update: _Optional[_Union[StoredUpdate, _Mapping]] = ..., generation: _Optional[int] = ..., restart_step: _Optional[int] = ..., evidence: _Optional[str] = ..., requests: _Optional[_Iterable[str]] = ...) -> None: ...

class StoredUpdate(_message.Message):
    __slots__ = ("state", "from_version", "breakpoint", "reason", "time")
    STATE_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    BREAKPOINT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    state: _types_pb2.JobUpdateState
    from_version: str
    breakpoint: int
    reason: str
    time: float
    def __init__(self, state: _Optional[_Union[_types_pb2.JobUpdateState, str]] = ..., from_version: _Optional[str] = ..., breakpoint: _Optional[int] = ..., reason: _Optional[str] = ..., time: _Optional[float] = ...) -> None: ...

class StoredLabel(_message.Message):
    __slots__ = ("label", "endpoints")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    label: str
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label: _Optional[str] = ..., endpoints: _Optional[_Iterable[str]] = ...) -> None: ...

class StoredSafeMode(_message.Message):
    __slots__ = ("manual", "actor", "time", "above")
    MANUAL_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    manual: bool
    actor: str
    time: float
    above: int
    def __init__(self, manual: _Optional[bool] = ..., actor: _Optional[str] = ..., time: _Optional[float] = ..., above: _Optional[int] = ...) -> None: ...

class StoredCluster(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class StoredAgent(_message.Message):
    __slots__ = ("endpoint", "admit_time", "offline")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    ADMIT_TIME_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    admit_time: float
    offline: bool
    def __init__(self, endpoint: _Optional[str] = ..., admit_time: _Optional[float] = ..., offline: _Optional[bool] = ...) -> None: ...

class StoredFinished(_message.Message):
    __slots__ = ("first", "bits", "failed")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    first: int
    bits: bytes
    failed: bytes
    def __init__(self, first: _Optional[int] = ..., bits: _Optional[bytes] = ..., failed: _Optional[bytes] = ...) -> None: ...
