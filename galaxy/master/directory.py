"""
Which jobs there are, and how people's words for them are understood. Pure.

An id, a prefix of one that fits no other, or a name: each is accepted wherever a
job is meant. Names are unique among live jobs; a job that ended or is being
stopped no longer owns its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from galaxy.master.jobs import LIVE, Job
from galaxy.names import parse_pod_id, pod_id
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kSystem

_MOST_CANDIDATES = 8


class Directory:
    """The jobs of a cluster."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._named: dict[str, list[Job]] = {}
        self._requests: dict[str, str] = {}
        self._reserved: dict[str, str] = {}  # name -> id: being written to the nexus
        self.systems: dict[Job, None] = {}  # those that follow the machines

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, job_id: str) -> Job | None:
        """The job with exactly that id."""
        return self._jobs.get(job_id)

    def add(self, job: Job) -> None:
        """One job more."""
        self._jobs[job.job_id] = job
        if job.type == kSystem:
            self.systems[job] = None
        self._named.setdefault(job.name, []).append(job)
        if job.request_id:
            self._requests[job.request_id] = job.job_id
        self.release(job.name, job.job_id)

    def remove(self, job: Job) -> None:
        """One job less."""
        del self._jobs[job.job_id]
        self.systems.pop(job, None)
        namesakes = self._named[job.name]
        namesakes.remove(job)
        if not namesakes:
            del self._named[job.name]
        self._requests.pop(job.request_id, None)

    def requested(self, request_id: str) -> Job | None:
        """The job that a submission made already."""
        return self._jobs.get(self._requests.get(request_id, ""))

    def owner(self, name: str) -> str | None:
        """The id of the live job of that name, also of one that is just being written down."""
        if name in self._reserved:
            return self._reserved[name]
        namesakes = self._named.get(name, ())
        return next((job.job_id for job in namesakes if job.state in LIVE), None)

    def reserve(self, name: str, job_id: str) -> None:
        """The name belongs to a job that is about to be."""
        self._reserved[name] = job_id

    def release(self, name: str, job_id: str) -> None:
        """The reservation, if it is that job's, is over."""
        if self._reserved.get(name) == job_id:
            del self._reserved[name]

    def resolve(self, text: str) -> Job:
        """
        The job that a person means.

        An id comes before the name of a live job, that before the name of one that has
        ended (of several, the newest), that before a prefix. A prefix reaches past the
        short name into the digits: "web" is a name, and never the beginning of "web2_...".
        GalaxyError: kJobNotFound, or kInputError with the candidates.
        """
        text = text.strip()
        if not text:
            raise GalaxyError(Status.kInputError, "which job? Give its id or its name")
        if exact := self._jobs.get(text):
            return exact
        owner = self._jobs.get(self.owner(text) or "")
        if owner is not None:
            return owner
        if namesakes := self._named.get(text):
            return max(namesakes, key=lambda job: job.create_time)
        found = [job for job in self if _is_prefix(text, job.job_id)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise GalaxyError(Status.kJobNotFound, f"there is no job {text!r}")
        listed = ", ".join(sorted(job.job_id for job in found)[:_MOST_CANDIDATES])
        more = f" and {len(found) - _MOST_CANDIDATES} more" if len(found) > _MOST_CANDIDATES else ""
        raise GalaxyError(
            Status.kInputError, f"{text!r} may mean {listed}{more}: write more of the id"
        )

    def resolve_slot(self, text: str) -> tuple[Job, int]:
        """
        The job and index that a person means by JOB.INDEX.

        GalaxyError: kPodNotFound, or as `resolve`.
        """
        try:
            word, index = parse_pod_id(text.strip())
        except ValueError as error:
            raise GalaxyError(Status.kPodNotFound, str(error)) from error
        job = self.resolve(word)
        if index not in job.pods:
            raise GalaxyError(
                Status.kPodNotFound, f"there is no pod {pod_id(job.job_id, index)} at the moment"
            )
        return job, index


def _is_prefix(text: str, job_id: str) -> bool:
    return job_id.startswith(text) and len(text) > job_id.rfind("_") + 1
