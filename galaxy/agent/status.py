"""
Pods and tasks as people are shown them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from galaxy import names
from galaxy.agent.containers import Picture
from galaxy.agent.delivery.packages import Package, package_of
from galaxy.agent.pods import summary, task_state
from galaxy.agent.records import Phase, Pod, Task
from galaxy.agent.specs import Deploying, PodSpec, deploying_of
from galaxy.agent.steps import Life, Process
from galaxy.agent.tasks import STOP_PROCESS, main_name, process_name
from galaxy.agent.usage import Meter
from galaxy.protocol.agent_pb2 import Description, NamedPort, PodStatus, TaskStatus

_ABSENT = Process(Life.STARTING)
_STAGES = {
    Phase.FETCHING: "deploy",
    Phase.DEPLOYING: "deploy",
    Phase.RETRYING: "deploy",
    Phase.RUNNING: "main",
    Phase.STOPPING: "stop",
    Phase.KILLING: "stop",
    Phase.REMOVING: "stop",
}


def _nothing(_package: Package) -> str:
    return ""


def pod_status(
    pod: Pod,
    description: Description,
    spec: PodSpec,
    *,
    picture: Picture | None,
    meter: Meter,
    directory: Path,
    fetched: Callable[[Package], str] = _nothing,
    now: float,
) -> PodStatus:
    """All there is to know of a pod."""
    told = summary(pod, spec, now)
    used = meter.of_pod(pod)
    tasks = [
        _task_status(pod, number, description, picture or {}, meter, fetched=fetched)
        for number in range(len(pod.tasks))
    ]
    return PodStatus(
        pod_id=pod.key.pod_id,
        job_id=pod.key.job_id,
        index=pod.key.index,
        incarnation=pod.key.incarnation,
        state=told.state,
        healthy=told.healthy,
        version=pod.version,
        reason=told.reason,
        ports=[NamedPort(name=name, port=number) for name, number in pod.ports],
        start_time=pod.accept_time,
        path=str(directory),
        tasks=tasks,
        used_millicores=used.millicores,
        used_memory=used.memory_bytes,
    )


def _task_status(
    pod: Pod,
    number: int,
    description: Description,
    picture: Picture,
    meter: Meter,
    *,
    fetched: Callable[[Package], str],
) -> TaskStatus:
    task = pod.tasks[number]
    container = pod.key.container(number)
    processes = picture.get(container, {})
    shown = _shown(task)
    process = processes.get(shown, _ABSENT)
    end = process.end or task.end
    used = meter.of(container)
    status = TaskStatus(
        task_id=names.task_id(pod.key.pod_id, number),
        state=task_state(task),
        stage=_STAGES.get(task.phase, ""),
        pid=process.pid if process.end is None else 0,
        ended=end is not None and end.ran,
        restarts=task.restarts,
        cgroup=process.cgroup,
        deploy_time=task.deploy_time,
        start_time=task.start_time,
        end_time=end.time if end is not None else 0.0,
        command=description.pod.tasks[number].start_command,
        used_millicores=used.millicores,
        used_memory=used.memory_bytes,
        used_memory_with_cache=used.memory_with_cache_bytes,
        read_bytes_ps=used.read_bytes_ps,
        write_bytes_ps=used.write_bytes_ps,
        read_io_ps=used.read_io_ps,
        write_io_ps=used.write_io_ps,
        pids=used.pids,
        reason=task.reason,
        next_try_time=task.next_try,
    )
    if task.phase is Phase.FETCHING:
        status.progress = fetched(package_of(description.pod.tasks[number], pod.version))
    elif task.phase is Phase.DEPLOYING and task.unwell == "":
        packaged = deploying_of(description.pod.tasks[number]) is Deploying.PACKAGE
        status.progress = "unpacking" if packaged else "its deploy command runs"
    if end is not None:
        status.exit_code = end.exit_code
        status.signal = end.signal
        status.oom_killed = end.oom_killed
        status.core_dumped = end.core_dumped
    if task.end is not None:
        status.said.extend(task.end.said)
    return status


def _shown(task: Task) -> str:
    """The process whose pid and control group a task is shown with: its main one, if it can be."""
    name = process_name(task)
    return main_name(task) if name in ("", STOP_PROCESS) else name
