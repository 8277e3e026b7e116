"""
Which files a reader of logs means: those of a slot, over all attempts that left any here.
"""

from __future__ import annotations

from collections.abc import Sequence

from galaxy import names
from galaxy.agent.book import Book
from galaxy.agent.output.logs import LogFile, Stream
from galaxy.agent.output.outputs import output, previous
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import ReadLogRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kNotFound, kPodNotFound

Slot = tuple[str, int]


def streams(
    book: Book, workspaces: Workspaces, slot: Slot, request: ReadLogRequest
) -> list[Stream]:
    """
    What is asked for, a stream for each task.

    GalaxyError: kPodNotFound when the slot never had a pod here, or nothing of it is
    kept; kNotFound when it has no such task, or no attempt before the present one.
    """
    pod_id = names.pod_id(*slot)
    numbers = _tasks(book, workspaces, slot, pod_id)
    chosen = [
        number
        for number in numbers
        if request.task in ("", str(number), names.task_id(pod_id, number))
    ]
    if not chosen:
        raise GalaxyError(kNotFound, f"pod {pod_id} has no task {request.task!r}")
    found = [_stream(workspaces, slot, pod_id, number, request) for number in chosen]
    if request.previous and not any(stream.files() for stream in found):
        raise GalaxyError(
            kNotFound, f"of pod {pod_id} nothing is kept that an attempt before the present wrote"
        )
    by_task = {stream.task_id: stream for stream in found}
    for read in request.resume:
        file = output(read.file)
        if file is not None and read.task_id in by_task:
            by_task[read.task_id].resume(file.order, max(0, read.offset))
    return found


def _tasks(book: Book, workspaces: Workspaces, slot: Slot, pod_id: str) -> Sequence[int]:
    """The numbers of the slot's tasks."""
    present = book.slots.get(slot)
    if present is not None:
        return range(len(book.pods[present].tasks))
    latest = workspaces.latest(pod_id)
    if latest is None:
        raise GalaxyError(kPodNotFound, f"no pod {pod_id} is or was on this machine")
    wrote = {each.number for each, _ in workspaces.outputs(slot)}
    return sorted(wrote.union(workspaces.find(latest).numbers()))


def _stream(
    workspaces: Workspaces, slot: Slot, pod_id: str, number: int, request: ReadLogRequest
) -> Stream:
    def files() -> Sequence[LogFile]:
        found = [
            (each, file)
            for each, file in workspaces.outputs(slot, request.since_incarnation)
            if each.number == number and each.stderr == request.stderr
        ]
        if request.previous:
            wanted = previous(each for each, _ in found)
            return [file for each, file in found if each == wanted]
        return [file for _, file in found]

    return Stream(names.task_id(pod_id, number), files)
