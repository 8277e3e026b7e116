"""
What people want to know before or instead of logs: why does it not run, and what would
this file do. The shell around `standing`; schedulers are asked where they know better.
"""

from __future__ import annotations

from collections import Counter

from galaxy import names
from galaxy.master.advisers import Advisers, NoAdvice
from galaxy.master.details import NOTHING, Details, ask
from galaxy.master.directory import Directory
from galaxy.master.fleet import Fleet
from galaxy.master.forecast import of_submission, of_update
from galaxy.master.jobs import Job
from galaxy.master.reign import Reign
from galaxy.master.remarks import first_unwell
from galaxy.master.selection import Selection
from galaxy.master.standing import Standing, sentence, standing_of_job, standing_of_pod
from galaxy.master.submission import check_submission
from galaxy.master.update import updated
from galaxy.protocol.master_pb2 import ExplainResponse, Obstacle, PlanJobResponse, PlannedPods
from galaxy.protocol.scheduler_pb2 import DryRunResponse
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import JobDescriptor, Status


async def explain(reign: Reign, advisers: Advisers, word: str, now: float) -> ExplainResponse:
    """Why a job, or a pod, is where it is. GalaxyError as `Directory.resolve`."""
    details = await _details(reign, word)
    job, index = target(reign.cluster.jobs, word)
    if index is None:
        first = first_unwell(job)
        status = details.of(first) if first is not None else None
        return await _answer(advisers, job, "", standing_of_job(reign.cluster, job, now, status))
    pod_id, pod = names.pod_id(job.job_id, index), job.pods.get(index)
    if pod is None:
        how = "was given up" if index in job.failed else "has finished"
        done = Standing(besides=(f"index {index} {how}, and never runs again",))
        return await _answer(advisers, job, pod_id, done)
    standing = standing_of_pod(reign.cluster, pod, details.of(pod), now)
    return await _answer(advisers, job, pod_id, standing)


async def _details(reign: Reign, word: str) -> Details:
    """
    What its agent says of the pod that is meant, or of a job's first that is not healthy.

    It may be gone when that is said.
    """
    job, index = target(reign.cluster.jobs, word)
    pod = first_unwell(job) if index is None else job.pods.get(index)
    if pod is None:
        return NOTHING
    return await ask(reign.lines, reign.cluster.fleet, Selection([pod], []))


def target(jobs: Directory, word: str) -> tuple[Job, int | None]:
    """
    The job that a person means, and the index if it is a pod of it.

    GalaxyError as `Directory.resolve`; an index that has ended is found, too.
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
    if job.has_ended(index):
        return job, index
    return jobs.resolve_slot(word)


async def plan(
    reign: Reign, advisers: Advisers, asked: JobDescriptor, now: float
) -> PlanJobResponse:
    """
    What submitting this, or updating the live job of its name to it, would do.

    GalaxyError as either would fail, and NoAdvice when no scheduler can be asked.
    """
    cluster = reign.cluster
    live = cluster.jobs.get(cluster.jobs.owner(asked.name) or "")
    if live is None:
        check_submission(cluster.jobs, asked)
        forecast = of_submission(cluster, asked, now)
    else:
        complete = cluster.is_complete(live)
        forecast = of_update(live, updated(live, asked, 0, complete=complete, now=now), now)
    response = PlanJobResponse(
        job_id=forecast.job_id,
        differences=forecast.differences,
        placements=forecast.in_place,
        stops=forecast.stops,
    )
    if forecast.groups:
        advice = await advisers.dry_run(forecast.groups)
        response.placements.extend(_places(cluster.fleet, advice))
        response.unplaced.extend(advice.unplaced)
    return response


def _places(fleet: Fleet, advice: DryRunResponse) -> list[PlannedPods]:
    counts: Counter[str] = Counter()
    for placement in advice.placements:
        for number, count in zip(placement.agent, placement.count, strict=True):
            agent = fleet.numbered(number)
            counts[agent.endpoint if agent is not None else f"agent {number}"] += count
    return [PlannedPods(endpoint=where, count=count) for where, count in sorted(counts.items())]


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
