"""What people are told of tasks, besides their pods."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.ledger import MOST_CHANGES, Ledger
from galaxy.agent.records import Phase, Pod, PodKey, Task
from galaxy.agent.trouble import task_changes
from galaxy.protocol.agent_pb2 import TaskChange
from galaxy.protocol.types_pb2 import (
    TaskState,
    kTaskError,
    kTaskPending,
    kTaskRunning,
    kTaskSuspend,
)

RUNNING = Task(phase=Phase.RUNNING, seen=True)
WAITING = Task(phase=Phase.WAITING, reason="exited with 3", restarts=1)
FAILED = Task(phase=Phase.FAILED, reason="exited with 3")


def pod(*tasks: Task) -> Pod:
    """A pod of these tasks."""
    return Pod(PodKey("web_01", 7, 1), "v1", "ann", 1000.0, tasks)


class TaskChangesTests(SynchronousTestCase):
    """From one record of a pod to the next."""

    def told(self, before: Pod | None, after: Pod) -> list[tuple[int, TaskState, TaskState]]:
        return [(told.task, told.before, told.after) for told in task_changes(before, after)]

    def test_an_attempt_that_failed(self) -> None:
        """The task, what it was and is, and why; the other tasks are not mentioned."""
        (told,) = task_changes(pod(RUNNING, RUNNING), pod(RUNNING, WAITING))
        self.assertEqual(
            (told.job_id, told.index, told.task, told.before, told.after, told.reason),
            ("web_01", 7, 1, kTaskRunning, kTaskSuspend, "exited with 3"),
        )

    def test_a_start_after_one(self) -> None:
        """Out of trouble is told, too."""
        self.assertEqual(
            self.told(pod(WAITING), pod(evolve(RUNNING, restarts=1))),
            [(0, kTaskSuspend, kTaskRunning)],
        )

    def test_given_up(self) -> None:
        """Also of a pod that was not known before."""
        self.assertEqual(self.told(None, pod(FAILED)), [(0, kTaskPending, kTaskError)])

    def test_the_ordinary_is_not_told(self) -> None:
        """Starting, running and ending well show in the pod."""
        finished = Task(phase=Phase.FINISHED)
        self.assertEqual(self.told(None, pod(RUNNING)), [])
        self.assertEqual(self.told(pod(RUNNING), pod(finished)), [])
        self.assertEqual(self.told(pod(WAITING), pod(WAITING)), [])


class LedgerTests(SynchronousTestCase):
    """How the master hears of it."""

    def test_once(self) -> None:
        """A delta holds what came since; a full answer holds none of it."""
        ledger = Ledger("i")
        before = ledger.revision
        ledger.note([TaskChange(index=1), TaskChange(index=2)])
        told = ledger.answer("i", before)
        self.assertEqual([change.index for change in told.task_changes], [1, 2])
        self.assertEqual(list(ledger.answer("i", told.revision).task_changes), [])
        self.assertEqual(list(ledger.answer("other", before).task_changes), [])

    def test_bounded(self) -> None:
        """Only the latest are kept."""
        ledger = Ledger("i")
        ledger.note(TaskChange(index=index) for index in range(MOST_CHANGES + 5))
        told = ledger.answer("i", 1).task_changes
        self.assertEqual((len(told), told[0].index), (MOST_CHANGES, 5))
