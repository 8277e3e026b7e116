"""
Trouble with tasks, as people are told of it in events. Pure.

An attempt that failed, and the start after it, happen within a pod that may look the
same before and after; everything else that befalls a task shows in its pod.
"""

from __future__ import annotations

from collections.abc import Iterator

from galaxy.agent.pods import task_state
from galaxy.agent.records import Pod
from galaxy.protocol.agent_pb2 import TaskChange
from galaxy.protocol.types_pb2 import kTaskError, kTaskPending, kTaskSuspend

_TROUBLE = frozenset({kTaskSuspend, kTaskError})


def task_changes(before: Pod | None, after: Pod) -> Iterator[TaskChange]:
    """The changes of a pod's tasks that lead into trouble or out of it."""
    earlier = before.tasks if before is not None else ()
    for number, task in enumerate(after.tasks):
        was = task_state(earlier[number]) if number < len(earlier) else kTaskPending
        now = task_state(task)
        if was != now and (was in _TROUBLE or now in _TROUBLE):
            yield TaskChange(
                job_id=after.key.job_id,
                index=after.key.index,
                task=number,
                before=was,
                after=now,
                reason=task.reason,
                said=task.end.said if now in _TROUBLE and task.end is not None else (),
            )
