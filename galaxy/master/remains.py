"""
Where what remains of dead pods is: which agents keep a directory of which slots. Pure.

The truth is the agents'; here is what they reported in this reign, packed, so that
who asks for a pod that is gone can be sent to the machine that has its logs. Jobs
are known here by their ids alone: they may be forgotten everywhere else.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from attrs import define, field, frozen

from galaxy.names import short_name
from galaxy.protocol import agent_pb2
from galaxy.protocol.agent_pb2 import QueryResponse
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

_MOST_CANDIDATES = 8


@frozen(order=True)
class Place:
    """A directory that a dead pod left: of the attempt that was the first to live in it."""

    index: int
    incarnation: int
    endpoint: str


@define(eq=False)
class Remains:
    """What all agents keep."""

    # By job and agent: index << 32 | incarnation, in order.
    _kept: dict[str, dict[str, array[int]]] = field(factory=dict)
    _jobs: dict[str, set[str]] = field(factory=dict)  # by agent

    def take(self, endpoint: str, report: QueryResponse) -> None:
        """An agent says what it keeps, or what has changed of that."""
        if report.full:
            self.drop(endpoint)
        for group in report.collected:
            self._revise(endpoint, group.job_id, gone=_attempts(group))
        for group in report.remains:
            self._revise(endpoint, group.job_id, came=_attempts(group))

    def drop(self, endpoint: str) -> None:
        """Nothing more is known of an agent."""
        for job_id in self._jobs.pop(endpoint, ()):
            self._forget(endpoint, job_id)

    def places(self, job_id: str, index: int | None = None) -> list[Place]:
        """What remains of a job, or of one slot of it, in order."""
        found = [
            Place(attempt >> 32, attempt & 0xFFFFFFFF, endpoint)
            for endpoint, attempts in self._kept.get(job_id, {}).items()
            for attempt in attempts
            if index is None or attempt >> 32 == index
        ]
        return sorted(found)

    def resolve(self, text: str) -> str | None:
        """
        The job that a person means by its id, the beginning of it, or its name; None: none.

        GalaxyError: kInputError with the candidates, if it may be several.
        """
        text = text.strip()
        if text in self._kept:
            return text
        name = short_name(text)
        found = sorted(
            job_id
            for job_id in self._kept
            if (len(text) > job_id.rfind("_") + 1 and job_id.startswith(text))
            or (name and job_id.rpartition("_")[0] == name)
        )
        if len(found) > 1:
            listed = ", ".join(found[:_MOST_CANDIDATES])
            raise GalaxyError(
                Status.kInputError,
                f"{text!r} may mean several jobs that are gone, such as {listed}: write the id",
            )
        return found[0] if found else None

    def _revise(
        self, endpoint: str, job_id: str, came: Iterable[int] = (), gone: Iterable[int] = ()
    ) -> None:
        known = self._kept.get(job_id, {}).get(endpoint, ())
        attempts = sorted((set(known) | set(came)) - set(gone))
        if attempts:
            self._kept.setdefault(job_id, {})[endpoint] = array("Q", attempts)
            self._jobs.setdefault(endpoint, set()).add(job_id)
        elif known:
            self._forget(endpoint, job_id)
            self._jobs[endpoint].discard(job_id)

    def _forget(self, endpoint: str, job_id: str) -> None:
        del self._kept[job_id][endpoint]
        if not self._kept[job_id]:
            del self._kept[job_id]


def _attempts(group: agent_pb2.Remains) -> list[int]:
    pairs = zip(group.index, group.incarnation, strict=True)
    return [index << 32 | incarnation for index, incarnation in pairs]
