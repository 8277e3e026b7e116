"""
A million pods through the master's pure core, without sockets: time and memory.

1,000 jobs of 1,000 pods on 5,000 agents are submitted, placed, told, and reported
deploying, then running and healthy. What is measured is the master's share alone;
with the wire and the nexus: `benchmarks.million`.

    python -m benchmarks.million_core [--jobs N] [--pods N] [--agents N] [--spread]
"""

from __future__ import annotations

import argparse
import gc
import resource
import time
from collections.abc import Callable
from pathlib import Path

from galaxy.master.agents import Agent
from galaxy.master.cluster import Cluster
from galaxy.master.courier import launches
from galaxy.master.propose import dispose
from galaxy.master.report import merge
from galaxy.master.submission import new_job
from galaxy.protocol.agent_pb2 import PodGroup, QueryResponse
from galaxy.protocol.master_pb2 import Placement
from galaxy.protocol.types_pb2 import (
    AgentFacts,
    JobDescriptor,
    PodDescriptor,
    PodState,
    Resource,
    kAlive,
    kLongRun,
    kPodDeploying,
    kPodRunning,
)
from galaxy.settings import MasterSettings

MILLICORES, MEMORY = 100, 1 << 20


def resident_mib() -> float:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


class Million:
    """The picture, and each step that it is taken through."""

    def __init__(self, jobs: int, pods: int, agents: int, spread: bool) -> None:
        self.jobs, self.pods, self.agents, self.spread = jobs, pods, agents, spread
        self.per_agent = jobs * pods // agents
        self.now = time.time()
        self.cluster = Cluster.begin(
            epoch=1, reign="1", settings=MasterSettings(), jobs=(), agents=(), now=self.now
        )
        self.fleet: list[Agent] = []
        self.reports: dict[Agent, bytes] = {}

    def join(self) -> None:
        """Every agent beats and reports that it has nothing."""
        cluster, now = self.cluster, self.now
        said = AgentFacts(
            total=Resource(millicores=MILLICORES * self.per_agent, memory=MEMORY * self.per_agent)
        )
        for number in range(self.agents):
            agent = cluster.fleet.admit(f"agent-{number}:8221", now)
            cluster.fleet.turn(cluster.journal, agent, kAlive, "", now)
            cluster.fleet.beat(agent, now)
            cluster.fleet.learn(cluster.journal, agent, said, now)
            agent.connected = True
            merge(cluster, agent, QueryResponse(instance="i", revision=1, full=True), now)
            self.fleet.append(agent)
        cluster.settle(now)

    def submit(self) -> None:
        """Every job gets its slots."""
        for number in range(self.jobs):
            requirement = Resource(millicores=MILLICORES, memory=MEMORY)
            asked = JobDescriptor(
                name=f"job-{number}",
                type=kLongRun,
                replica=self.pods,
                pod=PodDescriptor(version="1", requirement=requirement),
            )
            job = new_job(asked.name, asked, "", self.now)
            self.cluster.jobs.add(job)
            self.cluster.journal.jobs[job] = None
            self.cluster.settle(self.now)

    def parts(self, number: int) -> list[tuple[int, int]]:
        """Where the pods of a job go: (agent, count)."""
        if self.spread:
            first = number * self.pods
            return [((first + pod) % self.agents + 1, 1) for pod in range(self.pods)]
        agents = self.pods // self.per_agent
        return [(number * agents + part + 1, self.per_agent) for part in range(agents)]

    def place(self) -> None:
        """One placement for each job."""
        for number, job in enumerate(self.cluster.jobs):
            agents, counts = zip(*self.parts(number), strict=True)
            placement = Placement(job_id=job.job_id, version="1", agent=agents, count=counts)
            answer = dispose(self.cluster, "1", placement, self.now)
            if answer.accepted != self.pods:
                raise AssertionError(answer)
            self.cluster.settle(self.now)
            self.cluster.journal.take_happenings(self.now)

    def tell(self) -> None:
        """The RunPods of each agent, answered."""
        for agent in self.fleet:
            batch, request = launches(agent)
            request.SerializeToString()
            agent.described.update(batch)
            agent.untold.clear()

    def prepare_reports(self, state: PodState, revision: int) -> None:
        """What agents would send; not part of what is measured."""
        for agent in self.fleet:
            groups: dict[str, PodGroup] = {}
            for pod in agent.pods:
                group = groups.get(pod.job.job_id)
                if group is None:
                    group = groups[pod.job.job_id] = PodGroup(
                        job_id=pod.job.job_id,
                        version="1",
                        state=state,
                        healthy=state == kPodRunning,
                    )
                group.index.append(pod.index)
                group.incarnation.append(pod.incarnation)
            report = QueryResponse(instance="i", revision=revision, groups=groups.values())
            self.reports[agent] = report.SerializeToString()

    def take_in(self) -> None:
        """Each agent's report."""
        for agent in self.fleet:
            report = QueryResponse.FromString(self.reports.pop(agent))
            merge(self.cluster, agent, report, self.now)
            self.cluster.settle(self.now)
            self.cluster.journal.take_happenings(self.now)

    def healthy(self) -> int:
        """How many pods are."""
        return sum(job.tally.healthy for job in self.cluster.jobs)


def timed(what: str, step: Callable[[], None]) -> float:
    """Carry a step out; print and return its seconds."""
    begun = time.perf_counter()
    step()
    spent = time.perf_counter() - begun
    print(f"{what:24} {spent:7.2f} s {resident_mib():7.0f} MiB")
    return spent


def main() -> None:
    """Run it, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=1000, help="of each job")
    parser.add_argument("--agents", type=int, default=5000)
    parser.add_argument("--spread", action="store_true", help="a job's pods one to a machine")
    options = parser.parse_args()
    print(f"{'empty':24} {'':9} {resident_mib():7.0f} MiB")
    million = Million(options.jobs, options.pods, options.agents, options.spread)
    spent = timed("agents join", million.join)
    spent += timed("jobs are submitted", million.submit)
    spent += timed("placements are checked", million.place)
    spent += timed("agents are told", million.tell)
    million.prepare_reports(kPodDeploying, 2)
    spent += timed("reported deploying", million.take_in)
    million.prepare_reports(kPodRunning, 3)
    spent += timed("reported running", million.take_in)
    gc.collect()
    count = million.healthy()
    print(f"{count} pods run: {spent:.2f} s, {spent / count * 1e6:.1f} us each", end=", ")
    print(f"{resident_mib():.0f} MiB")


if __name__ == "__main__":
    main()
