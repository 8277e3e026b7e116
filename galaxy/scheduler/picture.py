"""
What the scheduler believes, and how the master's words change it. Pure.

A picture belongs to one reign of one master. It already contains what was
proposed; what the master refuses is taken back out of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from attrs import define, field

from galaxy.protocol.master_pb2 import (
    AgentSnapshot,
    Obstacle,
    Placement,
    ProposalAnswer,
    ProposeRequest,
)
from galaxy.protocol.master_pb2 import Unplaced as UnplacedMessage
from galaxy.protocol.types_pb2 import kOk
from galaxy.scheduler.fleet import Fleet
from galaxy.scheduler.placement import Placer
from galaxy.scheduler.plan import Placed, Plan, Unplaced
from galaxy.scheduler.score import Policy

_LEAST_BLUR = 0.02
_MOST_BLUR = 0.64


@define(eq=False)
class Picture:
    """The fleet in one reign, and what the master was told in it."""

    policy: Policy
    rng: random.Random
    reign: str = ""
    revision: int = 0
    fleet: Fleet = field(factory=Fleet, init=False)
    placer: Placer = field(init=False)
    _blur: float = field(default=0.0, init=False)
    _told: dict[tuple[str, str], tuple[int, str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.placer = Placer(self.fleet, self.policy, self.rng)

    def begin(self, reign: str) -> None:
        """Everything known before is void."""
        self.reign = reign
        self.revision = 0
        self.fleet = Fleet()
        self.placer = Placer(self.fleet, self.policy, self.rng)
        self._blur = 0.0
        self._told.clear()

    def learn(self, agents: Iterable[AgentSnapshot]) -> None:
        """Take over what the master says of these agents."""
        self.fleet.apply(agents)

    def proposal(self, plan: Plan) -> ProposeRequest:
        """The plan as a message. What is known to be unplaced is not told twice."""
        return ProposeRequest(
            reign=self.reign,
            placements=[placement_message(self.fleet, placed) for placed in plan.placed],
            unplaced=[unplaced_message(one) for one in plan.unplaced if self._is_news(one)],
        )

    def settle(self, placed: Sequence[Placed], answers: Sequence[ProposalAnswer]) -> int:
        """
        Take back what was refused, apply the fresh agents; returns how many pods that is.

        ValueError when there is not one answer to each placement.
        """
        return sum(self._settle(one, answer) for one, answer in zip(placed, answers, strict=True))

    def contended(self, refused: int) -> None:
        """
        After a round: choose more at random when others were faster, less when not.

        Schedulers of the same policy and picture would choose the same agents.
        """
        before = self._blur
        if refused:
            self._blur = min(_MOST_BLUR, max(_LEAST_BLUR, 2 * before))
        else:
            self._blur = before / 2 if before > _LEAST_BLUR else 0.0
        if self._blur != before:
            self.placer.blur(self._blur)

    def forget_all_but(self, waiting: Iterable[tuple[str, str]]) -> None:
        """Forget what was told of groups (job, version) that do not wait any more."""
        if self._told:
            waiting = set(waiting)
            self._told = {key: told for key, told in self._told.items() if key in waiting}

    def _is_news(self, one: Unplaced) -> bool:
        key, told = (one.group.job_id, one.group.version), (one.count, one.reason)
        if self._told.get(key) == told:
            return False
        self._told[key] = told
        return True

    def _settle(self, placed: Placed, answer: ProposalAnswer) -> int:
        ours = dict(zip(placed.rows, placed.counts, strict=True))
        if answer.status == kOk:
            return 0
        shape = placed.group.shape
        refused = 0
        if not answer.refusals:
            for row, count in ours.items():
                self.fleet.give_back(row, count, shape)
            return placed.pods
        for refusal in answer.refusals:
            row = self.fleet.rows.get(refusal.agent, -1)
            count = min(refusal.count, ours.pop(row, 0))
            if count:
                self.fleet.give_back(row, count, shape)
                refused += count
        self.learn(refusal.fresh for refusal in answer.refusals if refusal.HasField("fresh"))
        return refused


def placement_message(fleet: Fleet, placed: Placed) -> Placement:
    """What was placed, in the master's numbers."""
    return Placement(
        job_id=placed.group.job_id,
        version=placed.group.version,
        agent=[fleet.agents[row] for row in placed.rows],
        count=placed.counts,
    )


def unplaced_message(one: Unplaced) -> UnplacedMessage:
    """What was not placed, and why."""
    return UnplacedMessage(
        job_id=one.group.job_id,
        version=one.group.version,
        count=one.count,
        obstacles=[
            Obstacle(constraint=removed.constraint, agents=removed.agents)
            for removed in one.removed
        ],
        reason=one.reason,
    )
