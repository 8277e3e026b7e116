"""Jobs, agents and pictures for the master's tests."""

from __future__ import annotations

from collections.abc import Iterable

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job
from galaxy.master.propose import dispose
from galaxy.master.report import Merged, merge
from galaxy.master.submission import new_job
from galaxy.protocol.agent_pb2 import PodGroup, QueryResponse
from galaxy.protocol.master_pb2 import Placement, ProposalAnswer, StoredAgent
from galaxy.protocol.types_pb2 import (
    AgentFacts,
    JobDescriptor,
    JobType,
    PodDescriptor,
    PodState,
    Port,
    Resource,
    RestartPolicy,
    TaskDescriptor,
    kAlive,
    kLongRun,
    kPodRunning,
    kRestartByType,
    kSourceTypeCommand,
)
from galaxy.settings import MasterSettings

GIB = 1 << 30
NOW = 1000.0


def descriptor(
    name: str = "web",
    *,
    replica: int = 3,
    type: JobType = kLongRun,  # noqa: A002 - as the field
    deploy_step: int = 0,
    max_per_host: int = 0,
    millicores: int = 100,
    memory: int = 64 << 20,
    ports: Iterable[int] = (),
    labels: Iterable[str] = (),
    priority: int = 0,
    require_isolation: bool = False,
    restart: RestartPolicy = kRestartByType,
) -> JobDescriptor:
    """A sound job."""
    return JobDescriptor(
        name=name,
        user="ada",
        type=type,
        priority=priority,
        replica=replica,
        deploy_step=deploy_step,
        restart=restart,
        max_per_host=max_per_host,
        pod=PodDescriptor(
            labels=labels,
            require_isolation=require_isolation,
            requirement=Resource(
                millicores=millicores, memory=memory, ports=[Port(port=port) for port in ports]
            ),
            tasks=[
                TaskDescriptor(
                    start_command="sleep 1000",
                    source_type=kSourceTypeCommand,
                    binary=b"true",
                    requirement=Resource(millicores=millicores, memory=memory),
                )
            ],
        ),
    )


def facts(millicores: int = 4000, memory: int = 16 * GIB, labels: Iterable[str] = ()) -> AgentFacts:
    """What a machine of four cores says of itself."""
    return AgentFacts(
        hostname="h",
        total=Resource(millicores=millicores, memory=memory),
        isolation="cgroup-v1",
        labels=labels,
    )


def picture(
    *jobs: Job,
    endpoints: Iterable[str] = (),
    epoch: int = 1,
    settings: MasterSettings | None = None,
) -> Cluster:
    """A reign that has just begun, with what the nexus knew."""
    return Cluster.begin(
        epoch=epoch,
        reign=f"{epoch}-test",
        settings=settings or MasterSettings(),
        jobs=jobs,
        agents=[StoredAgent(endpoint=endpoint) for endpoint in endpoints],
        now=NOW,
    )


def loaded(job: Job) -> Job:
    """The job as a reign has it that read it from the nexus."""
    job.loaded = True
    return job


def submitted(cluster: Cluster, asked: JobDescriptor | None = None, now: float = NOW) -> Job:
    """A new job, its slots made."""
    asked = asked or descriptor()
    job = new_job(f"{asked.name}_{len(cluster.jobs):012x}", asked, "", now)
    cluster.jobs.add(job)
    cluster.journal.jobs[job] = None
    cluster.settle(now)
    return job


def machine(
    cluster: Cluster,
    endpoint: str = "a:1",
    said: AgentFacts | None = None,
    now: float = NOW,
    report: QueryResponse | None = None,
) -> Agent:
    """An agent that beats, is connected, and has reported (by default: nothing)."""
    agent = cluster.fleet.find(endpoint) or cluster.fleet.admit(endpoint, now)
    if agent.state != kAlive:
        cluster.fleet.turn(cluster.journal, agent, kAlive, "", now)
    cluster.fleet.beat(agent, now)
    cluster.fleet.learn(cluster.journal, agent, said or facts(), 0.0)
    agent.connected = True
    merge(cluster, agent, report or full_report(), now)
    cluster.settle(now)
    return agent


def placed(
    cluster: Cluster, job: Job, agent: Agent, count: int, now: float = NOW
) -> ProposalAnswer:
    """Propose so many pods of the latest version on one machine."""
    answer = dispose(
        cluster,
        cluster.reign,
        Placement(job_id=job.job_id, version=job.latest.name, agent=[agent.number], count=[count]),
        now,
    )
    cluster.settle(now)
    return answer


def group(
    job: Job,
    indexes: Iterable[int],
    *,
    state: PodState = kPodRunning,
    healthy: bool = False,
    incarnation: int | None = None,
    job_id: str = "",
    version: str = "",
) -> PodGroup:
    """Pods as an agent reports them; by default with the incarnations they have."""
    indexes = list(indexes)
    return PodGroup(
        job_id=job_id or job.job_id,
        version=version or job.latest.name,
        state=state,
        healthy=healthy,
        index=indexes,
        incarnation=[
            job.pods[index].incarnation if incarnation is None else incarnation for index in indexes
        ],
    )


def full_report(*groups: PodGroup, instance: str = "i1", revision: int = 1) -> QueryResponse:
    """All that an agent has."""
    return QueryResponse(instance=instance, revision=revision, full=True, groups=groups)


def delta(
    *groups: PodGroup,
    removed: Iterable[PodGroup] = (),
    instance: str = "i1",
    revision: int = 2,
) -> QueryResponse:
    """What changed on an agent."""
    return QueryResponse(instance=instance, revision=revision, groups=groups, removed=removed)


def told(agent: Agent) -> None:
    """The agent has answered RunPods."""
    agent.untold.clear()


def run(cluster: Cluster, agent: Agent, job: Job, *, healthy: bool = True) -> Merged:
    """The agent reports every pod of the job that it was given as running."""
    told(agent)
    indexes = [pod.index for pod in agent.pods if pod.job is job]
    return merged(cluster, agent, delta(group(job, indexes, healthy=healthy)))


def merged(cluster: Cluster, agent: Agent, report: QueryResponse) -> Merged:
    """The picture after a report."""
    result = merge(cluster, agent, report, NOW)
    cluster.settle(NOW)
    return result
