"""What is at hand in the manhole of a master: plain looks at the picture."""

from __future__ import annotations

from typing import Any

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job
from galaxy.master.overview import agent_overview, job_in_full, pod_overview
from galaxy.master.pods import Pod
from galaxy.master.service import Master
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status


def namespace(master: Master) -> dict[str, Any]:
    """The names of the shell: `master`, `jobs()`, `agents()`, `pods(job)`, `show(x)`."""

    def cluster() -> Cluster:
        reign = master.leadership.reign
        if reign is None:
            raise GalaxyError(Status.kNotLeader, "this master does not reign")
        return reign.cluster

    def jobs() -> list[Job]:
        """Every job that is kept."""
        return list(cluster().jobs)

    def agents() -> list[Agent]:
        """Every agent that was ever admitted."""
        return list(cluster().fleet)

    def pods(job: str = "") -> list[Pod]:
        """The pods of a job, by id, prefix or name; without one, all."""
        chosen = [cluster().jobs.resolve(job)] if job else jobs()
        return [pod for each in chosen for pod in each.pods.values()]

    def show(x: object) -> object:
        """An agent's endpoint, a pod's id, or a job's id or name: all about it."""
        if isinstance(x, Agent):
            return agent_overview(x)
        if isinstance(x, Pod):
            return pod_overview(x, None)
        if isinstance(x, Job):
            return job_in_full(x)
        agent = cluster().fleet.find(str(x))
        if agent is not None:
            return agent_overview(agent)
        try:
            return job_in_full(cluster().jobs.resolve(str(x)))
        except GalaxyError:
            job, index = cluster().jobs.resolve_slot(str(x))
            return pod_overview(job.pods[index], None)

    return {"master": master, "jobs": jobs, "agents": agents, "pods": pods, "show": show}
