"""
What must be so once nothing goes wrong any more (liveness), and how soon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from galaxy.agent.records import PodKey
from galaxy.protocol.master_pb2 import JobOverview
from galaxy.protocol.types_pb2 import (
    JobState,
    JobUpdateState,
    kBatch,
    kJobFailed,
    kJobFinished,
    kJobSuspended,
    kUpdateNone,
)
from tests.simulation.people import People
from tests.simulation.wishes import Wish
from tests.simulation.witness import attempt_of
from tests.simulation.world import World

DOUBLED_S = 20.0
"""Longer than this no slot has two attempts that run, unless something is cut or down."""

SETTLED_S = 120.0
"""So long after the last fault everything is as it was wished."""


def running(world: World) -> list[PodKey]:
    """The attempts whose main processes run, wherever."""
    return [attempt_of(main) for machine in world.machines for main in machine.mains()]


def doubled(world: World) -> set[tuple[str, int]]:
    """The slots of which more than one attempt runs."""
    slots = Counter((key.job_id, key.index) for key in set(running(world)))
    return {slot for slot, attempts in slots.items() if attempts > 1}


def amiss(world: World, people: People) -> str:
    """What is not yet as it should be where processes run; empty: nothing."""
    slots = Counter((key.job_id, key.index) for key in running(world))
    for wish in people.wishes:
        if wish.open:
            return f"{wish.name}: its owner waits for an answer"
        problem = _astray(wish, {i: n for (job_id, i), n in slots.items() if job_id == wish.job_id})
        if problem:
            return f"{wish.name}: {problem}"
    known = {wish.job_id for wish in people.wishes}
    strays = sorted(slot for slot in slots if slot[0] not in known)
    return f"nobody asked for {strays}" if strays else ""


def _astray(wish: Wish, slots: dict[int, int]) -> str:
    if wish.ended:
        return f"it was killed, and {slots} runs" if slots else ""
    if wish.kind == kBatch or wish.suspended:
        return f"{slots} still runs" if slots else ""
    once = len(slots) == wish.replica and set(slots.values()) == {1}
    return "" if once else f"{wish.replica} are to run, there are {slots}"


def untold(jobs: Sequence[JobOverview], people: People) -> str:
    """What the master says that is not so; empty: nothing."""
    by_name = Counter(job.name for job in jobs)
    overviews = {job.job_id: job for job in jobs}
    for wish in people.wishes:
        if by_name[wish.name] > 1:
            return f"{wish.name} was submitted once and is there {by_name[wish.name]} times"
        told = overviews.get(wish.job_id)
        if told is None and not wish.ended:
            return f"{wish.name} was acknowledged as {wish.job_id}, and is not there"
        if told is not None and not wish.ended and (problem := _differs(wish, told)):
            return f"{wish.name} {problem}"
    return ""


def _differs(wish: Wish, told: JobOverview) -> str:
    if wish.kind == kBatch:
        if told.state not in {kJobFinished, kJobFailed} and not wish.suspended:
            return f"has not ended: {told.finished} and {told.failed} have"
    elif wish.suspended:
        if told.state != kJobSuspended:
            return f"was suspended, and is {JobState.Name(told.state)}"
    elif told.update_state != kUpdateNone:
        return f"has an update in state {JobUpdateState.Name(told.update_state)}: {told.reason}"
    elif told.version not in wish.good:
        return f"is at {told.version}, and {sorted(wish.good)} was acknowledged"
    elif told.running != wish.replica:
        return f"is said to have {told.running} running of {wish.replica}"
    return ""
