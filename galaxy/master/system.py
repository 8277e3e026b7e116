"""
Jobs of type kSystem: one pod on every machine that matches, and on each as it comes. Pure.

Such a job's `homes` are the machines that should have a pod of it, and `replica`
is their number. Both follow the machines: `Cluster.settle` asks about each machine
of which something changed. The job's `max_per_host` is one, so as many slots as
there are homes are one for each. A home that is lost takes its slot along: it is
given up, not placed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.master.agents import Agent
from galaxy.master.jobs import Job
from galaxy.protocol.types_pb2 import kAlive, kSystem


def is_home(job: Job, agent: Agent) -> bool:
    """
    Whether a machine should have a pod of the job.

    Not before it has reported: it may have one already. While its agent does not know how
    it isolates, the one that it has stays.
    """
    version = job.latest
    return (
        agent.state == kAlive
        and not agent.offline
        and bool(agent.instance)
        and agent.labels.issuperset(version.labels)
        and (agent.may_isolate or not version.pod.require_isolation)
    )


def settle_home(job: Job, agent: Agent) -> bool:
    """Note whether a machine is one of the job's homes; whether that is news."""
    if is_home(job, agent) == (agent in job.homes):
        return False
    job.homes ^= {agent}
    job.note_stray(agent)
    job.replica = len(job.homes)
    return True


def find_homes(job: Job, agents: Iterable[Agent]) -> None:
    """Look at every machine; nothing to do for jobs of other types."""
    if job.type == kSystem:
        for agent in agents:
            settle_home(job, agent)
