"""
What of the machine is granted to which pod, and what is refused. Pure.

A grant lasts from a pod's acceptance until it is forgotten, also while the pod
has ended and waits to be. Laws: the grants together never exceed the capacity,
no port is held twice, no disk is overfull, and releasing a grant gives back all of it. A capacity
that shrank below what is granted already (after a restart) grants nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import field, frozen, mutable

from galaxy.agent.ports import PortPool, PortRange
from galaxy.agent.records import PodKey
from galaxy.agent.storage.disks import Disk, Name, chosen, together, volumes
from galaxy.protocol.types_pb2 import Resource
from galaxy.resources import format_size


@frozen
class Grant:
    """
    What one pod holds. `ports` by name, in the order of the requirement; `disks`: of
    which disk how much, in the order of the volumes.
    """

    millicores: int
    memory_bytes: int
    ports: tuple[tuple[str, int], ...] = ()
    disks: tuple[tuple[str, int], ...] = ()

    def beyond(self, other: Grant) -> Grant:
        """What this one has more than another: the two together are the greater of both."""
        also = {number for _name, number in other.ports}
        disks = together(other.disks)
        return Grant(
            max(0, self.millicores - other.millicores),
            max(0, self.memory_bytes - other.memory_bytes),
            tuple((name, number) for name, number in self.ports if number not in also),
            tuple(
                (path, size - disks.get(path, 0))
                for path, size in together(self.disks).items()
                if size > disks.get(path, 0)
            ),
        )


@frozen
class Before:
    """
    What the slot of a pod has already, and the pod is to have again.

    `ports`: by name, the numbers of its dynamic ports. `held`: all numbers that its own
    processes may be listening on. `disks`: where its volumes are.
    """

    ports: Sequence[tuple[str, int]] = ()
    held: frozenset[int] = frozenset()
    disks: Mapping[Name, str] = field(factory=dict)


NOTHING_BEFORE = Before()


@frozen
class Shortage:
    """Why nothing was granted."""

    reason: str


def _nobody(_port: int) -> bool:
    return False


@mutable
class Accounts:
    """
    A machine's capacity and the grants on it.

    `foreign` says whether somebody who is no pod of this machine has a port now.
    """

    millicores: int
    memory_bytes: int
    dynamic: PortRange = field(factory=PortRange)
    disks: Sequence[Disk] = ()
    ssds: Sequence[Disk] = ()
    foreign: Callable[[int], bool] = _nobody
    _grants: dict[PodKey, Grant] = field(factory=dict, init=False)
    _ports: dict[int, PodKey] = field(factory=dict, init=False)
    _millicores: int = field(default=0, init=False)
    _memory_bytes: int = field(default=0, init=False)
    _refused: set[int] = field(factory=set, init=False)
    _on_disks: dict[str, int] = field(factory=dict, init=False)
    _pool: PortPool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pool = PortPool(self.dynamic)

    @property
    def grants(self) -> Mapping[PodKey, Grant]:
        """Who holds what."""
        return self._grants

    @property
    def foreign_ports(self) -> frozenset[int]:
        """The ports that were asked for by number, and had by somebody who is no pod."""
        return frozenset(self._refused)

    def look_again(self) -> None:
        """Forget those of the foreign ports that are free by now."""
        self._refused = {port for port in self._refused if self.foreign(port)}

    def reserve(
        self, key: PodKey, asked: Resource, before: Before = NOTHING_BEFORE
    ) -> Grant | Shortage:
        """Grant what a pod asks for, all of it or nothing."""
        settled = self._settled(asked, before.ports)
        dynamic = self._next_ports(asked, settled)
        wanted = volumes(asked)
        places = chosen(wanted, self._free_disks(), before.disks)
        lacks = [
            *self._amount_lacks(asked),
            *self._port_lacks(asked, before.held, len(dynamic) + len(settled)),
            *([places] if isinstance(places, str) else ()),
        ]
        if lacks or isinstance(places, str):
            return Shortage("; ".join(lacks))
        in_order = iter(dynamic)
        ports = [
            (port.name, settled[place] if place in settled else next(in_order))
            for place, port in enumerate(asked.ports)
        ]
        sizes = [volume.quota_bytes for volume in wanted]
        disks = tuple(zip(places, sizes, strict=True))
        grant = Grant(asked.millicores, asked.memory, tuple(ports), disks)
        self.restore(key, grant)
        return grant

    def restore(self, key: PodKey, grant: Grant) -> None:
        """Count a grant that was made before, whether or not there is room for it."""
        assert key not in self._grants
        self._grants[key] = grant
        self._millicores += grant.millicores
        self._memory_bytes += grant.memory_bytes
        for _name, number in grant.ports:
            self._ports[number] = key
            self._refused.discard(number)
            self._pool.take(number)
        for path, size in grant.disks:
            self._on_disks[path] = self._on_disks.get(path, 0) + size

    def release(self, key: PodKey) -> None:
        """Take back what a pod held; nothing if it held nothing."""
        grant = self._grants.pop(key, None)
        if grant is None:
            return
        self._millicores -= grant.millicores
        self._memory_bytes -= grant.memory_bytes
        for _name, number in grant.ports:
            if self._ports.pop(number, None) is not None:
                self._pool.give_back(number)
        for path, size in grant.disks:
            self._on_disks[path] -= size

    def _amount_lacks(self, asked: Resource) -> Iterable[str]:
        free = max(0, self.millicores - self._millicores)
        if asked.millicores > free:
            yield f"asks {asked.millicores} millicores, {free} of {self.millicores} are free"
        free = max(0, self.memory_bytes - self._memory_bytes)
        if asked.memory > free:
            yield (
                f"asks {format_size(asked.memory)} of memory, "
                f"{format_size(free)} of {format_size(self.memory_bytes)} are free"
            )

    def _free_disks(self) -> dict[str, dict[str, int]]:
        return {
            medium: {
                disk.path: disk.size_bytes - self._on_disks.get(disk.path, 0) for disk in disks
            }
            for medium, disks in (("disk", self.disks), ("ssd", self.ssds))
        }

    def _settled(self, asked: Resource, liked: Sequence[tuple[str, int]]) -> dict[int, int]:
        """The number of each port, by its place in the list, that is not free to choose."""
        settled = {place: port.port for place, port in enumerate(asked.ports) if not port.dynamic}
        taken = {*self._ports, *settled.values()}
        left = [(name, number) for name, number in liked if number not in taken]
        for place, port in enumerate(asked.ports):
            same = next((each for each in left if port.dynamic and each[0] == port.name), None)
            if same is not None:
                left.remove(same)
                settled[place] = same[1]
        return settled

    def _next_ports(self, asked: Resource, settled: Mapping[int, int]) -> list[int]:
        """Numbers for the other dynamic ports, as far as there are any."""
        taken = {*self._ports, *settled.values()}
        return self._pool.next(
            len(asked.ports) - len(settled),
            lambda number: number in taken or self.foreign(number),
        )

    def _port_lacks(self, asked: Resource, held: frozenset[int], found: int) -> Iterable[str]:
        """What of the ports cannot be had; `found` of them have a number."""
        for port in asked.ports:
            if port.dynamic:
                continue
            if port.port in self._ports:
                yield f"port {port.port} is held by pod {self._ports[port.port].pod_id}"
            elif port.port not in held and self.foreign(port.port):
                self._refused.add(port.port)
                yield f"port {port.port} is in use on this machine, by no pod of Galaxy"
        if found < len(asked.ports):
            dynamic = sum(port.dynamic for port in asked.ports)
            yield (
                f"asks {dynamic} dynamic ports, {found - len(asked.ports) + dynamic} of the "
                f"{len(self.dynamic)} from {self.dynamic.first} to {self.dynamic.last} are free"
            )
