"""
Laws about what masters think and say, and about what agents grant. See `witness` for others.

* a machine that an operator took out of use, or that is unwell, gets no pod;
* who took it out is not forgotten;
* what people were told to have ended stays so;
* a restart that is asked for several times is one;
* a port of a machine is given once, and its disks are not promised twice;
* what began on a machine leaves something to look at;
* of a job that nothing but its owner disturbs, and nobody outranks, no more is out than its step.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from galaxy.agent.agent import Agent
from galaxy.agent.pods import has_ended
from galaxy.agent.records import PodKey
from galaxy.master.agents import Agent as Known
from galaxy.master.reign import Reign
from galaxy.master.service import Master
from galaxy.protocol.master_pb2 import JobOverview
from galaxy.protocol.types_pb2 import kBatch, kLongRun, kStageRunning
from tests.scenario.processes import ProcessClock
from tests.simulation.convergence import running
from tests.simulation.faults import Faults
from tests.simulation.operators import Operators
from tests.simulation.people import People
from tests.simulation.witness import Slot, attempt_of
from tests.simulation.world import DISK_MIB, DISKS, MIB, Machine, Process, World

PLACED = frozenset({"", "room was made for it"})
"""Why a pod has a machine, if it was given one in this reign."""

STEP = 2
"""The most that people ask for when they restart a job."""


KNOWN_S = 5.0
"""So soon a master has heard that a pod is healthy, when there are no faults."""

ARRIVES_S = 0.5
"""So soon what was sent is there, when there are no faults."""


@define(eq=False)
class Laws:
    """What is looked at once a second."""

    world: World
    people: People
    operators: Operators
    faults: Faults
    quiet: bool  # nothing goes wrong in this run
    _barred: dict[tuple[str, str, str], float] = field(factory=dict)  # reign, machine, cause
    _first_seen: dict[PodKey, float] = field(factory=dict)
    _known: dict[Slot, bool] = field(factory=dict)  # whether its last attempt could be healthy
    _whole: set[str] = field(factory=set)  # jobs that had all their pods
    _calm: tuple[int, float] | None = None  # the faults there were, and since when none is

    def look(self) -> None:
        """All of them, now."""
        for master in self.world.masters:
            if isinstance(master.service, Master) and master.service.leadership.reign is not None:
                self._look_at_reign(master, master.service.leadership.reign)
        for machine in self.world.machines:
            self._look_at_grants(machine)
        self._look_at_hold()
        if self.quiet:
            self._look_at_steps()

    def told(self, jobs: Sequence[JobOverview]) -> None:
        """People heard of their jobs."""
        overviews = {job.job_id: job for job in jobs}
        for wish in self.people.wishes:
            job = overviews.get(wish.job_id)
            if wish.kind != kBatch or wish.doomed or job is None:
                continue
            ended = job.finished + job.failed
            if ended < wish.seen:
                self.world.history.breach(
                    f"{wish.name}: {wish.seen} had ended, now it is {ended} of {wish.replica}"
                )
            wish.seen = max(wish.seen, ended)

    def evidence(self) -> None:
        """Whatever began on a machine, something of that slot is there still."""
        for machine in self.world.machines:
            kept = {
                tuple(path.name.split(".")[:2])
                for part in ("pods", "dead")
                for path in (machine.directory / part).glob("*")
            }
            for process in sorted(machine.seen.begun, key=str):
                key = attempt_of(process)
                if (key.job_id, str(key.index)) not in kept:
                    self.world.history.breach(
                        f"nothing is left of {key.name} on {machine.agent.name}"
                    )

    def _look_at_reign(self, master: Process, reign: Reign) -> None:
        assert master.clock is not None
        self._look_at_restarts(reign)
        for agent in reign.cluster.fleet:
            causes = (("offline", agent.offline), ("unwell", bool(agent.facts.unhealthy)))
            for cause, holds in causes:
                at = reign.cluster.reign, agent.endpoint, cause
                if holds:
                    self._look_at_barred(master.clock, agent, cause, self._since(at))
                else:
                    self._barred.pop(at, None)
        if reign.epoch == self.world.ensemble.epoch and not reign.suspended:
            self._look_for_offline(reign.cluster.fleet.find(self.operators.offline))

    def _look_at_restarts(self, reign: Reign) -> None:
        for wish in self.people.wishes:
            job = reign.cluster.jobs.get(wish.job_id)
            if job is not None and job.generation > wish.restarts:
                self.world.history.breach(
                    f"{wish.name} was to restart {wish.restarts} times, it is {job.generation}"
                )

    def _since(self, at: tuple[str, str, str]) -> float:
        since = self._barred.setdefault(at, self.world.clock.seconds())
        return max(since, self.operators.switched)

    def _look_at_barred(self, clock: ProcessClock, agent: Known, cause: str, since: float) -> None:
        for pod in agent.pods:
            ago = clock.seconds() - pod.sched_time
            fresh = pod.stage == kStageRunning and pod.reason in PLACED
            if fresh and self.world.clock.seconds() - ago > since:
                self.world.history.breach(
                    f"{pod.job.job_id}.{pod.index} was placed on {agent.endpoint}, which is {cause}"
                )

    def _look_for_offline(self, agent: Known | None) -> None:
        office = self.operators
        if office.offline and office.acknowledged and agent and not agent.offline:
            self.world.history.breach(f"{office.offline} was taken out of use, and is not")

    def _look_at_grants(self, machine: Machine) -> None:
        service = machine.agent.service
        if not isinstance(service, Agent):
            return
        pods = [pod for pod in service.pods() if not has_ended(pod)]
        ports: dict[int, set[tuple[str, int]]] = {}
        for pod in pods:
            for _, port in pod.ports:
                ports.setdefault(port, set()).add((pod.key.job_id, pod.key.index))
        for port, slots in ports.items():
            if len(slots) > 1:
                self.world.history.breach(
                    f"port {port} of {machine.agent.name} is given to {sorted(slots)}"
                )
        volumes = {(pod.key.job_id, pod.key.index) for pod in pods if pod.disks}
        if len(volumes) > DISKS:
            self.world.history.breach(
                f"{machine.agent.name} has {DISKS * DISK_MIB * MIB} bytes for volumes,"
                f" {len(volumes)} of {DISK_MIB} MiB are there"
            )

    def _look_at_hold(self) -> None:
        """Whatever was on its way as safe mode was entered has arrived, if nothing held it up."""
        witness, struck, now = self.world.witness, self.faults.struck, self.world.clock.seconds()
        if witness.held is None or self.faults.open:
            self._calm = None
        elif self._calm is None or self._calm[0] != struck:
            self._calm = struck, now
        elif now - self._calm[1] >= ARRIVES_S:
            witness.held = min(witness.held, self.world.ensemble.epoch - 1)

    def _look_at_steps(self) -> None:
        now, slots = self.world.clock.seconds(), set()
        for key in running(self.world):
            slots.add((key.job_id, key.index))
            known = now - self._first_seen.setdefault(key, now) >= KNOWN_S
            self._known[key.job_id, key.index] = known
        for wish in self.people.wishes:
            below = any(other.priority > wish.priority for other in self.people.wishes)
            if wish.kind != kLongRun or below or wish.scaled or wish.moving or wish.doomed:
                continue
            absent = {(wish.job_id, index) for index in range(wish.replica)} - slots
            if not absent:
                self._whole.add(wish.job_id)
            # Those that were not known to be healthy were out anyway.
            missed = sum(self._known.get(slot, False) for slot in absent)
            if wish.job_id in self._whole and missed > max(wish.step, STEP):
                self.world.history.breach(f"{wish.name}: {missed} are out at once")
