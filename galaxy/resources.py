"""
The algebra of resources: what pods ask, what machines have left. Pure.

Used by whoever accounts for something: the master checks proposals, the agent
grants, the scheduler plans, the client parses sizes. Three laws hold: `add` and
`subtract` undo one another, nothing ever falls below zero, and a thing fits
exactly when its `shortfall` is empty.

Note: ports
    A port is held by one pod of a machine at a time, so amounts of ports are
    sets: `Resources.ports` are asked or taken by number. Dynamic ports are only
    counted, because their numbers are the agent's to pick; once picked they are
    taken ports like any other. Names of ports stay in the pod's description.

Note: disks
    A machine may have several, and a volume lies on one of them. Here all of a
    kind are one amount; which disk a volume goes to is the agent's to say, and so
    is a refusal where there is room in all, but not on any one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve, frozen

from galaxy.protocol.types_pb2 import Port, Resource, Volume

_SIZE = re.compile(r"([0-9]+)(?:\.([0-9]+))?([KMGTP])I?B?", re.IGNORECASE | re.ASCII)
_EXPONENTS = {letter: power for power, letter in enumerate("KMGTP", start=1)}
_LARGEST_SIZE = (1 << 63) - 1
_LONGEST_SIZE = 30


class ResourceError(ValueError):
    """A sum or difference that cannot be; the sentence names what and by how much."""


@frozen
class Resources:
    """An amount that is asked, granted, or in all there."""

    millicores: int = 0
    memory_bytes: int = 0
    ports: frozenset[int] = frozenset()
    dynamic_ports: int = 0
    disk_bytes: int = 0
    ssd_bytes: int = 0


@frozen
class Free:
    """
    What a machine has left.

    `dynamic_ports` is how many more the machine can pick; None: not known
    here, which only the agent itself is not.
    """

    millicores: int
    memory_bytes: int
    taken_ports: frozenset[int] = frozenset()
    dynamic_ports: int | None = None
    disk_bytes: int = 0
    ssd_bytes: int = 0


@frozen
class Lack:
    """One thing that does not suffice. `missing`: millicores, bytes, or a count of ports."""

    what: str  # "cpu", "memory", "disk", "ssd", "port 8080", "dynamic ports"
    missing: int

    def __str__(self) -> str:
        if self.what == "cpu":
            return f"lacks {format_cores(self.missing)}"
        if self.what in {"memory", "disk", "ssd"}:
            return f"lacks {format_size(self.missing)} of {self.what}"
        if self.what == "dynamic ports":
            return f"lacks {self.missing} dynamic ports"
        return f"has {self.what} taken"


NOTHING = Resources()


def add(first: Resources, second: Resources) -> Resources:
    """Both together. ResourceError when a port is in both."""
    twice = first.ports & second.ports
    if twice:
        raise ResourceError(f"{_ports(twice)} taken already")
    return Resources(
        first.millicores + second.millicores,
        first.memory_bytes + second.memory_bytes,
        first.ports | second.ports,
        first.dynamic_ports + second.dynamic_ports,
        first.disk_bytes + second.disk_bytes,
        first.ssd_bytes + second.ssd_bytes,
    )


def total_of(amounts: Iterable[Resources]) -> Resources:
    """All of them together. ResourceError when two have the same port."""
    result = NOTHING
    for amount in amounts:
        result = add(result, amount)
    return result


def subtract(whole: Resources, part: Resources) -> Resources:
    """The whole without the part. ResourceError when the part is not in it."""
    faults = []
    if part.millicores > whole.millicores:
        faults.append(f"{part.millicores} millicores from {whole.millicores}")
    if part.memory_bytes > whole.memory_bytes:
        faults.append(f"{part.memory_bytes} bytes of memory from {whole.memory_bytes}")
    if part.disk_bytes > whole.disk_bytes:
        faults.append(f"{part.disk_bytes} bytes of disk from {whole.disk_bytes}")
    if part.ssd_bytes > whole.ssd_bytes:
        faults.append(f"{part.ssd_bytes} bytes of ssd from {whole.ssd_bytes}")
    if part.ports - whole.ports:
        faults.append(f"{_ports(part.ports - whole.ports)} not there")
    if part.dynamic_ports > whole.dynamic_ports:
        faults.append(f"{part.dynamic_ports} dynamic ports from {whole.dynamic_ports}")
    if faults:
        raise ResourceError("cannot subtract " + ", ".join(faults))
    return Resources(
        whole.millicores - part.millicores,
        whole.memory_bytes - part.memory_bytes,
        whole.ports - part.ports,
        whole.dynamic_ports - part.dynamic_ports,
        whole.disk_bytes - part.disk_bytes,
        whole.ssd_bytes - part.ssd_bytes,
    )


def times(amount: Resources, count: int) -> Resources:
    """`count` of the same. ResourceError when a fixed port would be taken twice."""
    if amount.ports and count > 1:
        raise ResourceError(f"{_ports(amount.ports)} taken already")
    return Resources(
        amount.millicores * count,
        amount.memory_bytes * count,
        amount.ports if count else frozenset(),
        amount.dynamic_ports * count,
        amount.disk_bytes * count,
        amount.ssd_bytes * count,
    )


def left(total: Resources, assigned: Resources) -> Free:
    """
    What is left of a machine.

    Nothing, not less than nothing, of what is promised beyond the total: a
    machine may come back smaller than it was.
    """
    return Free(
        max(0, total.millicores - assigned.millicores),
        max(0, total.memory_bytes - assigned.memory_bytes),
        assigned.ports,
        max(0, total.dynamic_ports - assigned.dynamic_ports) if total.dynamic_ports else None,
        max(0, total.disk_bytes - assigned.disk_bytes),
        max(0, total.ssd_bytes - assigned.ssd_bytes),
    )


def shortfall(free: Free, asked: Resources) -> tuple[Lack, ...]:
    """What is missing for `asked`; empty: it fits."""
    lacks = []
    if asked.millicores > free.millicores:
        lacks.append(Lack("cpu", asked.millicores - free.millicores))
    if asked.memory_bytes > free.memory_bytes:
        lacks.append(Lack("memory", asked.memory_bytes - free.memory_bytes))
    if asked.disk_bytes > free.disk_bytes:
        lacks.append(Lack("disk", asked.disk_bytes - free.disk_bytes))
    if asked.ssd_bytes > free.ssd_bytes:
        lacks.append(Lack("ssd", asked.ssd_bytes - free.ssd_bytes))
    lacks.extend(Lack(f"port {port}", 1) for port in sorted(asked.ports & free.taken_ports))
    if free.dynamic_ports is not None and asked.dynamic_ports > free.dynamic_ports:
        lacks.append(Lack("dynamic ports", asked.dynamic_ports - free.dynamic_ports))
    return tuple(lacks)


def fits(free: Free, asked: Resources) -> bool:
    """Whether nothing is missing for `asked`."""
    return not shortfall(free, asked)


def take(free: Free, asked: Resources) -> Free:
    """What is left after `asked` was taken. ResourceError when it does not fit."""
    lacks = shortfall(free, asked)
    if lacks:
        raise ResourceError("the machine " + ", ".join(str(lack) for lack in lacks))
    dynamic = free.dynamic_ports
    return evolve(
        free,
        millicores=free.millicores - asked.millicores,
        memory_bytes=free.memory_bytes - asked.memory_bytes,
        taken_ports=free.taken_ports | asked.ports,
        dynamic_ports=None if dynamic is None else dynamic - asked.dynamic_ports,
        disk_bytes=free.disk_bytes - asked.disk_bytes,
        ssd_bytes=free.ssd_bytes - asked.ssd_bytes,
    )


def room_for(free: Free, asked: Resources, most: int) -> int:
    """How many of the same fit together, at most `most`."""
    if not fits(free, asked):
        return 0
    bounds = [most]
    if asked.ports:
        bounds.append(1)
    if asked.millicores:
        bounds.append(free.millicores // asked.millicores)
    if asked.memory_bytes:
        bounds.append(free.memory_bytes // asked.memory_bytes)
    if asked.disk_bytes:
        bounds.append(free.disk_bytes // asked.disk_bytes)
    if asked.ssd_bytes:
        bounds.append(free.ssd_bytes // asked.ssd_bytes)
    if asked.dynamic_ports and free.dynamic_ports is not None:
        bounds.append(free.dynamic_ports // asked.dynamic_ports)
    return min(bounds)


def from_message(message: Resource) -> Resources:
    """The accountable part of a message: names of ports, paths of volumes and rates are not."""
    return Resources(
        message.millicores,
        message.memory,
        frozenset(port.port for port in message.ports if not port.dynamic),
        sum(port.dynamic for port in message.ports),
        sum(volume.quota for volume in message.disks),
        sum(volume.quota for volume in message.ssds),
    )


def to_message(amount: Resources) -> Resource:
    """A message that `from_message` reads as the same amount."""
    ports = [Port(port=number) for number in sorted(amount.ports)]
    ports.extend(Port(dynamic=True) for _ in range(amount.dynamic_ports))
    return Resource(
        millicores=amount.millicores,
        memory=amount.memory_bytes,
        ports=ports,
        disks=[Volume(quota=amount.disk_bytes)] if amount.disk_bytes else (),
        ssds=[Volume(quota=amount.ssd_bytes)] if amount.ssd_bytes else (),
    )


def format_size(size_bytes: int) -> str:
    """A size for people: "512 B", "2.0 GiB"."""
    if abs(size_bytes) < 1024:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for letter in "KMGT":
        value /= 1024
        if abs(value) < 1023.95:
            return f"{value:.1f} {letter}iB"
    return f"{value / 1024:.1f} PiB"


def format_cores(millicores: int) -> str:
    """Processor time for people: "250 millicores", "1.5 cores"."""
    if abs(millicores) < 1000:
        return f"{millicores} millicores"
    return f"{millicores / 1000:g} core{'' if millicores == 1000 else 's'}"


def parse_size(size: str | int) -> int:
    """
    The bytes a person means by 1048576, "1048576", "1M", "1.5GiB".

    K, M, G, T, P count in 1024s, may be followed by `i`, by `B`, by `iB`, in any
    case; nothing else is a size. A fraction of a byte is dropped. ValueError's
    sentence says what is wrong.
    """
    if isinstance(size, bool) or not isinstance(size, (int, str)):
        raise ValueError(  # noqa: TRY004 -- callers catch one kind of error
            f"{size!r} is not a size: write bytes as an integer, or a number like 512M"
        )
    if isinstance(size, int):
        value = size
    elif size.isascii() and size.isdigit() and len(size) <= _LONGEST_SIZE:
        value = int(size)
    else:
        match = _SIZE.fullmatch(size) if len(size) <= _LONGEST_SIZE else None
        if match is None:
            raise ValueError(
                f"{size[:40]!r} is not a size: write bytes as an integer,"
                " or a number with K, M, G, T or P, like 512M or 1.5GiB"
            )
        whole, fraction, letter = match.group(1), match.group(2) or "", match.group(3).upper()
        value = int(whole + fraction) * 1024 ** _EXPONENTS[letter] // 10 ** len(fraction)
    if value < 0:
        raise ValueError(f"{size} is not a size: it is below zero")
    if value > _LARGEST_SIZE:
        raise ValueError(f"{str(size)[:40]} is not a size: it is larger than 2**63 bytes")
    return value


def _ports(numbers: frozenset[int]) -> str:
    """ "port 80 is", "ports 80, 443 are"."""
    listed = ", ".join(str(number) for number in sorted(numbers))
    return f"port {listed} is" if len(numbers) == 1 else f"ports {listed} are"
