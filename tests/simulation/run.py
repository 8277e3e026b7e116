"""
One run: a cluster, its users, and what befalls them, all of it drawn from one seed.
"""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import provider

from galaxy.nexus.interfaces import Unavailable
from galaxy.protocol.master_pb2 import JobOverview
from galaxy.protocol.statuses import GalaxyError
from tests.simulation.convergence import DOUBLED_S, SETTLED_S, amiss, doubled, untold
from tests.simulation.faults import Faults
from tests.simulation.history import History, Violation
from tests.simulation.laws import Laws
from tests.simulation.leftovers import held_for_nobody
from tests.simulation.operators import Operators
from tests.simulation.people import People
from tests.simulation.world import Build, World

CHAOS_S = 40.0
LOOK_S = 1.0
CALM_S = 3.0
QUIET = 0.1  # of the runs have no faults
GENUINE = Build()
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


@define(eq=False)
class Run:
    """A run, while it goes on."""

    world: World
    people: People
    operators: Operators
    faults: Faults
    laws: Laws
    rng: Random
    _doubled: dict[tuple[str, int], float] = field(factory=dict)
    _asking: bool = False

    @classmethod
    def of(cls, seed: int, directory: Path, build: Build = GENUINE) -> Run:
        """The run of a seed, before it begins."""
        rng = Random(seed)
        world = World(directory, seed, build)
        for _ in range(rng.randint(1, 3)):
            world.add_master()
        for _ in range(rng.randint(1, 2)):
            world.add_scheduler()
        for _ in range(rng.randint(2, 4)):
            world.add_machine()
        people = People(world, Random(f"people {seed}"))
        operators = Operators(world, people, Random(f"operators {seed}"))
        faults = Faults(world, Random(f"faults {seed}"))
        laws = Laws(world, people, operators, faults, quiet=rng.random() < QUIET)
        return cls(world, people, operators, faults, laws, rng)

    def go(self) -> None:
        """From the beginning to the end. Raises `Violation`."""
        for process in self.world.processes():
            self.world.start(process)
        self._pass(2.0)
        self.operators.label()
        self.people.submit()
        until = self.world.clock.seconds() + CHAOS_S
        pace_s = self.rng.uniform(1.0, 5.0)  # between faults
        while self.world.clock.seconds() < until:
            self._pass(self.rng.expovariate(1 / pace_s))
            if not self.laws.quiet:
                self.faults.strike()
            if self.rng.random() < pace_s / 4.0:
                self._ask()
                (self.operators if self.rng.random() < 0.2 else self.people).act()
        self.faults.end()
        self.world.history.note("calm", "nothing goes wrong any more")
        self._settle()

    def _settle(self) -> None:
        until = self.world.clock.seconds() + SETTLED_S
        problem = self._problem()
        while problem:
            if self.world.clock.seconds() >= until:
                self.world.history.breach(f"{SETTLED_S:g} s after the last fault: {problem}")
            self._pass(LOOK_S)
            problem = self._problem()
        self._pass(CALM_S)
        problem = self._problem()
        if problem:
            self.world.history.breach(f"what had settled has not: {problem}")
        self.laws.evidence()
        self.world.history.note("settled", "everything is as it was wished")
        self.world.history.check()

    def _problem(self) -> str:
        if not self.operators.end():
            return "an operator waits for an answer"
        if any(wish.open for wish in self.people.wishes):
            self._pass(LOOK_S)
            return "an owner waits for an answer"
        told = self._untold()
        return amiss(self.world, self.people) or told or held_for_nobody(self.world)

    def _untold(self) -> str:
        answer: list[str] = []

        def told(jobs: list[JobOverview]) -> None:
            self.laws.told(jobs)
            answer.append(untold(jobs, self.people))
            self.people.tend(jobs)

        Deferred.fromCoroutine(self.people.jobs()).addCallback(told).addErrback(self._refused)
        self._pass(LOOK_S)
        return answer[0] if answer else "nobody tells of the jobs"

    def _refused(self, failure: Failure) -> None:
        failure.trap(GalaxyError)
        self.world.history.breach(f"the jobs are not told: {failure.getErrorMessage()}")

    def _pass(self, seconds: float) -> None:
        """Let time pass, and look about now and then."""
        while seconds > 0:
            self.world.advance(min(LOOK_S, seconds))
            seconds -= LOOK_S
            self._look()
            self.world.history.check()

    def _ask(self) -> None:
        """Some owner looks at the jobs, when the last who did so has seen them."""
        if not self._asking:
            self._asking = True
            asked = Deferred.fromCoroutine(self.people.jobs())
            asked.addCallback(self.laws.told).addErrback(self._refused)
            asked.addCallback(self._has_asked)

    def _has_asked(self, _: object) -> None:
        self._asking = False

    def _look(self) -> None:
        self.laws.look()
        now = self.world.clock.seconds()
        for machine in self.world.machines:
            self.world.look(machine)
        slots = set() if self.faults.open else doubled(self.world)
        self._doubled = {slot: self._doubled.get(slot, now) for slot in sorted(slots)}
        for (job_id, index), since in self._doubled.items():
            if now - since > DOUBLED_S:
                self.world.history.breach(f"{job_id}.{index} runs twice since {now - since:g} s")


def simulate(seed: int, build: Build = GENUINE) -> History:
    """The history of a seed; see `History.broken` for whether all went well."""
    gc.disable()  # Note [The dead], in `tests.simulation.world`
    try:
        with tempfile.TemporaryDirectory(prefix="galaxy-simulation-", dir=MEMORY) as directory:
            run = Run.of(seed, Path(directory), build)
            history = _history(run)
            run.world.bury()
            return history
    finally:
        gc.enable()


def _history(run: Run) -> History:
    history = run.world.history

    @provider(ILogObserver)
    def fault(event: LogEvent) -> None:
        if "log_failure" in event and not event["log_failure"].check(Unavailable):
            history.breach(f"logged: {event['log_failure'].getErrorMessage()}")

    globalLogPublisher.addObserver(fault)
    try:
        run.go()
    except Violation:
        pass  # it is in the history
    finally:
        globalLogPublisher.removeObserver(fault)
    return history
