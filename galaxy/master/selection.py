"""
Which pods a person means, and which dead ones. Pure.
"""

from __future__ import annotations

from attrs import frozen

from galaxy import names
from galaxy.master.cluster import Cluster
from galaxy.master.pods import Pod
from galaxy.master.remains import Place
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kStageUnset

MOST_DEAD = 10_000  # that are told of at once: the last of a job


@frozen
class Dead:
    """What remains of a pod of a job, which itself may be gone; then it has the name of its id."""

    job_id: str
    job_name: str
    place: Place

    @property
    def pod_id(self) -> str:
        """The slot that it was an attempt at."""
        return names.pod_id(self.job_id, self.place.index)


@frozen
class Selection:
    """Pods in the order of jobs and indexes, and what remains of dead ones."""

    pods: list[Pod]
    dead: list[Dead]

    def left(self) -> list[Pod]:
        """Its pods, but for those that are gone since."""
        return [pod for pod in self.pods if pod.stage != kStageUnset]


def selected(
    cluster: Cluster, job_word: str, endpoint: str, pod_word: str, *, dead: bool = False
) -> Selection:
    """
    What a selector means; with `dead`, also what remains of the job or the slot.

    GalaxyError: kInputError without a selector, kJobNotFound, kPodNotFound, kAgentNotFound.
    """
    agent = None
    if endpoint:
        agent = cluster.fleet.find(endpoint)
        if agent is None:
            raise GalaxyError(Status.kAgentNotFound, f"there is no agent {endpoint}")
    if pod_word:
        return _slot(cluster, pod_word, dead=dead)
    if job_word:
        pods, remains = _job(cluster, job_word, dead=dead)
        pods = [pod for pod in pods if agent is None or pod.agent is agent]
        remains = [each for each in remains if not endpoint or each.place.endpoint == endpoint]
        return Selection(_in_order(pods), remains)
    if agent is None:
        raise GalaxyError(Status.kInputError, "which pods? Name a job, an agent or a pod")
    return Selection(_in_order(list(agent.pods)), [])


def _slot(cluster: Cluster, word: str, *, dead: bool) -> Selection:
    if not dead:
        job, index = cluster.jobs.resolve_slot(word)
        return Selection([job.pods[index]], [])
    try:
        job_word, index = names.parse_pod_id(word.strip())
    except ValueError as error:
        raise GalaxyError(Status.kPodNotFound, str(error)) from error
    pods, remains = _job(cluster, job_word, index, dead=True)
    found = [pod for pod in pods if pod.index == index]
    if not (found or remains):
        raise GalaxyError(
            Status.kPodNotFound, f"there is no pod {word.strip()}, and no agent keeps what it left"
        )
    return Selection(found, remains)


def _job(
    cluster: Cluster, word: str, index: int | None = None, *, dead: bool
) -> tuple[list[Pod], list[Dead]]:
    """A job's pods, and what remains of it; of a job that is forgotten, the latter."""
    try:
        job = cluster.jobs.resolve(word)
    except GalaxyError as error:
        gone = cluster.remains.resolve(word) if dead else None
        if gone is None or error.status != Status.kJobNotFound:
            raise
        name = gone.rpartition("_")[0] or gone
        return [], _dead(cluster, gone, name, index)
    remains = _dead(cluster, job.job_id, job.name, index) if dead else []
    return list(job.pods.values()), remains


def _dead(cluster: Cluster, job_id: str, name: str, index: int | None) -> list[Dead]:
    places = cluster.remains.places(job_id, index)[-MOST_DEAD:]
    return [Dead(job_id, name, place) for place in places]


def _in_order(pods: list[Pod]) -> list[Pod]:
    return sorted(pods, key=lambda pod: (pod.job.create_time, pod.job.job_id, pod.index))
