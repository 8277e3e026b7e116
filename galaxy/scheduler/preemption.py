"""
Who would have to leave so that pods of a higher rank find room. Pure.

Called for groups that found no place and may displace others. The master says
which pods could leave (`Tenant`), checks what is proposed, and carries it out.
Laws (safety): never a victim of equal or higher rank; what leaves suffices; no
smaller set on that machine would do (but see Note: the budget, in `covering`).
(Liveness): while any machine could make room for one more, one is found.

Note: which set is the smaller one
    First the one whose most precious pod has the lower rank: nobody of a higher
    rank goes to spare several of a lower one. Then the one of fewer pods. Among
    equals, pods of higher rank are spared as far as can be, then the older ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace

from attrs import frozen

from galaxy.scheduler.covering import Kind, at_least, fewest
from galaxy.scheduler.groups import Rank, Shape


@frozen
class Tenant:
    """`count` pods of one job and version on one machine that could leave it."""

    job_id: str
    version: str
    count: int
    rank: Rank
    cpu: int  # millicores of each
    memory: int  # MiB of each, rounded down
    ports: frozenset[int] = frozenset()
    youngest: float = 0.0  # when the last of them was placed


@frozen
class Host:
    """A machine that could hold pods of a shape, were it emptier."""

    agent: int
    free_cpu: int
    free_memory: int
    tenants: tuple[Tenant, ...]  # all of them of lower rank than whoever wants the room
    most: int  # so many pods, however empty it is
    taken: frozenset[int] = frozenset()  # ports that the shape asks for, and somebody holds


Part = tuple[Tenant, int]


@frozen
class Eviction:
    """`count` pods can go to the agent once these have left it."""

    agent: int
    count: int
    victims: tuple[Part, ...]


@frozen
class _Need:
    """
    What has to leave a host: the holders of ports, and of the others so much.

    `others` go up to `rank` and no further, because that suffices; the most precious first.
    """

    cpu: int
    memory: int
    holders: tuple[Tenant, ...]
    others: tuple[Tenant, ...]
    rank: Rank

    @property
    def least(self) -> int:
        """So many leave at least."""
        return len(self.holders) + at_least(self.cpu, self.memory, _kinds(self.others))

    @property
    def size(self) -> int:
        """How many have to leave."""
        return len(self.holders) + sum(self.fewest())

    def fewest(self) -> tuple[int, ...]:
        """How many of each of the others: in all as few as can be."""
        kinds = _kinds(self.others)
        found = fewest(self.cpu, self.memory, kinds, sum(kind.count for kind in kinds))
        assert found is not None, "all of them together suffice"
        return found


def smallest(host: Host, shape: Shape, count: int) -> tuple[Part, ...]:
    """
    The smallest set that has to leave for so many pods.

    Empty: nobody has to, or all that could would not suffice.
    """
    need = _need(host, shape, count)
    if need is None:
        return ()
    chosen = need.fewest()
    size = sum(chosen)
    # The most precious first: would as many do with fewer of these?
    kept = list(_kinds(need.others))
    for position, kind in enumerate(kept):
        low, high = 0, chosen[position]
        while low < high:
            middle = (low + high) // 2
            kept[position] = Kind(kind.cpu, kind.memory, middle)
            instead = fewest(need.cpu, need.memory, kept, size, enough=size)
            if instead is None:
                low = middle + 1
            else:
                chosen, high = instead, min(middle, instead[position])
        kept[position] = Kind(kind.cpu, kind.memory, low)
    left = zip(need.others, chosen, strict=True)
    return (*((one, 1) for one in need.holders), *((one, many) for one, many in left if many))


def evictions(shape: Shape, count: int, hosts: Iterable[Host]) -> tuple[Eviction, ...]:
    """
    Room for up to `count` pods, each where one more costs the least, so that they spread.

    Hosts that could hold pods as they are take no part: that would be placing.
    """
    hosts = tuple(hosts)
    counts, sizes = [0] * len(hosts), [0] * len(hosts)
    # Each host with what its next pod costs: at first at least so much, exactly once
    # it comes to the top.
    heap = [step for n, host in enumerate(hosts) if (step := _step(host, shape, 1, 0, n))]
    heapify(heap)
    while heap and sum(counts) < count:
        rank, cost, exact, number = heap[0]
        host = hosts[number]
        if not exact:
            need = _need(host, shape, counts[number] + 1)
            assert need is not None, "it was possible at first sight"
            heapreplace(heap, (rank, need.size - sizes[number], True, number))
            continue
        counts[number] += 1
        sizes[number] += cost
        after = _step(host, shape, counts[number] + 1, sizes[number], number)
        if after is None:
            heappop(heap)
        else:
            heapreplace(heap, after)
    return tuple(
        Eviction(host.agent, many, smallest(host, shape, many))
        for host, many in zip(hosts, counts, strict=True)
        if many
    )


def _step(
    host: Host, shape: Shape, count: int, size: int, number: int
) -> tuple[Rank, int, bool, int] | None:
    """What the host's next pod costs at least, where `size` leave already; None: it cannot be."""
    need = _need(host, shape, count) if count <= host.most else None
    return None if need is None else (need.rank, need.least - size, False, number)


def _need(host: Host, shape: Shape, count: int) -> _Need | None:
    """None: nobody has to leave, or all who could would not suffice."""
    cpu = count * shape.millicores - host.free_cpu
    memory = count * shape.memory_mib - host.free_memory
    if cpu <= 0 and memory <= 0 and not host.taken:
        return None
    holders = tuple(one for one in host.tenants if one.ports & host.taken)
    if not host.taken <= frozenset().union(*(one.ports for one in holders)):
        return None
    cpu -= sum(one.cpu for one in holders)
    memory -= sum(one.memory for one in holders)
    others = [one for one in host.tenants if not one.ports & host.taken]
    others.sort(key=_preciousness)
    highest = max((one.rank for one in holders), default=None)
    for rank in sorted({one.rank for one in host.tenants}):
        if highest is not None and rank < highest:
            continue
        enough = tuple(one for one in others if one.rank <= rank)
        if (
            sum(one.count * one.cpu for one in enough) >= cpu
            and sum(one.count * one.memory for one in enough) >= memory
        ):
            return _Need(cpu, memory, holders, enough, rank)
    return None


def _kinds(tenants: Iterable[Tenant]) -> tuple[Kind, ...]:
    return tuple(Kind(one.cpu, one.memory, one.count) for one in tenants)


def _preciousness(tenant: Tenant) -> tuple[int, bool, float]:
    """Sorts the most precious to the front."""
    priority, serves = tenant.rank
    return -priority, not serves, tenant.youngest
