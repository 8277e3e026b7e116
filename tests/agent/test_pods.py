"""A pod, seen from its tasks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.pods import has_ended, healthy_at, pod_state, summary
from galaxy.agent.records import Phase, Pod, PodKey, Task
from galaxy.agent.specs import PodSpec, TaskSpec
from galaxy.protocol.types_pb2 import (
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

STATES = [state for state in TaskState.values() if state]


def pod(*tasks: Task, stop_reason: str | None = None) -> Pod:
    """A pod of these tasks."""
    return Pod(PodKey("web_1", 0, 1), "v1", "", 0.0, tasks, stop_reason=stop_reason)


def spec(count: int, min_healthy_s: float = 0.0) -> PodSpec:
    """A spec for so many tasks."""
    return PodSpec((TaskSpec(),) * count, min_healthy_s)


class StateTests(SynchronousTestCase):
    """The state of a pod."""

    def test_table(self) -> None:
        """What the states of two tasks make together."""
        for states, expected in (
            ((kTaskRunning, kTaskRunning), kPodRunning),
            ((kTaskRunning, kTaskFinish), kPodRunning),
            ((kTaskFinish, kTaskFinish), kPodFinish),
            ((kTaskRunning, kTaskError), kPodError),
            ((kTaskTerminate, kTaskError), kPodError),
            ((kTaskRunning, kTaskTerminate), kPodTerminate),
            ((kTaskDeploying, kTaskSuspend), kPodSuspend),
            ((kTaskDeploying, kTaskRunning), kPodDeploying),
            ((kTaskPending, kTaskRunning), kPodDeploying),
            ((kTaskPending, kTaskPending), kPodPending),
        ):
            self.assertEqual(pod_state(states), expected, states)

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(STATES), min_size=1), st.randoms())
    def test_order(self, states: list[TaskState], random: object) -> None:
        """Safety: the order of the tasks does not matter."""
        shuffled = list(states)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        self.assertEqual(pod_state(shuffled), pod_state(states))

    def test_stopping(self) -> None:
        """A pod that is to stop is told of as such before any task has moved."""
        told = summary(pod(Task(Phase.RUNNING, seen=True), stop_reason="scaled down"), spec(1), 0)
        self.assertEqual((told.state, told.reason), (kPodTerminate, "scaled down"))

    def test_ended(self) -> None:
        """It has ended when every task has."""
        self.assertTrue(has_ended(pod(Task(Phase.FINISHED), Task(Phase.FAILED))))
        self.assertFalse(has_ended(pod(Task(Phase.FINISHED), Task(Phase.RUNNING))))


class HealthTests(SynchronousTestCase):
    """When a pod is healthy."""

    def test_youngest(self) -> None:
        """The least time counts from the start of the task that started last."""
        tasks = (
            Task(Phase.RUNNING, seen=True, start_time=10.0),
            Task(Phase.RUNNING, seen=True, start_time=30.0),
            Task(Phase.FINISHED, start_time=5.0),
        )
        self.assertEqual(healthy_at(pod(*tasks), spec(3, 20.0)), 50.0)
        self.assertFalse(summary(pod(*tasks), spec(3, 20.0), 49.0).healthy)
        self.assertTrue(summary(pod(*tasks), spec(3, 20.0), 50.0).healthy)

    def test_not_running(self) -> None:
        """What does not run is not healthy."""
        self.assertIsNone(healthy_at(pod(Task(Phase.WAITING)), spec(1)))

    def test_reason(self) -> None:
        """The reason names the task."""
        told = summary(pod(Task(), Task(Phase.FAILED, reason="exited with 1")), spec(2), 0)
        self.assertEqual(told.reason, "task 1 exited with 1")
