"""
Room on a machine that is being made for pods that wait. Pure.

A claim begins when victims are told to leave (`preempt` judges whether they may be).
While they leave, what it needs of the machine is spoken for, and its pods are
offered to nobody; when there is room, the master itself places them. A claim ends
when its pods are placed, when it makes no sense any more, or after a minute: what it
held back is then free for everybody, and its pods wait as others do. Claims belong
to a reign and end with it: the next one sees victims that leave and pods that wait.

Laws: what machines grant and what is claimed of them never exceeds them, once the
victims are gone (safety); a claim always ends (liveness).
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from galaxy.master.agents import Agent
from galaxy.master.events import Journal
from galaxy.master.jobs import Job, Version
from galaxy.master.pods import place
from galaxy.master.room import room_on
from galaxy.protocol.types_pb2 import kDead, kJobNormal

PATIENCE_S = 60.0
"""How long victims may take to leave."""

WORK_S = 1.0
"""How often claims are looked at of which nobody says that anything has changed."""


@define(eq=False)
class Claim:
    """`indexes` of a job's version are to run on the agent, once there is room."""

    job: Job
    version: Version
    agent: Agent
    indexes: set[int]
    until: float

    def forget_placed(self) -> None:
        """Whoever has a machine by now, or is not wanted any more, waits no longer."""
        gone = self.indexes - self.version.pending
        self.indexes -= gone
        self.version.claimed -= gone

    def waits(self) -> bool:
        """Whether all of its pods wait for a machine as they did."""
        return self.job.state == kJobNormal and self.indexes <= self.version.pending

    def is_void(self, now: float) -> bool:
        """Whether nothing can come of it any more."""
        return (
            not self.indexes
            or now >= self.until
            or self.job.state != kJobNormal
            or self.agent.state == kDead
            or self.agent.draining
        )


def launch(journal: Journal, claim: Claim, now: float) -> None:
    """Place what of a claim there is room for by now."""
    room, _ = room_on(claim.job, claim.version, claim.agent, len(claim.indexes), now)
    for index in sorted(claim.indexes)[:room]:
        place(journal, claim.job.pods[index], claim.agent, "room was made for it", now)


@define(eq=False)
class Claims:
    """All claims of a reign."""

    _claims: dict[Claim, None] = field(factory=dict)
    _due: dict[Claim, None] = field(factory=dict)  # their machines have changed
    _worked: float = 0.0  # when all were last gone on with,
    _may_place: bool = True  # and whether pods could be placed then

    def __len__(self) -> int:
        return len(self._claims)

    def make(  # noqa: PLR0917 - the fields of a claim
        self,
        journal: Journal,
        job: Job,
        version: Version,
        agent: Agent,
        indexes: Iterable[int],
        now: float,
    ) -> None:
        """Hold room on the agent for these pods."""
        claim = Claim(job, version, agent, set(indexes), now + PATIENCE_S)
        self._claims[claim] = None
        version.claimed |= claim.indexes
        agent.claims[claim] = None
        for index in claim.indexes:
            job.pods[index].reason = f"room is being made for it on {agent.endpoint}"
        journal.jobs[job] = None
        journal.moved[agent] = None

    def heed(self, agent: Agent) -> None:
        """Something of a machine has changed: perhaps there is room now."""
        self._due.update(agent.claims)

    def work(self, journal: Journal, now: float, *, may_place: bool) -> None:
        """
        Go on with claims whose machine or pods have changed; once in a while with all.

        In safe mode nothing is placed, but time passes.
        """
        due, self._due = self._due, {}
        if now - self._worked >= WORK_S or may_place != self._may_place:
            due, self._worked, self._may_place = self._claims, now, may_place
        for claim in [claim for claim in self._claims if claim in due or not claim.waits()]:
            # What it holds back is held back from others, not from itself.
            del claim.agent.claims[claim]
            claim.forget_placed()
            if may_place and not claim.is_void(now):
                launch(journal, claim, now)
                claim.forget_placed()
            if claim.is_void(now):
                self._end(journal, claim)
            else:
                claim.agent.claims[claim] = None

    def _end(self, journal: Journal, claim: Claim) -> None:
        del self._claims[claim]
        claim.version.claimed -= claim.indexes
        for index in claim.indexes:
            claim.job.pods[index].reason = f"no room could be made on {claim.agent.endpoint}"
        journal.jobs[claim.job] = None
        journal.moved[claim.agent] = None
        journal.room = True
