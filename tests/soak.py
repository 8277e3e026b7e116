"""
Kills at random moments, against tasks that come, end and are stopped all the while.

    python -m tests.soak [--kills 1000] [--seed N] [--machines 2]

Agent, gce, both, and the cradle are killed with -9. Each task says by itself how often it
was begun, one that fails and is tried again too; how each ended, and each command that was
executed beside it, is compared with what is told of it; in the end, and all the while, nothing
may be left of what is gone. Exits with 1, and says what, if anything was lost.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.survival.beside import Beside
from tests.survival.machine import Lost, Machine
from tests.survival.nursery import AGENT, GCE
from tests.survival.round import Rounds

CRADLE = "cradle"
TARGETS = ((AGENT,), (GCE,), (AGENT, GCE), (CRADLE,))
LONGEST_PAUSE_S = 0.5


@define
class Toll:
    """How many were killed, and what was lived through meanwhile."""

    wanted: int
    kills: Counter[str] = field(factory=Counter)
    lived: Counter[str] = field(factory=Counter)
    lost: list[str] = field(factory=list)

    @property
    def is_over(self) -> bool:
        """Whether enough were killed, or there is nothing more to prove."""
        return self.kills.total() >= self.wanted or bool(self.lost)


async def soak(number: int, rng: random.Random, toll: Toll) -> None:
    """One machine, until the toll is paid."""
    machine = Machine(f"galaxy-soak-{os.getpid()}-{number}")
    try:
        await machine.start()
        rounds = Rounds(machine)
        await rounds.begin()
        beside = Beside(machine)
        activities = (
            _kill(machine, rng, toll),
            _repeat("rounds of three pods", rounds.once, toll),
            _repeat("tasks retried", beside.fail, toll),
            _repeat("commands", beside.execute, toll),
        )
        await gatherResults([Deferred.fromCoroutine(activity) for activity in activities])
        if not toll.lost:
            await rounds.bystander_lives()
    finally:
        await machine.leave_nothing()


async def _repeat(what: str, once: Callable[[], Awaitable[None]], toll: Toll) -> None:
    while not toll.is_over:
        try:
            await once()
        except Lost as error:
            toll.lost.append(f"{what}, {toll.lived[what]}: {error}")
        toll.lived[what] += 1


async def _kill(machine: Machine, rng: random.Random, toll: Toll) -> None:
    while not toll.is_over:
        await deferLater(cast("Any", reactor), rng.random() * LONGEST_PAUSE_S)
        target = rng.choice(TARGETS)
        try:
            machine.kill(*target)
        except ProcessLookupError:
            continue  # it is being replaced already
        toll.kills["+".join(target)] += 1


async def soak_all(kills: int, seed: int, machines: int) -> Toll:
    """Several machines at once."""
    toll = Toll(kills)
    await gatherResults(
        [
            Deferred.fromCoroutine(soak(number, random.Random(f"{seed}.{number}"), toll))
            for number in range(machines)
        ]
    )
    return toll


def main() -> None:
    """See the head of the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--machines", type=int, default=2)
    told = parser.parse_args()
    begun = time.monotonic()
    outcome: list[Toll] = []

    def begin() -> None:
        soaking = Deferred.fromCoroutine(soak_all(told.kills, told.seed, told.machines))
        soaking.addCallback(outcome.append)
        soaking.addErrback(lambda failure: failure.printTraceback(sys.stderr))
        soaking.addBoth(lambda _: cast("Any", reactor).stop())

    loop = cast("Any", reactor)
    loop.callWhenRunning(begin)
    loop.run()
    if not outcome:
        sys.exit(1)
    (toll,) = outcome
    print(  # noqa: T201
        f"seed {told.seed}: {toll.kills.total()} kills ({_counts(toll.kills)}) in"
        f" {_counts(toll.lived)}, {time.monotonic() - begun:.0f} s: "
        + ("nothing lost" if not toll.lost else "; ".join(toll.lost))
    )
    sys.exit(bool(toll.lost))


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    main()
