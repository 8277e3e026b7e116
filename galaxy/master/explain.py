"""
What people want to know before or instead of logs: why does it not run, and what would
this file do. The shell around `standing`; schedulers are asked where they know better.
"""

from __future__ import annotations

from galaxy import names
from galaxy.master.advisers import Advisers, NoAdvice
from galaxy.master.details import ask
from galaxy.master.directory import Directory
from galaxy.master.jobs import Job
from galaxy.master.reign import Reign
from galaxy.master.standing import Standing, sentence, standing_of_job, standing_of_pod
from galaxy.protocol.master_pb2 import ExplainResponse, Obstacle
from galaxy.protocol.scheduler_pb2 import DryRunResponse
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status


async def explain(reign: Reign, advisers: Advisers, word: str, now: float) -> ExplainResponse:
    """Why a job, or a pod, is where it is. GalaxyError as `Directory.resolve`."""
    job, index = target(reign.cluster.jobs, word)
    if index is None:
        return await _answer(advisers, job, "", standing_of_job(reign.cluster, job))
    pod_id, pod = names.pod_id(job.job_id, index), job.pods.get(index)
    if pod is None:
        done = Standing(besides=(f"index {index} has run, and never runs again",))
        return await _answer(advisers, job, pod_id, done)
    status = (await ask(reign.lines, [pod])).of(pod)
    return await _answer(advisers, job, pod_id, standing_of_pod(reign.cluster, pod, status, now))


def target(jobs: Directory, word: str) -> tuple[Job, int | None]:
    """
    The job that a person means, and the index if it is a pod of it.

    GalaxyError as `Directory.resolve`; an index that has finished is found, too.
    """
    try:
        return jobs.resolve(word), None
    except GalaxyError as error:
        if error.status != Status.kJobNotFound:
            raise
        try:
            job_word, index = names.parse_pod_id(word.strip())
        except ValueError:
            raise error from None
    job = jobs.resolve(job_word)
    if index in job.finished:
        return job, index
    return jobs.resolve_slot(word)


async def _answer(advisers: Advisers, job: Job, pod_id: str, standing: Standing) -> ExplainResponse:
    advice: DryRunResponse | str = ""
    response = ExplainResponse(job_id=job.job_id, pod_id=pod_id)
    if standing.waiting and not standing.withheld:
        try:
            advice = await advisers.dry_run(standing.waiting)
        except NoAdvice as error:
            advice = error.reason
        else:
            response.agents = advice.agents
            response.obstacles.extend(_together(advice))
    response.sentence = sentence(standing, advice)
    return response


def _together(advice: DryRunResponse) -> list[Obstacle]:
    """The obstacles of all groups; of one that several meet, the largest."""
    largest: dict[str, int] = {}
    for unplaced in advice.unplaced:
        for one in unplaced.obstacles:
            largest[one.constraint] = max(one.agents, largest.get(one.constraint, 0))
    return [Obstacle(constraint=what, agents=agents) for what, agents in largest.items()]
