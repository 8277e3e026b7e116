"""
What is held for nobody, once nothing goes wrong any more: there is to be none of it.
"""

from __future__ import annotations

from copy import deepcopy

from galaxy.agent.accounting import Shortage
from galaxy.agent.agent import Agent
from galaxy.agent.book import Book, granted
from galaxy.agent.records import PodKey
from galaxy.master.reign import Reign
from galaxy.master.service import Master
from galaxy.protocol.types_pb2 import Port, Resource, Volume
from tests.simulation.world import World


def held_for_nobody(world: World) -> str:
    """What is held for nobody; empty: nothing."""
    for machine in world.machines:
        service = machine.agent.service
        if isinstance(service, Agent) and service.runner is not None:
            problem = _kept(service.runner.book)
            if problem:
                return f"{machine.agent.name} {problem}"
    leader = world.leader()
    service = None if leader is None else leader.service
    if isinstance(service, Master) and service.leadership.reign is not None:
        return _claimed(service.leadership.reign)
    return ""


def _kept(book: Book) -> str:
    """Whether an agent grants to its pods what they asked for, and can grant all the rest."""
    grants = [granted(pod, book.description(pod).pod.requirement) for pod in book.pods.values()]
    if dict(zip(book.pods, grants, strict=True)) != book.accounts.grants:
        return f"has {sorted(book.pods)}, and grants to {sorted(book.accounts.grants)}"
    accounts = deepcopy(book.accounts)
    (disk,) = accounts.disks
    rest = Resource(
        millicores=accounts.millicores - sum(grant.millicores for grant in grants),
        memory=accounts.memory_bytes - sum(grant.memory_bytes for grant in grants),
        ports=[Port(dynamic=True)] * (len(accounts.dynamic) - sum(len(g.ports) for g in grants)),
        disks=[Volume(quota=disk.size_bytes - sum(size for g in grants for _, size in g.disks))],
    )
    answer = accounts.reserve(PodKey("nobody", 0, 0), rest)
    return f"keeps what no pod has: {answer.reason}" if isinstance(answer, Shortage) else ""


def _claimed(reign: Reign) -> str:
    """The room that a master keeps for pods that wait, though none does."""
    cluster = reign.cluster
    if len(cluster.claims):
        return f"{len(cluster.claims)} claims are kept"
    for agent in cluster.fleet:
        if agent.claims:
            return f"room is kept on {agent.endpoint}"
    for job in cluster.jobs:
        for version in job.versions:
            if version.claimed:
                return f"{sorted(version.claimed)} of {job.job_id} are kept from schedulers"
    return ""
