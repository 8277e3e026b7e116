"""
What a pod is, seen from its tasks: state, health, reason. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from galaxy.agent.records import Phase, Pod, Task
from galaxy.agent.specs import PodSpec
from galaxy.protocol.types_pb2 import (
    PodState,
    TaskState,
    kPodDeploying,
    kPodError,
    kPodFinish,
    kPodPending,
    kPodRunning,
    kPodSuspend,
    kPodTerminate,
    kTaskDeploying,
    kTaskError,
    kTaskFinish,
    kTaskPending,
    kTaskRunning,
    kTaskSuspend,
    kTaskTerminate,
)

_STATES = {
    Phase.NEW: kTaskPending,
    Phase.FETCHING: kTaskDeploying,
    Phase.DEPLOYING: kTaskDeploying,
    Phase.RETRYING: kTaskSuspend,
    Phase.RUNNING: kTaskRunning,
    Phase.WAITING: kTaskSuspend,
    Phase.FINISHED: kTaskFinish,
    Phase.FAILED: kTaskError,
    Phase.STOPPING: kTaskTerminate,
    Phase.KILLING: kTaskTerminate,
    Phase.REMOVING: kTaskTerminate,
    Phase.GONE: kTaskTerminate,
}


@frozen
class Summary:
    """What the master is told of a pod."""

    version: str
    state: PodState
    healthy: bool = False
    reason: str = ""
    generation: int = 0


def task_state(task: Task) -> TaskState:
    """The state of a task; its main process is running only once it was seen to."""
    if task.phase is Phase.RUNNING and not task.seen:
        return kTaskDeploying if task.tries else kTaskPending
    return _STATES[task.phase]


def _any_of(*wanted: TaskState) -> Callable[[Sequence[TaskState]], bool]:
    return lambda states: any(state in wanted for state in states)


def _all_of(wanted: TaskState) -> Callable[[Sequence[TaskState]], bool]:
    return lambda states: all(state == wanted for state in states)


# The first rule that holds gives the state. None asks where a task stands in the list.
_RULES: Sequence[tuple[Callable[[Sequence[TaskState]], bool], PodState]] = (
    (_any_of(kTaskError), kPodError),  # one task given up: the pod cannot be what it is for
    (_any_of(kTaskTerminate), kPodTerminate),
    (_any_of(kTaskSuspend), kPodSuspend),  # before deploying: a crash loop must be seen
    (_all_of(kTaskPending), kPodPending),
    (_any_of(kTaskDeploying, kTaskPending), kPodDeploying),
    (_all_of(kTaskFinish), kPodFinish),
    (lambda _states: True, kPodRunning),  # what is finished stands beside what runs
)


def pod_state(states: Sequence[TaskState]) -> PodState:
    """The state of a pod whose tasks are in these states; their order does not matter."""
    return next(state for holds, state in _RULES if holds(states))


def healthy_at(pod: Pod, spec: PodSpec) -> float | None:
    """
    When the pod counts as healthy: the checks of all that runs have passed, or,
    without any check, all that runs has run for the least time.

    None: it does not run, or has yet to pass.
    """
    if pod_state([task_state(task) for task in pod.tasks]) != kPodRunning:
        return None
    running = [
        (task, task_spec.health)
        for task, task_spec in zip(pod.tasks, spec.tasks, strict=True)
        if task.phase is Phase.RUNNING
    ]
    if not all(task.passed for task, check in running if check is not None):
        return None
    checked = any(task_spec.health is not None for task_spec in spec.tasks)
    least_s = 0.0 if checked else spec.min_healthy_s
    return max(task.start_time + least_s for task, _check in running)


def summary(pod: Pod, spec: PodSpec, now: float) -> Summary:
    """What to tell of a pod."""
    state = pod_state([task_state(task) for task in pod.tasks])
    if pod.stop_reason is not None and state != kPodError:
        state = kPodTerminate
    at = healthy_at(pod, spec) if state == kPodRunning else None
    healthy = at is not None and now >= at
    return Summary(pod.version, state, healthy, _reason(pod), pod.generation)


def has_ended(pod: Pod) -> bool:
    """Whether nothing more will happen in it, so that it may be forgotten at once."""
    return all(task.phase in (Phase.FINISHED, Phase.FAILED) for task in pod.tasks)


def has_finished(pod: Pod) -> bool:
    """Whether it did all that it was for."""
    return all(task.phase is Phase.FINISHED for task in pod.tasks)


def _reason(pod: Pod) -> str:
    if pod.follows and pod.stop_reason is None:
        return f"waits until incarnation {pod.follows} is gone"
    if pod.excess and pod.stop_reason is None:
        return pod.excess
    told = [f"task {number} {task.reason}" for number, task in enumerate(pod.tasks) if task.reason]
    return "; ".join(told) or pod.stop_reason or ""
