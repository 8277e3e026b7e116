"""
What people want of the cluster: a job as its owner has it in mind, and how it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from attrs import define, field

from galaxy.protocol.types_pb2 import (
    HealthCheck,
    JobDescriptor,
    JobType,
    Port,
    UpdatePolicy,
    Volume,
    kBatch,
    kLongRun,
    kSourceTypeFTP,
    kSystem,
)
from tests.scenario.jobs import MIB, job
from tests.simulation.world import CHECKED, DISK_MIB, ENDLESS, LABEL, PACKAGE

BAD = "exit 7"
DEADLINE_S = 8.0
HIGHEST, ABOVE_ALL = 90, 100  # of priorities; no other machine will do for a system job
BATCHES = ("sleep 1", "sleep 4", "sleep 9", "exit 0", "exit 3")


@define(eq=False)
class Wish:
    """A job as its owner wants it, and what was acknowledged of it."""

    name: str
    kind: JobType
    replica: int
    command: str
    millicores: int
    priority: int = 0
    step: int = 0
    user: str = "ada"
    labels: tuple[str, ...] = ()
    volume: bool = False
    package: bool = False
    reverts: bool = False  # a version that fails is taken back
    job_id: str = ""
    doomed: bool = False  # its end was asked for
    ended: bool = False  # and acknowledged
    version: str = "v1"  # as its owner described it last
    good: frozenset[str] = frozenset({"v1"})  # one of these it is to have in the end
    suspended: bool = False
    moving: bool = False  # people keep stopping and starting it
    scaled: bool = False  # once only: the repeat of a call may be late, and undo a later one
    restarts: int = 0  # that were asked for, each perhaps several times
    open: int = 0  # questions without an answer
    seen: int = field(default=0)  # ended indexes that its owner was told of

    def described(self) -> JobDescriptor:
        """The job as its owner writes it down."""
        wanted = job(
            self.name,
            replica=0 if self.kind == kSystem else self.replica,
            kind=self.kind,
            command=BAD if self.version == "bad" else self.command,
            millicores=self.millicores,
            memory=self.millicores * MIB,
            version=self.version,
            labels=self.labels,
            user=self.user,
            priority=self.priority,
            deploy_step=self.step,
            update=UpdatePolicy(healthy_deadline_s=DEADLINE_S, auto_revert=self.reverts),
        )
        pod, task = wanted.pod, wanted.pod.tasks[0]
        if self.volume:
            pod.requirement.disks.append(Volume(quota=DISK_MIB * MIB, path="/data"))
        if self.package:
            task.source_type = kSourceTypeFTP
            task.binary = PACKAGE
        if self.name.startswith(CHECKED):
            pod.requirement.ports.append(Port(name="http", dynamic=True))
            check = HealthCheck(tcp_port="http", interval_s=1.0, grace_s=2.0, failures=2)
            task.health.CopyFrom(check)
        return wanted

    @property
    def whole(self) -> int:
        """The millicores of all its pods."""
        return self.replica * self.millicores


def drawn(rng: Random, machines: int) -> Iterator[Wish]:
    """One wish after the other."""
    number = 0
    while True:
        kind = rng.choices([kLongRun, kBatch, kSystem], [11, 8, 1])[0]
        name = {kBatch: "batch", kSystem: "web-sys"}.get(kind, rng.choice([ENDLESS, CHECKED]))
        yield Wish(
            f"{name}{number}",
            kind,
            machines if kind == kSystem else rng.randint(1, 4),
            rng.choice(BATCHES) if kind == kBatch else "serve",
            250 if kind == kSystem else rng.choice([250, 500, 1000]),
            priority=ABOVE_ALL if kind == kSystem else rng.choice([0, 0, 10, HIGHEST]),
            step=rng.randint(0, 2),
            user=rng.choice(["ada", "bob"]),
            labels=(LABEL,) if rng.random() < 0.15 else (),
            volume=rng.random() < 0.1,
            package=rng.random() < 0.15,
            reverts=rng.random() < 0.5,
        )
        number += 1
