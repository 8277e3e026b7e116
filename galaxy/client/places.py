"""Where a pod is that somebody names."""

from __future__ import annotations

from galaxy.client import exits
from galaxy.client.command import Failure
from galaxy.client.session import Session
from galaxy.names import parse_pod_id
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import PodOverview, ShowPodRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.words import word


def pod_named(session: Session, text: str) -> PodOverview:
    """The pod JOB.INDEX, or the only one of JOB; JOB is an id, the beginning of one, or a name."""
    try:
        job, index = parse_pod_id(text)
    except ValueError:
        return _only(session, text)
    try:
        pods = _pods(session, job)
    except GalaxyError as error:
        if error.status not in {pb.kJobNotFound, pb.kNotFound}:
            raise
        return _only(session, text)  # a name may look like a pod's
    for pod in pods:
        if pod.index == index:
            return pod
    raise Failure(
        exits.NOT_FOUND, f"job {job} has no pod {index}; `galaxy pods -j {job}` lists them"
    )


def endpoint_of(pod: PodOverview) -> str:
    """The agent that a pod is on; `Failure` if it is on none."""
    if not pod.endpoint:
        stage = word(pb.PodStage, pod.stage).removeprefix("kStage")
        because = f": {pod.reason}" if pod.reason else ""
        raise Failure(exits.REFUSED, f"pod {pod.pod_id} is on no agent, it is {stage}{because}")
    return pod.endpoint


def _only(session: Session, job: str) -> PodOverview:
    pods = _pods(session, job)
    if len(pods) != 1:
        how_many = f"has {len(pods)} pods: name one, like {job}.0" if pods else "has no pods"
        raise Failure(exits.NOT_FOUND, f"job {job} {how_many}")
    return pods[0]


def _pods(session: Session, job: str) -> list[PodOverview]:
    shown = session.leader().ask(lambda master: master.show_pod(ShowPodRequest(job_id=job)))
    return list(shown.pods)
