"""
How many placements a scheduler decides a second, and how many machines it needs.

    python -m benchmarks.decisions

The first part plans 1,000 jobs of 1,000 pods on 10,000 mixed agents, in groups
and one by one, beside a plain Python loop that scores every agent for every
pod. The second places the pods of a public trace (Alibaba's openb) by each policy. The
trace is looked for in the directory GALAXY_TRACE names, else in shared/data beside
the checkout.

What "machines needed" means is said where it is measured: `machines_in_use`,
`smallest_fleet`.
"""

from __future__ import annotations

import csv
import os
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field, frozen

from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.scheduler.fleet import Fleet
from galaxy.scheduler.groups import MIB, Group, Shape
from galaxy.scheduler.placement import Placer
from galaxy.scheduler.plan import Plan, Planning
from galaxy.scheduler.score import POLICIES

AGENTS = 10_000
JOBS = 1_000
PODS_A_JOB = 1_000
SINGLES = 100_000
LOOP_PODS = 30
SEEDS = (1, 2, 3)
PENDING_SHARE = 0.002
"""Of a trace's pods may stay out, as in Borg's measure: one giant shall not decide it."""

MACHINES = ((16_000, 64), (32_000, 128), (64_000, 256), (96_000, 384), (104_000, 512))
CORES = (100, 200, 250, 500, 1000)
MEBIBYTES = (64, 128, 256, 512, 1024, 2048, 4096)
GROUPS_GOAL, SINGLES_GOAL = 200_000, 40_000


def machine(number: int, millicores: int, memory_mib: int, labels: Sequence[str]) -> AgentSnapshot:
    """An idle agent."""
    return AgentSnapshot(
        agent=number,
        endpoint=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:8221",
        total_millicores=millicores,
        total_memory=memory_mib * MIB,
        labels=labels,
        schedulable=True,
        isolated=True,
    )


def mixed_machines(rng: random.Random) -> list[AgentSnapshot]:
    """Machines of five sizes, a third of them with a label."""
    return [
        machine(number, cores, gib * 1024, ["ssd"] if rng.random() < 1 / 3 else [])
        for number in range(AGENTS)
        for cores, gib in (rng.choice(MACHINES),)
    ]


def mixed_shape(rng: random.Random) -> Shape:
    """One of some eighty shapes; a tenth of the jobs ask for the label."""
    labels = ("ssd",) if rng.random() < 0.1 else ()
    return Shape(rng.choice(CORES), rng.choice(MEBIBYTES), (), labels)


def fleet_of(machines: Sequence[AgentSnapshot]) -> Fleet:
    """The scheduler's picture of the machines."""
    fleet = Fleet()
    fleet.apply(machines)
    return fleet


def planned(fleet: Fleet, groups: Sequence[Group], policy: str) -> Plan:
    """The whole plan of one scheduler, in slices as its service takes them."""
    planning = Planning(Placer(fleet, POLICIES[policy], random.Random(0)), groups)
    slices = [planning.slice(10_000, 500)]
    while not slices[-1].complete:
        slices.append(planning.slice(10_000, 500))
    return Plan(
        tuple(placed for part in slices for placed in part.placed),
        tuple(unplaced for part in slices for unplaced in part.unplaced),
        complete=True,
    )


@define
class Watch:
    """Seconds of processor time that a block took: planning waits for nothing."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Watch]:
    """Measure a block."""
    watch = Watch()
    start = time.process_time()
    yield watch
    watch.seconds = time.process_time() - start


def speed() -> None:
    """Placements a second, in groups, one by one, and by a plain loop."""
    rng = random.Random(1)
    machines = mixed_machines(rng)
    groups = [
        Group(f"job-{n}", "1", PODS_A_JOB, mixed_shape(rng), user=f"user-{n % 10}")
        for n in range(JOBS)
    ]
    singles = [
        Group(f"job-{n}", "1", 1, rng.choice(groups).shape, user=f"user-{n % 10}")
        for n in range(SINGLES)
    ]
    print(f"{AGENTS:,} mixed agents, every one considered for every decision")
    for policy in ("pack", "spread"):
        loop = plain_loop(machines, singles[:LOOP_PODS], policy)
        for what, waiting, goal in (
            (f"{JOBS:,} jobs x {PODS_A_JOB:,} pods in groups", groups, GROUPS_GOAL),
            (f"{SINGLES:,} pods one by one", singles, SINGLES_GOAL),
        ):
            fleet = fleet_of(machines)
            with timed() as watch:
                plan = planned(fleet, waiting, policy)
            rate = plan.pods / watch.seconds
            left = sum(one.count for one in plan.unplaced)
            print(
                f"  {policy:6} {what:34} {rate:11,.0f} a second  {rate / goal:5.1f} x the goal"
                f"  {rate / loop:9,.0f} x a plain loop ({left} left over)"
            )


@define
class PlainAgent:
    """A machine as a plain program would keep it."""

    endpoint: str
    total_cpu: int
    total_memory: int
    labels: frozenset[str]
    free_cpu: int = field(init=False)
    free_memory: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.free_cpu, self.free_memory = self.total_cpu, self.total_memory


def plain_loop(machines: Sequence[AgentSnapshot], pods: Sequence[Group], policy: str) -> float:
    """Placements a second of a loop over all agents for each pod, with a simple score."""
    agents = [
        PlainAgent(
            one.endpoint, one.total_millicores, one.total_memory // MIB, frozenset(one.labels)
        )
        for one in machines
    ]
    sign = 1 if policy == "pack" else -1
    with timed() as watch:
        for pod in pods:
            cpu, memory, labels = pod.shape.millicores, pod.shape.memory_mib, pod.shape.labels
            best, least = None, float("inf")
            for agent in agents:
                if agent.free_cpu < cpu or agent.free_memory < memory:
                    continue
                if not agent.labels.issuperset(labels):
                    continue
                score = sign * (
                    (agent.free_cpu - cpu) / agent.total_cpu
                    + (agent.free_memory - memory) / agent.total_memory
                )
                if score < least:
                    best, least = agent, score
            assert best is not None
            best.free_cpu -= cpu
            best.free_memory -= memory
    return len(pods) / watch.seconds


@frozen
class Trace:
    """
    Machines, and pods in the order of their creation.

    Processors and memory are the trace's. Galaxy has no count of accelerators; that
    a pod wants one is told as Galaxy can: machines with any carry the label
    "gpu", and pods that want any ask for it.
    """

    machines: tuple[tuple[int, int, tuple[str, ...]], ...]
    pods: tuple[Group, ...]

    def fleet(self, order: Sequence[int]) -> Fleet:
        """These of the machines; beyond the last, the same ones again."""
        size = len(self.machines)
        return fleet_of([machine(n, *self.machines[one % size]) for n, one in enumerate(order)])


def trace_directory() -> Path:
    """Where the trace should be."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("GALAXY_TRACE") or beside)


def read_trace(directory: Path) -> Trace:
    """The trace's two files."""
    with (directory / "openb_node_list_all_node.csv").open(newline="") as lines:
        machines = tuple(
            (
                int(row["cpu_milli"]),
                int(row["memory_mib"]),
                ("gpu",) if int(row["gpu"] or 0) else (),
            )
            for row in csv.DictReader(lines)
        )
    with (directory / "openb_pod_list_default.csv").open(newline="") as lines:
        pods = tuple(
            Group(
                row["name"],
                "1",
                1,
                Shape(
                    int(row["cpu_milli"]),
                    int(row["memory_mib"]),
                    (),
                    ("gpu",) if int(row["num_gpu"] or 0) else (),
                ),
                pending_since=float(row["creation_time"]),
            )
            for row in csv.DictReader(lines)
        )
    return Trace(machines, pods)


def machines_in_use(trace: Trace, policy: str, seed: int) -> tuple[int, float, int]:
    """
    Every pod of the trace, one by one, onto the trace's whole fleet.

    Returns how many machines hold something then (the others could be
    switched off), what share of all cores they have, and how many pods are left over.
    """
    order = list(range(len(trace.machines)))
    random.Random(seed).shuffle(order)
    plan = planned(trace.fleet(order), trace.pods, policy)
    rows = {row for placed in plan.placed for row in placed.rows}
    cores = sum(trace.machines[order[row]][0] for row in rows)
    share = cores / sum(one[0] for one in trace.machines)
    return len(rows), share, sum(one.count for one in plan.unplaced)


def smallest_fleet(trace: Trace, policy: str, seed: int) -> int:
    """
    Cell compaction (Verma et al., Borg, EuroSys 2015, section 5.1): machines
    are taken away at random for as long as all pods but PENDING_SHARE still fit.

    A policy that needs more than the trace's machines is given the same again.
    """
    rng = random.Random(seed)
    size = len(trace.machines)
    order = [lap * size + one for lap in range(3) for one in rng.sample(range(size), size)]
    most = int(len(trace.pods) * PENDING_SHARE)
    low, high = 1, len(order)
    while low < high:
        middle = (low + high) // 2
        plan = planned(trace.fleet(order[:middle]), trace.pods, policy)
        if sum(one.count for one in plan.unplaced) <= most:
            high = middle
        else:
            low = middle + 1
    return low


def bounds(trace: Trace) -> tuple[int, int]:
    """Machines that no policy can do without: of the largest in use, of a random fleet."""
    asked = sum(pod.shape.millicores for pod in trace.pods)
    cores = sorted((one[0] for one in trace.machines), reverse=True)
    in_use = 0
    while sum(cores[:in_use]) < asked:
        in_use += 1
    return in_use, round(asked * (1 - PENDING_SHARE) / (sum(cores) / len(cores)))


def machines_needed(trace: Trace) -> None:
    """The trace by each policy, and the ratios."""
    policies = ("pack", "best-fit", "spread")
    least_in_use, least_fleet = bounds(trace)
    print(f"openb: {len(trace.pods):,} pods one by one, {len(trace.machines):,} machines")
    in_use: dict[str, float] = {}
    fleets: dict[str, float] = {}
    for policy in policies:
        runs = [machines_in_use(trace, policy, seed) for seed in SEEDS]
        in_use[policy] = statistics.median(run[0] for run in runs)
        fleets[policy] = statistics.median(smallest_fleet(trace, policy, seed) for seed in SEEDS)
        print(
            f"  {policy:9} machines in use {in_use[policy]:5.0f}"
            f" ({statistics.median(run[1] for run in runs):6.1%} of all cores,"
            f" {max(run[2] for run in runs)} pods left over)"
            f"   smallest fleet {fleets[policy]:5.0f}"
        )
    print(f"  no policy can do with less than {least_in_use} and about {least_fleet}")
    for other, goal in (("best-fit", 5), ("spread", 20)):
        print(
            f"  pack against {other}: {1 - in_use['pack'] / in_use[other]:.1%} fewer in use,"
            f" {1 - fleets['pack'] / fleets[other]:.1%} smaller fleet (goal {goal} %;"
            f" no policy could save more than {1 - least_fleet / fleets[other]:.1%})"
        )


def main() -> None:
    """Print both parts."""
    speed()
    directory = trace_directory()
    if (directory / "openb_pod_list_default.csv").is_file():
        machines_needed(read_trace(directory))
    else:
        print(f"openb: no trace in {directory}; name its directory in GALAXY_TRACE")


if __name__ == "__main__":
    main()
