"""
Reads what tasks wrote, for `galaxy logs`: from the agents, in turn or all at once.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from attrs import define, evolve, field, frozen

from galaxy.client.command import told
from galaxy.client.lines import Prefixed
from galaxy.client.session import Session
from galaxy.client.trails import Stop, Trail, trails
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.agent_pb2 import LogChunk, LogPosition, ReadLogRequest
from galaxy.protocol.master_pb2 import ShowPodRequest
from galaxy.protocol.services import BlockingAgentStub
from galaxy.protocol.statuses import GalaxyError

_AHEAD = 64  # chunks read ahead of the terminal, over all pods
_LOOK_S = 2.0  # between two looks at where the pods that are followed are
_PODS_A_SECOND = 1000  # that are looked for; of many, more seldom
_PAUSE_S = 0.5  # after a connection broke
_PASSING = (pb.kRpcError, pb.kDeadline, pb.kBusy, pb.kPodNotFound)
"""What may be otherwise a moment later: an agent that restarts, a pod it has yet to be told of."""

_Place = tuple[str, str]
"""A pod, and a machine that has it."""


@define
class Source:
    """A pod on a machine, and how far it was read there."""

    endpoint: str
    request: ReadLogRequest
    lines: Prefixed
    _read: dict[str, LogPosition] = field(factory=dict)

    def pieces(self, session: Session) -> Iterator[bytes]:
        """What is written, from where an earlier reading has ended. Raises `GalaxyError`."""
        peer = session.dial_agent(self.endpoint)
        try:
            del self.request.resume[:]
            self.request.resume.extend(self._read.values())
            chunk: LogChunk
            for chunk in BlockingAgentStub(peer).read_log(self.request):
                if chunk.skipped:
                    told(f"galaxy: {chunk.task_id}: {chunk.skipped} bytes were not kept for us")
                yield self.lines.feed(chunk.task_id, chunk.data)
                self._read[chunk.task_id] = LogPosition(
                    task_id=chunk.task_id, file=chunk.file, offset=chunk.offset
                )
            yield self.lines.rest()
        finally:
            peer.close()


@frozen
class Broken:
    """A pod that could not be read to its end, and why."""

    source: Source
    error: GalaxyError


@frozen
class _Over:
    source: Source


def trails_of(session: Session, wanted: str) -> list[Trail]:
    """Where what JOB or JOB.INDEX wrote is; a job is told by id, beginning of it, or name."""
    leader = session.leader()
    by_pod = ShowPodRequest(pod_id=wanted, dead=True, brief=True)
    by_job = ShowPodRequest(job_id=wanted, dead=True, brief=True)
    if wanted.rpartition(".")[2].isdecimal() and "." in wanted:
        try:
            return trails(leader.ask(lambda master: master.show_pod(by_pod)).pods)
        except GalaxyError as error:
            if error.status not in (pb.kJobNotFound, pb.kNotFound):
                raise
    return trails(leader.ask(lambda master: master.show_pod(by_job)).pods)


def _source(trail: Trail, stop: Stop, asked: ReadLogRequest, *, several: bool) -> Source:
    request = ReadLogRequest()
    request.CopyFrom(asked)
    request.pod_id = trail.pod_id
    prefix = f"{trail.pod_id} " if several else ""
    return Source(stop.endpoint, request, Prefixed(prefix))


def in_turn(
    session: Session, found: list[Trail], asked: ReadLogRequest, *, several: bool
) -> Iterator[bytes | Broken]:
    """One pod after the other, and of each one machine after the other."""
    last_only = asked.previous or asked.tail_lines
    for trail in found:
        for stop in trail.stops[-1:] if last_only else trail.stops:
            source = _source(trail, stop, asked, several=several)
            try:
                yield from source.pieces(session)
            except GalaxyError as error:
                if not (error.status == pb.kPodNotFound and len(trail.stops) > 1):
                    yield Broken(source, error)  # else it was collected a moment ago


class Follower:
    """
    Follows pods, all at once, a thread for each; lines stay whole.

    What remains on machines that they have left is read first. A pod that is placed
    anew is joined where it is then, from the beginning of that attempt. A connection
    that breaks is made again, and goes on where it was. It is over when no pod of
    what is followed is left.
    """

    def __init__(
        self, session: Session, wanted: str, asked: ReadLogRequest, *, several: bool
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._asked = asked
        self._several = several
        self._queue: queue.Queue[bytes | Broken | _Over] = queue.Queue(_AHEAD)
        self._open: set[_Place] = set()
        self._joined: dict[_Place, int] = {}  # the latest attempt that was joined there
        self._lost: dict[_Place, Source] = {}  # those whose connection broke
        self._failed: set[str] = set()  # pods that cannot be followed

    def events(self, found: list[Trail]) -> Iterator[bytes | Broken]:
        """What is written, and what goes wrong for good."""
        earlier = [evolve(trail, stops=trail.earlier) for trail in found]
        if not self._asked.tail_lines:
            yield from in_turn(self._session, earlier, self._asked, several=self._several)
        for trail in found:
            self._join(trail, since=0)
        look_at = self._session.elapsed() + _LOOK_S
        while True:
            if not self._open or self._session.elapsed() >= look_at:
                found = self._look(found)
                look_at = self._session.elapsed() + _LOOK_S + len(found) / _PODS_A_SECOND
            if not self._open:
                if not any(trail.wanted and trail.pod_id not in self._failed for trail in found):
                    return
                self._session.sleep(_LOOK_S)
                continue
            try:
                event = self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(event, bytes):
                yield event
                continue
            look_at = 0.0
            if (broken := self._over(event)) is not None:
                yield broken

    def _over(self, event: Broken | _Over) -> Broken | None:
        source = event.source
        place = source.request.pod_id, source.endpoint
        self._open.discard(place)
        if isinstance(event, _Over):
            self._lost.pop(place, None)
            return None
        if event.error.status not in _PASSING:
            self._failed.add(source.request.pod_id)
            return event
        if place not in self._lost and event.error.status != pb.kPodNotFound:
            told(f"galaxy: {source.request.pod_id}: {event.error}; asking again")
        self._lost[place] = source
        del self._joined[place]
        self._session.sleep(_PAUSE_S)
        return None

    def _look(self, known: list[Trail]) -> list[Trail]:
        """See where the pods are now, and join those that are not followed there."""
        try:
            found = trails_of(self._session, self._wanted)
        except GalaxyError as error:
            if error.status in (pb.kJobNotFound, pb.kPodNotFound):
                return []
            raise
        for trail in found:
            if (stop := trail.live) is not None and trail.pod_id not in self._failed:
                self._join(trail, since=stop.incarnation)
        return found

    def _join(self, trail: Trail, since: int) -> None:
        stop = trail.live
        if stop is None:
            return
        place = trail.pod_id, stop.endpoint
        if place in self._open or self._joined.get(place, -1) >= stop.incarnation:
            return
        source = self._lost.get(place)
        if source is None:
            source = _source(trail, stop, self._asked, several=self._several)
            source.request.follow = True
            if since:
                source.request.since_incarnation, source.request.tail_lines = since, 0
        self._open.add(place)
        self._joined[place] = stop.incarnation
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def _read(self, source: Source) -> None:
        try:
            for piece in source.pieces(self._session):
                self._queue.put(piece)
        except GalaxyError as error:
            self._queue.put(Broken(source, error))
        else:
            self._queue.put(_Over(source))
