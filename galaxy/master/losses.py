"""
Many machines that vanish at once. Pure.

One machine that falls silent has died, as far as anybody can tell, and its pods are
to run elsewhere. When a tenth of the fleet falls silent within the time that one is
given, it is rather a switch, a power line or the master's own network: placing all
of that anew would be the second misfortune. So nobody is given up, safe mode is
entered, and it ends when most of them are back, or when somebody leaves it.

Note: who counts
    Agents that were alive in this reign and that no operator wants empty. One is
    counted as lost when it has been silent for half of the time it may: those that
    vanish together are then seen together, though their last heartbeats were up to
    an interval apart. Agents that were given up a moment ago count too.
"""

from __future__ import annotations

from math import ceil

from attrs import define, field

from galaxy.master.agents import Agent
from galaxy.master.fleet import Fleet
from galaxy.master.safemode import OFF, Cause, SafeMode
from galaxy.protocol.types_pb2 import kAlive, kDead

FEWEST = 2


@define(eq=False)
class Losses:
    """
    Who was lost lately. `share`: of the fleet that is alive, how many are too many.

    `forgiven`: silences that began before this time count no more.
    """

    timeout_s: float
    share: float
    forgiven: float = 0.0
    _buried: list[Agent] = field(factory=list)
    _lost: dict[Agent, None] = field(factory=dict)  # since safe mode was entered for it
    _bearable: int = 0  # fewer than these are missing: it is over
    _fleet: int = 0  # how many there were

    def buried(self, agent: Agent) -> None:
        """An agent that was alive is given up."""
        self._buried.append(agent)

    def forgive(self, now: float) -> None:
        """Somebody says that who is missing now is to be given up."""
        self.forgiven = now
        self._buried.clear()
        self._lost.clear()

    def revised(self, mode: SafeMode, fleet: Fleet, now: float) -> SafeMode:
        """Safe mode as it should be by what is lost now; other causes are left alone."""
        silent = [agent for agent in fleet.missing(now, 0.5) if self._counts(agent)]
        if mode.cause == Cause.LOSS:
            return self._during(silent)
        gone = fleet.missing(now)
        if mode.on or not any(self._counts(agent) for agent in gone):
            return mode
        first = min(agent.heard for agent in gone)
        self._buried = [
            agent
            for agent in self._buried
            if agent.state == kDead and agent.heard >= max(first - self.timeout_s, self.forgiven)
        ]
        self._fleet = fleet.count(kAlive) + len(self._buried)
        self._bearable = max(FEWEST, ceil(self.share * self._fleet))
        if len(silent) + len(self._buried) < self._bearable:
            return mode
        self._lost = dict.fromkeys((*self._buried, *silent))
        return self._during(silent)

    def _counts(self, agent: Agent) -> bool:
        return (
            agent.state == kAlive
            and not agent.offline
            and agent.heard >= self.forgiven
            and agent.instance != ""
        )

    def _during(self, silent: list[Agent]) -> SafeMode:
        self._lost.update(dict.fromkeys(silent))
        still = set(silent)
        missing = sum(agent in still or agent.state == kDead for agent in self._lost)
        if missing < self._bearable:
            self._lost.clear()
            self._buried.clear()
            return OFF
        back = len(self._lost) - missing
        return SafeMode(
            Cause.LOSS,
            f"{len(self._lost)} of {self._fleet} agents fell silent at once, {back} are back;"
            f" it ends when fewer than {self._bearable} are missing, or when somebody leaves it",
            back / len(self._lost),
        )
