"""
Making room: asks who could leave, proposes the smallest sets, learns from the answers.

The shell around `preemption`. Called after a round, for the groups that found no
place in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from galaxy.protocol.master_pb2 import GetVictimsRequest, ProposeRequest
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.scheduler.groups import Group
from galaxy.scheduler.picture import Picture
from galaxy.scheduler.plan import Unplaced
from galaxy.scheduler.preemption import evictions
from galaxy.scheduler.tenants import Attempts, hosts_for, is_of_use, preemption_message

_DEADLINE_S = 10.0
_MOST_GROUPS = 16  # in a round
_MOST_PODS = 256  # of a group at a time

_GONE = frozenset({Status.kJobNotFound, Status.kNotFound, Status.kConflict})
"""The group does not wait any more: its job was ended, say, since it was told of."""


class Displacing:
    """Proposes who is to leave for whom."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, picture: Picture) -> None:
        self._clock = clock
        self._picture = picture
        self._attempts = Attempts()

    async def make_room(
        self, master: MasterStub, groups: Sequence[Group], unplaced: Sequence[Unplaced]
    ) -> None:
        """
        Ask for room, by priority, for those that may have it at the cost of others.

        `groups`: all that wait. What was asked for stands as long as the master lets it.
        """
        self._attempts.forget_all_but((group.job_id, group.version) for group in groups)
        now = self._clock.seconds()
        due = [
            one
            for one in unplaced
            if one.group.may_preempt and self._attempts.is_due(one.group, now)
        ]
        for one in due[:_MOST_GROUPS]:
            taken = 0
            if is_of_use(self._picture.fleet, one.group.shape):
                taken = await self._ask(master, one.group, min(one.count, _MOST_PODS))
            self._attempts.note(one.group, taken, now)

    async def _ask(self, master: MasterStub, group: Group, count: int) -> int:
        """For how many pods the master agrees."""
        picture = self._picture
        question = GetVictimsRequest(
            reign=picture.reign, job_id=group.job_id, version=group.version
        )
        try:
            answer = await master.get_victims(question, deadline_s=_DEADLINE_S)
        except GalaxyError as error:
            if error.status not in _GONE:
                raise
            return 0
        found = evictions(group.shape, count, hosts_for(picture.fleet, group, answer))
        if not found:
            return 0
        response = await master.propose(
            ProposeRequest(
                reign=picture.reign,
                preemptions=[preemption_message(group, eviction) for eviction in found],
            ),
            deadline_s=_DEADLINE_S,
        )
        taken = sum(one.accepted for one in response.preemptions)
        self._log.info(
            "others are to leave for {count} pods of {job}; the master agrees for {taken}{but}",
            count=sum(eviction.count for eviction in found),
            job=group.job_id,
            taken=taken,
            but="".join(sorted({f"; {one.reason}" for one in response.preemptions if one.reason})),
        )
        return taken
