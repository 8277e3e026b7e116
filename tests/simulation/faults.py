"""
What can go wrong, how often, and how it ends. Each fault is begun and, later, undone.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from attrs import define, field, frozen

from galaxy.agent.ports import PortRange
from galaxy.agent.wellness import Reading
from tests.simulation.world import LATENCY_S, PORTS, RESTART_S, Machine, Process, World

Undo = Callable[[], None]
Begin = Callable[[World, Random], tuple[str, Undo] | None]
"""What happened, in words, and how it ends; None: it cannot happen now."""


@frozen(eq=False)
class Fault:
    """One kind, with the odds that it is chosen, and the longest that it lasts."""

    begin: Begin
    odds: int
    longest_s: float = 12.0


@define(eq=False)
class Faults:
    """Those that are there now."""

    world: World
    rng: Random
    open: dict[int, tuple[str, Undo]] = field(factory=dict)
    struck: int = 0

    def strike(self) -> None:
        """Something goes wrong."""
        (fault,) = self.rng.choices(KINDS, [kind.odds for kind in KINDS])
        begun = fault.begin(self.world, self.rng)
        if begun is None:
            return
        words, _ = begun
        self.struck += 1
        self.open[self.struck] = begun
        self.world.history.note("fault", words)
        lasts_s = self.rng.uniform(0.2, 1.0) ** 2 * fault.longest_s
        self.world.clock.callLater(lasts_s, self._undo, self.struck)

    def end(self) -> None:
        """All is well again, and everybody runs."""
        for number in tuple(self.open):
            self._undo(number)
        self.world.network.heal()
        for process in self.world.processes():
            self.world.start(process)

    def _undo(self, number: int) -> None:
        if number in self.open:
            words, undo = self.open.pop(number)
            self.world.history.note("over", words)
            undo()


def _crash(world: World, rng: Random) -> tuple[str, Undo] | None:
    process = rng.choice(world.processes())
    if not process.alive:
        return None
    world.kill(process)
    return f"kill -9 of {process.name}", lambda: _restart(world, process)


def _crash_leader(world: World, rng: Random) -> tuple[str, Undo] | None:
    leader = world.leader()
    if leader is None or not leader.alive:
        return None
    world.kill(leader)
    return f"kill -9 of the leader {leader.name}", lambda: _restart(world, leader)


def _restart(world: World, process: Process) -> None:
    machine = next((each for each in world.machines if each.agent is process), None)
    if machine is None or machine.on:
        world.start(process)


def _pause(world: World, rng: Random) -> tuple[str, Undo] | None:
    process = rng.choice(world.processes())
    return _stopped(world, process)


def _pause_leader(world: World, rng: Random) -> tuple[str, Undo] | None:
    leader = world.leader()
    return None if leader is None else _stopped(world, leader)


def _stopped(world: World, process: Process) -> tuple[str, Undo] | None:
    if not process.alive or process.stopped or not world.quorum:
        return None
    world.stop(process)
    return f"SIGSTOP of {process.name}", lambda: world.go_on(process)


def _power(world: World, rng: Random) -> tuple[str, Undo] | None:
    machine = rng.choice(world.machines)
    if not machine.on:
        return None
    world.switch_off(machine)
    return f"no power for {machine.agent.name}", lambda: world.switch_on(machine)


def _reset(world: World, rng: Random) -> tuple[str, Undo]:
    name = rng.choice(world.processes()).name
    world.network.drop(name)
    return f"the connections of {name} are reset", _nothing


def _partition(world: World, rng: Random) -> tuple[str, Undo]:
    """Some cannot reach some others, perhaps in one direction only."""
    agents = [machine.agent.name for machine in world.machines]
    masters = [process.name for process in world.masters]
    one = rng.sample(agents, rng.randint(1, len(agents)))
    other = rng.sample(masters, rng.randint(1, len(masters)))
    one_way = rng.random() < 0.3
    pairs = [(each, its) for each in one for its in other]
    for each, its in pairs:
        if one_way:
            world.network.cut_one_way(each, its)
        else:
            world.network.cut(each, its)

    def heal() -> None:
        for each, its in pairs:
            world.network.heal(each, its)

    arrow = "->" if one_way else "|"
    return f"cut: {' '.join(one)} {arrow} {' '.join(other)}", heal


def _isolate(world: World, rng: Random) -> tuple[str, Undo]:
    """A master or a scheduler hears nobody of the network; the ensemble it does hear."""
    name = rng.choice([*world.masters, *world.schedulers]).name
    world.network.cut(name)
    return f"cut: {name} | everybody", lambda: _heal(world, name)


def _heal(world: World, name: str) -> None:
    process = next(each for each in world.processes() if each.name == name)
    if not process.stopped:
        world.network.heal(name)


def _session(world: World, rng: Random) -> tuple[str, Undo] | None:
    """A process does not reach the ensemble, and may not have noticed."""
    process = rng.choice(world.processes())
    nexus = process.nexus
    if nexus is None or not nexus.connected or not world.quorum:
        return None
    noticed = rng.random() < 0.5
    world.ensemble.suspend(nexus, noticed=noticed)

    def resume() -> None:
        if process.nexus is nexus and not process.stopped and world.quorum:
            world.ensemble.resume(nexus)

    words = "" if noticed else ", and does not know"
    return f"cut: {process.name} | ensemble{words}", resume


def _expiry(world: World, rng: Random) -> tuple[str, Undo] | None:
    process = rng.choice(world.masters)
    if process.nexus is None or not process.nexus.connected or not world.quorum:
        return None
    world.ensemble.expire(process.nexus)
    return f"the session of {process.name} expires", _nothing


def _quorum(world: World, rng: Random) -> tuple[str, Undo] | None:
    if not world.quorum or any(process.stopped for process in world.processes()):
        return None
    world.quorum = False
    world.ensemble.lose_quorum()

    def regain() -> None:
        world.quorum = True
        world.ensemble.regain_quorum()

    return "the ensemble has no quorum", regain


def _full_disk(world: World, rng: Random) -> tuple[str, Undo]:
    machine = rng.choice(world.machines)
    machine.database.failing = "no space left on device"
    machine.gce.fill_disk()

    def room() -> None:
        machine.database.failing = None
        machine.gce.fill_disk(full=False)

    return f"the disk of {machine.agent.name} is full", room


def _gce(world: World, rng: Random) -> tuple[str, Undo] | None:
    machine = rng.choice(world.machines)
    if not machine.on:
        return None
    gce = machine.gce
    world.network.crash(machine.gce_name)

    def back() -> None:
        if machine.on and machine.gce is gce:
            world.network.crash(machine.gce_name)
            world.serve_gce(machine)

    return f"{machine.gce_name} is gone", back


def _upgrade(world: World, rng: Random) -> tuple[str, Undo] | None:
    """One daemon is stopped as by systemd, and started as another release."""
    process = rng.choice(world.processes())
    if not process.alive or process.stopped or process.service is None:
        return None
    process.service.stopService()
    process.build = "2.0" if process.build == "1.0" else "1.0"

    def next_release() -> None:
        world.kill(process)
        _restart(world, process)

    return f"{process.name} becomes {process.build}", next_release


def _unwell(world: World, rng: Random) -> tuple[str, Undo]:
    machine = rng.choice(world.machines)
    machine.condition = Reading(disk=0.99)

    def well() -> None:
        machine.condition = Reading()

    return f"{machine.agent.name} is unwell", well


def _ill(world: World, rng: Random) -> tuple[str, Undo]:
    """What is asked for its health on a machine does not answer, or not at some ports."""
    machine = rng.choice(world.machines)
    ports = PortRange.parse(PORTS).first + rng.randint(0, 3)
    machine.probes.ill.update(dict.fromkeys(range(ports, ports + 3), "it is ill"))
    return f"what is asked on {machine.agent.name} is ill", machine.probes.ill.clear


def _heavy(world: World, rng: Random) -> tuple[str, Undo]:
    machine = rng.choice(world.machines)
    machine.heavy = True

    def light() -> None:
        machine.heavy = False

    return f"directories on {machine.agent.name} are over their quotas", light


def _no_packages(world: World, rng: Random) -> tuple[str, Undo]:
    world.packages = False

    def there() -> None:
        world.packages = True

    return "no package can be had", there


def _slow_ensemble(world: World, rng: Random) -> tuple[str, Undo]:
    world.ensemble.latency_s = rng.uniform(0.05, 1.0)

    def fast() -> None:
        world.ensemble.latency_s = LATENCY_S

    return f"the ensemble is slow: {world.ensemble.latency_s:.2f} s", fast


def _lost_answer(world: World, rng: Random) -> tuple[str, Undo] | None:
    """The next that the leader writes is there, or is not, and it does not learn which."""
    leader = world.leader()
    nexus = None if leader is None else leader.nexus
    if leader is None or nexus is None:
        return None
    nexus.lose_next = rng.random() < 0.7

    def answered() -> None:
        nexus.lose_next = None

    done = "is" if nexus.lose_next else "is not"
    return f"the next commit of {leader.name} {done} carried out, and not answered", answered


def _slow(world: World, rng: Random) -> tuple[str, Undo]:
    before, world.slowness_s = world.slowness_s, rng.uniform(0.05, 1.0)

    def fast() -> None:
        world.slowness_s = min(before, world.slowness_s)

    return f"the network is slow: {world.slowness_s:.2f} s", fast


def _stale(world: World, rng: Random) -> tuple[str, Undo] | None:
    """A command of a reign that is over arrives again, wherever it was for so long."""
    machines: list[Machine] = rng.sample(world.machines, len(world.machines))
    for machine in machines:
        hears = machine.agent.alive and not machine.agent.stopped
        if hears and world.witness.repeat(machine.seen, rng):
            return f"a late command to {machine.agent.name}", _nothing
    return None


def _nothing() -> None:
    """It is over as soon as it has begun."""


KINDS = (
    Fault(_crash, 6),
    Fault(_crash_leader, 3),
    Fault(_pause, 4),
    Fault(_pause_leader, 3),
    Fault(_power, 2),
    Fault(_reset, 5, RESTART_S),
    Fault(_partition, 5, 20.0),
    Fault(_isolate, 2),
    Fault(_session, 4),
    Fault(_expiry, 1, RESTART_S),
    Fault(_quorum, 1),
    Fault(_full_disk, 3, 6.0),
    Fault(_gce, 3, 5.0),
    Fault(_slow, 3),
    Fault(_stale, 5, RESTART_S),
    Fault(_upgrade, 4, RESTART_S),
    Fault(_unwell, 3, 20.0),
    Fault(_ill, 2),
    Fault(_heavy, 1, 6.0),
    Fault(_no_packages, 1),
    Fault(_slow_ensemble, 2, 8.0),
    Fault(_lost_answer, 3),
)
