"""
The scheduler's picture of the machines: one row an agent, one numpy column a fact.

Changed through two doors only: `apply` takes what the master says, `take` and
`give_back` take what the scheduler itself decided. Nothing is copied. Pure: no
I/O, no clock.

Note: columns are 32 bits wide
    Millicores and MiB fit, and a scan of 10,000 rows of int32 is vectorised
    where int64 division is not. What is free is rounded down to a MiB and what
    is asked is rounded up, so rounding never over-commits.

Note: the log of changed rows
    Scores are kept per shape of pod (`galaxy.scheduler.placement`). Each keeper
    remembers a `position` in the log and recomputes only rows logged after it.
    `gains` counts the changes that may make something fit that did not:
    what nothing could hold stays so until it moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from attrs import define, field

from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.scheduler.groups import MIB, Shape

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
C = TypeVar("C", bound=np.generic)

MOST_MIB = (1 << 31) - 2  # no machine counts for more; one MiB less than a shape can ask

_LOG_PER_ROW = 4
_LOG_LEAST = 4096


class OverCommitted(Exception):
    """Something was placed where it does not fit: a fault of the caller."""


def _ints() -> Ints:
    return np.zeros(0, np.int32)


def _bools() -> Bools:
    return np.zeros(0, np.bool_)


def _floats() -> Floats:
    return np.zeros(0, np.float32)


@define(eq=False)
class Fleet:
    """The machines. Row numbers are stable for the life of the object."""

    agents: list[int] = field(factory=list, init=False)  # the master's numbers, by row
    endpoints: list[str] = field(factory=list, init=False)
    closed: list[str] = field(factory=list, init=False)  # why not schedulable, for people
    rows: dict[int, int] = field(factory=dict, init=False)  # by the master's numbers

    total_cpu: Ints = field(factory=_ints, init=False)
    total_memory: Ints = field(factory=_ints, init=False)
    free_cpu: Ints = field(factory=_ints, init=False)
    free_memory: Ints = field(factory=_ints, init=False)
    # Measured; never more than twice the total, which is load enough.
    used_cpu: Ints = field(factory=_ints, init=False)
    used_memory: Ints = field(factory=_ints, init=False)
    pods: Ints = field(factory=_ints, init=False)
    free_disk: Ints = field(factory=_ints, init=False)
    free_ssd: Ints = field(factory=_ints, init=False)
    schedulable: Bools = field(factory=_bools, init=False)
    isolated: Bools = field(factory=_bools, init=False)
    # Shares of the machine that one millicore and one MiB are.
    cpu_unit: Floats = field(factory=_floats, init=False)
    memory_unit: Floats = field(factory=_floats, init=False)
    # What the mean machine has.
    mean_cpu: float = field(default=1.0, init=False)
    mean_memory: float = field(default=1.0, init=False)

    labels: dict[str, Bools] = field(factory=dict, init=False)  # who has it
    ports: dict[int, Bools] = field(factory=dict, init=False)  # who has it taken

    kinds: int = field(default=0, init=False)  # changes of all that placing pods does not change
    gains: int = field(default=0, init=False)
    _log: list[int] = field(factory=list, init=False)
    _forgotten: int = field(default=0, init=False)  # entries cut from the log's front
    _labels_of: list[frozenset[str]] = field(factory=list, init=False)
    _ports_of: list[frozenset[int]] = field(factory=list, init=False)

    def __len__(self) -> int:
        return len(self.agents)

    @property
    def position(self) -> int:
        """Where the log of changed rows ends now."""
        return self._forgotten + len(self._log)

    def changed_since(self, position: int) -> list[int] | None:
        """Rows changed after `position`, perhaps repeated. None: too many to tell."""
        start = position - self._forgotten
        if start < 0 or (len(self._log) - start) * _LOG_PER_ROW > len(self) + _LOG_LEAST:
            return None
        return self._log[start:]

    def apply(self, snapshots: Iterable[AgentSnapshot]) -> None:
        """Take over what the master says of these agents; rows it confirms are not logged."""
        known = list(snapshots)
        kinds = self.kinds
        self._admit([one for one in known if one.agent not in self.rows])
        for one in known:
            self._update(self.rows[one.agent], one)
        if self.kinds != kinds:
            self.mean_cpu = max(1.0, float(self.total_cpu.mean(dtype=np.float64)))
            self.mean_memory = max(1.0, float(self.total_memory.mean(dtype=np.float64)))
        self._trim()

    def take(self, rows: Rows, counts: Ints, shape: Shape) -> None:
        """Place `counts[i]` pods more on row `rows[i]`; no row is named twice."""
        free_cpu = self.free_cpu[rows] - counts * shape.millicores
        free_memory = self.free_memory[rows] - counts * shape.memory_mib
        if free_cpu.min(initial=0) < 0 or free_memory.min(initial=0) < 0:
            raise OverCommitted(f"{shape} does not fit {counts} times on rows {rows}")
        if shape.needs_disks:
            self._take_disks(rows, counts, shape)
        if shape.ports:
            self._take_ports(rows, counts, shape.ports)
        self.free_cpu[rows] = free_cpu
        self.free_memory[rows] = free_memory
        self.pods[rows] += counts
        self._log.extend(rows.tolist())
        self._trim()

    def take_one(self, row: int, shape: Shape) -> None:
        """Place one pod more on a row. What `take` does, without arrays."""
        cpu = self.free_cpu.item(row) - shape.millicores
        memory = self.free_memory.item(row) - shape.memory_mib
        if cpu < 0 or memory < 0:
            raise OverCommitted(f"{shape} does not fit on row {row}")
        if shape.needs_disks:
            self._take_disks(np.array([row]), np.ones(1, np.int32), shape)
        if shape.ports:
            self._take_ports(np.array([row]), np.ones(1, np.int32), shape.ports)
        self.free_cpu[row] = cpu
        self.free_memory[row] = memory
        self.pods[row] += 1
        self._log.append(row)
        if len(self._log) > 2 * _LOG_LEAST:
            self._trim()

    def give_back(self, row: int, count: int, shape: Shape) -> None:
        """Undo a `take` that came to nothing."""
        self.free_cpu[row] += count * shape.millicores
        self.free_memory[row] += count * shape.memory_mib
        self.pods[row] -= count
        if shape.needs_disks:
            self.free_disk[row] += count * shape.disk_mib
            self.free_ssd[row] += count * shape.ssd_mib
        for port in shape.ports:
            self._port(port)[row] = False
            self._ports_of[row] -= {port}
        self.gains += 1
        self._log.append(row)

    def copied(self) -> Fleet:
        """Another fleet of the same machines, to be changed without consequences."""
        other = Fleet()
        other.agents, other.endpoints = list(self.agents), list(self.endpoints)
        other.closed = list(self.closed)
        other.rows = dict(self.rows)
        for name in _COLUMNS:
            setattr(other, name, getattr(self, name).copy())
        other.labels = {label: column.copy() for label, column in self.labels.items()}
        other.ports = {port: column.copy() for port, column in self.ports.items()}
        other.mean_cpu, other.mean_memory = self.mean_cpu, self.mean_memory
        other._labels_of, other._ports_of = list(self._labels_of), list(self._ports_of)
        return other

    def _admit(self, newcomers: list[AgentSnapshot]) -> None:
        if not newcomers:
            return
        for one in newcomers:
            if one.agent in self.rows:
                continue
            self.rows[one.agent] = len(self.agents)
            self.agents.append(one.agent)
            self.endpoints.append(one.endpoint)
            self.closed.append(one.closed)
            self._labels_of.append(frozenset())
            self._ports_of.append(frozenset())
        more = len(self.agents) - len(self.total_cpu)
        for name in _COLUMNS:
            setattr(self, name, _longer(getattr(self, name), more))
        self.labels = {label: _longer(column, more) for label, column in self.labels.items()}
        self.ports = {port: _longer(column, more) for port, column in self.ports.items()}
        self.kinds += 1

    def _update(self, row: int, one: AgentSnapshot) -> None:
        cpu = max(0, one.total_millicores - one.assigned_millicores)
        memory = _mib(max(0, one.total_memory - one.assigned_memory))
        total_memory = _mib(one.total_memory)
        disk, ssd = _mib(one.free_disk), _mib(one.free_ssd)
        values = (
            one.total_millicores,
            total_memory,
            cpu,
            memory,
            min(one.used_millicores, 2 * one.total_millicores),
            min(one.used_memory // MIB, 2 * total_memory, MOST_MIB),
            one.pods,
            disk,
            ssd,
        )
        before = tuple(column.item(row) for column in self._amounts())
        self.endpoints[row], self.closed[row] = one.endpoint, one.closed
        changed = values != before
        if changed:
            for column, value in zip(self._amounts(), values, strict=True):
                column[row] = value
            self.cpu_unit[row] = 1 / max(1, values[0])
            self.memory_unit[row] = 1 / max(1, values[1])
            if values[:2] != before[:2]:
                self.kinds += 1
        freed = self._update_ports(row, frozenset(one.ports))
        other = self._update_kind(row, one)
        if changed or other or freed is not None:
            self._log.append(row)
        more = cpu > before[2] or memory > before[3] or disk > before[7] or ssd > before[8]
        if other or freed or more:
            self.gains += 1

    def _update_ports(self, row: int, ports: frozenset[int]) -> bool | None:
        """None: as before. Else whether one became free."""
        before = self._ports_of[row]
        if ports == before:
            return None
        for port in before - ports:
            self.ports[port][row] = False
        for port in ports - before:
            self._port(port)[row] = True
        self._ports_of[row] = ports
        return bool(before - ports)

    def _update_kind(self, row: int, one: AgentSnapshot) -> bool:
        labels = frozenset(one.labels)
        before = (bool(self.schedulable[row]), bool(self.isolated[row]), self._labels_of[row])
        if before == (one.schedulable, one.isolated, labels):
            return False
        self.schedulable[row] = one.schedulable
        self.isolated[row] = one.isolated
        for label in before[2] - labels:
            self.labels[label][row] = False
        for label in labels - before[2]:
            if label not in self.labels:
                self.labels[label] = np.zeros(len(self), np.bool_)
            self.labels[label][row] = True
        self._labels_of[row] = labels
        self.kinds += 1
        return True

    def _amounts(self) -> tuple[Ints, ...]:
        return (
            self.total_cpu,
            self.total_memory,
            self.free_cpu,
            self.free_memory,
            self.used_cpu,
            self.used_memory,
            self.pods,
            self.free_disk,
            self.free_ssd,
        )

    def _take_disks(self, rows: Rows, counts: Ints, shape: Shape) -> None:
        disk = self.free_disk[rows] - counts * shape.disk_mib
        ssd = self.free_ssd[rows] - counts * shape.ssd_mib
        if disk.min(initial=0) < 0 or ssd.min(initial=0) < 0:
            raise OverCommitted(f"the disks of {shape} do not fit {counts} times on rows {rows}")
        self.free_disk[rows] = disk
        self.free_ssd[rows] = ssd

    def _take_ports(self, rows: Rows, counts: Ints, ports: tuple[int, ...]) -> None:
        columns = [self._port(port) for port in ports]
        if counts.max(initial=0) > 1 or any(column[rows].any() for column in columns):
            raise OverCommitted(f"one of ports {ports} would be taken twice on rows {rows}")
        for column in columns:
            column[rows] = True
        for row in rows.tolist():
            self._ports_of[row] |= set(ports)

    def _port(self, port: int) -> Bools:
        column = self.ports.get(port)
        if column is None:
            column = self.ports[port] = np.zeros(len(self), np.bool_)
        return column

    def _trim(self) -> None:
        """Forget the older half of a log that nobody would read to its end."""
        if len(self._log) > _LOG_PER_ROW * (len(self) + _LOG_LEAST):
            half = len(self._log) // 2
            del self._log[:half]
            self._forgotten += half


_COLUMNS = (
    "total_cpu",
    "total_memory",
    "free_cpu",
    "free_memory",
    "used_cpu",
    "used_memory",
    "pods",
    "free_disk",
    "free_ssd",
    "schedulable",
    "isolated",
    "cpu_unit",
    "memory_unit",
)


def _mib(size_bytes: int) -> int:
    return min(size_bytes // MIB, MOST_MIB)


def _longer(column: npt.NDArray[C], more: int) -> npt.NDArray[C]:
    return np.concatenate([column, np.zeros(more, column.dtype)])
