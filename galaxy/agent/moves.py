"""
The table of the task machine: which phase follows which, on what event. Pure.

`galaxy.agent.tasks` finds out what happened; this says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import evolve

from galaxy.agent.records import Phase, Task


class Event(Enum):
    """What moves a task on."""

    FETCH = "the package is wanted"
    DEPLOY = "the files are to be put in place"
    RUN = "the main process is to be started"
    AGAIN = "it failed and is tried again later"
    FINISH = "it did what it was for"
    GIVE_UP = "it is not tried again here"
    STOP = "it is to stop, and has a stop command"
    KILL = "what is left is to be ended"
    REMOVE = "nothing of it is alive"
    REMOVED = "its container is gone"


MOVES: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.NEW, Event.FETCH): Phase.FETCHING,
    (Phase.NEW, Event.DEPLOY): Phase.DEPLOYING,
    (Phase.NEW, Event.RUN): Phase.RUNNING,
    (Phase.NEW, Event.GIVE_UP): Phase.FAILED,
    (Phase.NEW, Event.REMOVE): Phase.REMOVING,
    (Phase.FETCHING, Event.DEPLOY): Phase.DEPLOYING,
    (Phase.FETCHING, Event.AGAIN): Phase.RETRYING,
    (Phase.FETCHING, Event.GIVE_UP): Phase.FAILED,
    (Phase.FETCHING, Event.REMOVE): Phase.REMOVING,
    (Phase.DEPLOYING, Event.RUN): Phase.RUNNING,
    (Phase.DEPLOYING, Event.AGAIN): Phase.RETRYING,
    (Phase.DEPLOYING, Event.GIVE_UP): Phase.FAILED,
    (Phase.DEPLOYING, Event.KILL): Phase.KILLING,
    (Phase.RETRYING, Event.FETCH): Phase.FETCHING,
    (Phase.RETRYING, Event.DEPLOY): Phase.DEPLOYING,
    (Phase.RETRYING, Event.GIVE_UP): Phase.FAILED,
    (Phase.RETRYING, Event.REMOVE): Phase.REMOVING,
    (Phase.RUNNING, Event.AGAIN): Phase.WAITING,
    (Phase.RUNNING, Event.FINISH): Phase.FINISHED,
    (Phase.RUNNING, Event.GIVE_UP): Phase.FAILED,
    (Phase.RUNNING, Event.STOP): Phase.STOPPING,
    (Phase.RUNNING, Event.KILL): Phase.KILLING,
    (Phase.WAITING, Event.RUN): Phase.RUNNING,
    (Phase.WAITING, Event.GIVE_UP): Phase.FAILED,
    (Phase.WAITING, Event.REMOVE): Phase.REMOVING,
    (Phase.FINISHED, Event.REMOVE): Phase.REMOVING,
    (Phase.FAILED, Event.REMOVE): Phase.REMOVING,
    (Phase.STOPPING, Event.KILL): Phase.KILLING,
    (Phase.KILLING, Event.REMOVE): Phase.REMOVING,
    (Phase.REMOVING, Event.REMOVED): Phase.GONE,
}


class IllegalMove(Exception):
    """The table has no such move: a fault of ours."""


def moved(task: Task, event: Event) -> Task:
    """The task in the phase that the table names."""
    if (task.phase, event) not in MOVES:
        raise IllegalMove(f"a task that is {task.phase.value} has no move for: {event.value}")
    return evolve(task, phase=MOVES[task.phase, event])
