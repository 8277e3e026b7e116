"""
Every step of launching, adopting and stopping, and everybody who may die at it.

The steps are not written down anywhere: they are what a machine was seen to do. Each
case is a round of its own (`tests.survival.round`) on a machine that goes on through
all the cases, so that each also begins with what the deaths before it left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, gatherResults

from tests.survival.machine import Lost, Machine
from tests.survival.nursery import AGENT, GCE
from tests.survival.round import Rounds
from tests.survival.steps import EVERY

VICTIMS = (AGENT, GCE, f"{AGENT},{GCE}")
_TELLING = ("send", "sendmsg")  # each is another word to somebody else
_WAKING = "util.py:"  # the reactor's own pipe


@frozen
class Case:
    """Who dies at a step. `adopting`: it is reached when both daemons begin."""

    step: str
    count: int
    victims: str
    adopting: bool

    def __str__(self) -> str:
        when = "adopting" if self.adopting else "living"
        return f"{self.victims} killed, {when}, at the {self.count}. {self.step}"


@define
class Report:
    """What came of the cases: in some nobody died, since the step was not reached so often."""

    hit: list[Case] = field(factory=list)
    missed: list[Case] = field(factory=list)
    lost: list[str] = field(factory=list)


async def observed(machine: Machine, rounds: Rounds) -> list[Case]:
    """Every case there is, by what the machine does in a round, and when both daemons begin."""
    machine.order(EVERY, 0, "")
    await rounds.once()
    living = machine.told()

    def begin_again() -> None:
        machine.order(EVERY, 0, "")
        machine.kill(AGENT, GCE)

    machine.order("", 0, "")
    await rounds.once(begin_again)
    adopting = machine.told()
    machine.order("", 0, "")
    only_then = {step: times for step, times in adopting.items() if step not in living}
    return [*_cases(living, adopting=False), *_cases(only_then, adopting=True)]


def _cases(steps: Mapping[str, int], *, adopting: bool) -> Iterator[Case]:
    for step, times in steps.items():
        telling = step.endswith(_TELLING)
        if _WAKING in step and not telling:
            continue
        for count in range(1, times + 1) if telling else {1, times}:
            for victims in VICTIMS:
                yield Case(step, count, victims, adopting)


async def carry_out(case: Case, machine: Machine, rounds: Rounds) -> bool:
    """Live through a case; whether somebody died in it. `Lost` says what was lost."""

    def arm() -> None:
        machine.order(case.step, case.count, case.victims)

    def begin_again() -> None:
        arm()
        machine.kill(AGENT, GCE)

    if case.adopting:
        await rounds.once(begin_again)
    else:
        arm()
        await rounds.once()
    return machine.was_hit()


async def carry_out_all(
    machines: Sequence[tuple[Machine, Rounds]], cases: Sequence[Case]
) -> Report:
    """Carry out all the cases, on several machines at once, each with its own rounds."""
    report, queue = Report(), iter(cases)

    async def on(machine: Machine, rounds: Rounds) -> None:
        for case in queue:
            try:
                hit = await carry_out(case, machine, rounds)
            except Lost as error:
                report.lost.append(f"{case}: {error}")
            else:
                (report.hit if hit else report.missed).append(case)

    await gatherResults([Deferred.fromCoroutine(on(*each)) for each in machines])
    return report
