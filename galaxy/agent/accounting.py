"""
What of the machine is granted to which pod, and what is refused. Pure.

A grant lasts from a pod's acceptance until it is forgotten, also while the pod
has ended and waits to be. Laws: the grants together never exceed the capacity,
no port is held twice, and releasing a grant gives back all of it. A capacity
that shrank below what is granted already (after a restart) grants nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen, mutable

from galaxy.agent.records import PodKey
from galaxy.protocol.types_pb2 import Resource
from galaxy.resources import format_size


@frozen
class PortRange:
    """The ports that may be given to whoever asks for any: first to last, both in it."""

    first: int = 20000
    last: int = 29999

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """The range in "FIRST-LAST"; ValueError if it is none."""
        first, dash, last = text.partition("-")
        if dash and first.strip().isdigit() and last.strip().isdigit():
            ports = cls(int(first), int(last))
            if 0 < ports.first <= ports.last < 65536:
                return ports
        raise ValueError(f"{text!r} is not a range of ports: write FIRST-LAST, like 20000-29999")


@frozen
class Grant:
    """What one pod holds. `ports` in the order of the requirement."""

    millicores: int
    memory_bytes: int
    ports: tuple[tuple[str, int], ...] = ()

    def beyond(self, other: Grant) -> Grant:
        """What this one has more than another: the two together are the greater of both."""
        also = {number for _name, number in other.ports}
        return Grant(
            max(0, self.millicores - other.millicores),
            max(0, self.memory_bytes - other.memory_bytes),
            tuple((name, number) for name, number in self.ports if number not in also),
        )


@frozen
class Shortage:
    """Why nothing was granted."""

    reason: str


@mutable
class Accounts:
    """A machine's capacity and the grants on it."""

    millicores: int
    memory_bytes: int
    dynamic: PortRange = PortRange()
    _grants: dict[PodKey, Grant] = field(factory=dict, init=False)
    _ports: dict[int, PodKey] = field(factory=dict, init=False)
    _millicores: int = field(default=0, init=False)
    _memory_bytes: int = field(default=0, init=False)
    _next_port: int = field(default=0, init=False)

    @property
    def grants(self) -> Mapping[PodKey, Grant]:
        """Who holds what."""
        return self._grants

    def reserve(
        self, key: PodKey, asked: Resource, liked: Sequence[tuple[str, int]] = ()
    ) -> Grant | Shortage:
        """
        Grant what a pod asks for, all of it or nothing.

        `liked`: by name, the numbers that its dynamic ports are to have if they are free.
        """
        chosen = self._chosen(asked, liked)
        lacks = [*self._amount_lacks(asked), *self._port_lacks(asked, chosen)]
        if lacks:
            return Shortage("; ".join(lacks))
        grant = Grant(asked.millicores, asked.memory, tuple(self._pick_ports(asked, chosen)))
        self.restore(key, grant)
        return grant

    def restore(self, key: PodKey, grant: Grant) -> None:
        """Count a grant that was made before, whether or not there is room for it."""
        assert key not in self._grants
        self._grants[key] = grant
        self._millicores += grant.millicores
        self._memory_bytes += grant.memory_bytes
        self._ports.update((number, key) for _name, number in grant.ports)

    def release(self, key: PodKey) -> None:
        """Take back what a pod held; nothing if it held nothing."""
        grant = self._grants.pop(key, None)
        if grant is None:
            return
        self._millicores -= grant.millicores
        self._memory_bytes -= grant.memory_bytes
        for _name, number in grant.ports:
            self._ports.pop(number, None)

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

    def _chosen(self, asked: Resource, liked: Sequence[tuple[str, int]]) -> dict[int, int]:
        """The number of each port, by its place in the list, that is not free to choose."""
        chosen = {place: port.port for place, port in enumerate(asked.ports) if not port.dynamic}
        taken = {*self._ports, *chosen.values()}
        left = [(name, number) for name, number in liked if number not in taken]
        for place, port in enumerate(asked.ports):
            same = next((each for each in left if port.dynamic and each[0] == port.name), None)
            if same is not None:
                left.remove(same)
                chosen[place] = same[1]
        return chosen

    def _port_lacks(self, asked: Resource, chosen: Mapping[int, int]) -> Iterable[str]:
        for port in asked.ports:
            if not port.dynamic and port.port in self._ports:
                yield f"port {port.port} is held by pod {self._ports[port.port].pod_id}"
        wanted = len(asked.ports) - len(chosen)
        if not wanted:
            return
        span = range(self.dynamic.first, self.dynamic.last + 1)
        held = sum(number in span for number in {*self._ports, *chosen.values()})
        if wanted > len(span) - held:
            yield (
                f"asks {wanted} dynamic ports, {len(span) - held} of the {len(span)} "
                f"from {self.dynamic.first} to {self.dynamic.last} are free"
            )

    def _pick_ports(self, asked: Resource, chosen: Mapping[int, int]) -> Iterable[tuple[str, int]]:
        """Dynamic ones go round the range, so that one just returned is not used again soon."""
        taken = {*self._ports, *chosen.values()}
        for place, port in enumerate(asked.ports):
            if place in chosen:
                yield port.name, chosen[place]
                continue
            size = self.dynamic.last - self.dynamic.first + 1
            while (number := self.dynamic.first + self._next_port % size) in taken:
                self._next_port += 1
            self._next_port += 1
            taken.add(number)
            yield port.name, number
