"""
WatchEvents: events to whoever reads them, as fast as they do.

A reader that is slower than events come is not waited for: it is told that it has
lost some, and goes on with the oldest that is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from galaxy.master.chronicle import Chronicle, Wanted
from galaxy.master.cluster import Cluster
from galaxy.master.waiting import Waiting
from galaxy.names import parse_pod_id
from galaxy.protocol.master_pb2 import Events, WatchEventsRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

AT_ONCE = 200  # happenings in a message, at most
INDEXES_AT_ONCE = 100_000
LOOK_S = 60.0

Send = Callable[[Events], Awaitable[None]]


def wanted(cluster: Cluster, asked: WatchEventsRequest) -> Wanted:
    """
    What a request asks for; GalaxyError(kInputError, kPodNotFound) if it is not clear what.

    A job that is gone may still be read of: by its whole id, and as long as an agent keeps
    what a pod of it left, also by its name.
    """
    word, index = asked.job_id.strip(), None
    if asked.pod_id:
        try:
            pods_job, index = parse_pod_id(asked.pod_id.strip())
        except ValueError as error:
            raise GalaxyError(Status.kPodNotFound, str(error)) from error
        if word and _job_id(cluster, word) != _job_id(cluster, pods_job):
            raise GalaxyError(Status.kInputError, f"{asked.pod_id} is no pod of {word}")
        word = pods_job
    return Wanted(
        _job_id(cluster, word) if word else "", index, asked.endpoint.strip(), asked.since
    )


def _job_id(cluster: Cluster, word: str) -> str:
    try:
        return cluster.jobs.resolve(word).job_id
    except GalaxyError as error:
        if error.status != Status.kJobNotFound:
            raise
        return cluster.remains.resolve(word) or word


async def watch(
    chronicle: Chronicle, waiting: Waiting, what: Wanted, send: Send, *, follow: bool
) -> None:
    """
    Send what is kept and wanted; then, if asked to, whatever comes.

    Ends with GalaxyError(kNotLeader) when the reign does.
    """
    number = chronicle.first
    lost = 0 < what.since < chronicle.since
    while True:
        lost = lost or number < chronicle.first
        read = chronicle.read(number, AT_ONCE)
        message = Events(lost=lost)
        indexes = 0
        for number_read, happening in read:
            for event in what.events(number_read, happening):
                message.events.append(event)
                indexes += len(event.indexes)
                if indexes >= INDEXES_AT_ONCE:
                    await send(message)
                    message, indexes = Events(), 0
        if message.events or message.lost:
            await send(message)
        lost = False
        if read:
            number = read[-1][0] + 1
        if number >= chronicle.next:
            if not follow:
                return
            await waiting.wait(LOOK_S)
