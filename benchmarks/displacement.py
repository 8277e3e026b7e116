"""
How long it takes to find whom to displace, and how many leave.

    python -m benchmarks.displacement

A full fleet of 250 machines, each with four to thirteen kinds of tenants of three ranks. Room
is made for pods of a higher one, beside the usual rule: on each machine the lowest
leave first, of these the youngest, until there is room; and the machine is taken where
the fewest of the lowest rank do. Processor time, since machines are shared.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from galaxy.scheduler.groups import Rank, Shape
from galaxy.scheduler.preemption import Host, Tenant, evictions

MACHINES = 250
CASES = ((4_000, 8_192, 200), (16_000, 16_384, 100), (30_000, 30_000, 20))


def full_fleet(rng: random.Random) -> list[Host]:
    """Machines with next to nothing free."""
    return [
        Host(
            agent=number,
            free_cpu=rng.randrange(2_000),
            free_memory=rng.randrange(4_096),
            tenants=tuple(_tenant(rng, n) for n in range(rng.randrange(4, 14))),
            most=1 << 20,
        )
        for number in range(MACHINES)
    ]


def _tenant(rng: random.Random, number: int) -> Tenant:
    return Tenant(
        job_id=f"job-{number}",
        version="1",
        count=rng.randrange(1, 20),
        rank=(rng.randrange(3), False),
        cpu=rng.choice((100, 250, 500, 1_000, 1_300, 2_000)),
        memory=rng.choice((128, 512, 700, 1_024, 4_096)),
        youngest=rng.random(),
    )


def usual_cost(host: Host, shape: Shape) -> tuple[Rank, int] | None:
    """The highest rank and the number of those that leave by the usual rule."""
    cpu, memory, count = host.free_cpu, host.free_memory, 0
    for tenant in sorted(host.tenants, key=lambda one: (one.rank, -one.youngest)):
        for _ in range(tenant.count):
            cpu, memory, count = cpu + tenant.cpu, memory + tenant.memory, count + 1
            if cpu >= shape.millicores and memory >= shape.memory_mib:
                return tenant.rank, count
    return None


def usual_victims(hosts: Sequence[Host], shape: Shape, count: int) -> int:
    """How many leave by the usual rule for so many pods, one on a machine."""
    costs = sorted(cost for host in hosts if (cost := usual_cost(host, shape)) is not None)
    return sum(victims for _, victims in costs[:count])


def main() -> None:
    """Print a line for each kind of pod."""
    hosts = full_fleet(random.Random(1))
    print(f"{MACHINES:,} full machines, four to thirteen kinds of tenants on each")
    for millicores, memory_mib, count in CASES:
        shape = Shape(millicores, memory_mib)
        start = time.process_time()
        found = evictions(shape, count, hosts)
        seconds = time.process_time() - start
        pods = sum(one.count for one in found)
        victims = sum(many for one in found for _, many in one.victims)
        usual = usual_victims(hosts, shape, count)
        print(
            f"  {pods:4} pods of {millicores / 1000:4.0f} cores and {memory_mib / 1024:4.1f} GiB:"
            f" {seconds:5.2f} s, {victims:4} leave, {usual:5} by the usual rule"
            f" ({usual / victims:.1f} times)"
        )


if __name__ == "__main__":
    main()
