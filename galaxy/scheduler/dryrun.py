"""
Where pods would go, when somebody asks. Nothing is proposed, the picture stays as it is.

The master asks over the connection that the scheduler opened, on behalf of
people: `galaxy why`, `galaxy plan`. It is the code that places pods which answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from zope.interface import implementer

from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import GetResourceSnapshotRequest
from galaxy.protocol.scheduler_pb2 import DryRunRequest, DryRunResponse
from galaxy.protocol.services import IScheduler, MasterStub
from galaxy.scheduler.fleet import Fleet
from galaxy.scheduler.groups import Group, group_from_message
from galaxy.scheduler.picture import Picture, placement_message, unplaced_message
from galaxy.scheduler.plan import plan
from galaxy.scheduler.score import Policy

_DEADLINE_S = 5.0


def dry_run(fleet: Fleet, groups: Sequence[Group], policy: Policy) -> DryRunResponse:
    """What a plan for these groups alone would be. The fleet then contains it."""
    result = plan(fleet, groups, policy, random.Random(0))  # noqa: S311 -- ties are no secrets
    return DryRunResponse(
        placements=[placement_message(fleet, placed) for placed in result.placed],
        unplaced=[unplaced_message(one) for one in result.unplaced],
        agents=len(fleet),
    )


@implementer(IScheduler)
class DryRuns:
    """Answers the service Scheduler by a copy of the picture, brought up to date."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    async def dry_run(self, request: DryRunRequest, call: Call) -> DryRunResponse:
        """Where groups would go."""
        fleet = await self._fleet(MasterStub(call.peer))
        return dry_run(fleet, list(map(group_from_message, request.groups)), self._picture.policy)

    async def _fleet(self, master: MasterStub) -> Fleet:
        """The machines as the asking master has them now."""
        picture = self._picture
        known, copied = (picture.reign, picture.revision), picture.fleet.copied()
        response = await master.get_resource_snapshot(
            GetResourceSnapshotRequest(reign=known[0], since_revision=known[1]),
            deadline_s=_DEADLINE_S,
        )
        fleet = Fleet() if response.full or response.reign != known[0] else copied
        fleet.apply(response.agents)
        return fleet
