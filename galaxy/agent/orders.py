"""
What the master can order, and what it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from galaxy.agent.admission import Isolation, Order, Refused
from galaxy.agent.draft import Draft
from galaxy.agent.records import PodKey
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.statuses import GalaxyError

Answer = list[Refused] | list[PodKey] | GalaxyError


@frozen(eq=False)
class RunOrder:
    """Run pods; answered with those refused."""

    epoch: int
    orders: Sequence[Order]
    descriptions: Sequence[Description] = ()
    cluster: str = field(default="", kw_only=True)
    answer: Deferred[list[Refused]] = field(factory=Deferred)

    def obey(self, draft: Draft, isolation: Isolation, now: float) -> Answer:
        """Enter what is taken into the draft. Raises as `Draft.obey`."""
        draft.obey(self.epoch, self.cluster)
        draft.describe(self.descriptions)
        verdicts = [draft.run(order, isolation, now) for order in self.orders]
        return [verdict for verdict in verdicts if isinstance(verdict, Refused)]

    def tell(self, answer: Answer) -> None:
        """Answer."""
        _tell(self.answer, answer)


@frozen(eq=False)
class KillOrder:
    """Stop pods and forget them; answered with those that are gone already."""

    epoch: int
    keys: Sequence[PodKey]
    reason: str = ""
    cluster: str = field(default="", kw_only=True)
    answer: Deferred[list[PodKey]] = field(factory=Deferred)

    def obey(self, draft: Draft, isolation: Isolation, now: float) -> Answer:
        """Enter what is to stop into the draft. Raises as `Draft.obey`."""
        draft.obey(self.epoch, self.cluster)
        return [key for key in self.keys if draft.stop(key, self.reason, now)]

    def tell(self, answer: Answer) -> None:
        """Answer."""
        _tell(self.answer, answer)


def _tell(waiting: Deferred[Any], answer: Answer) -> None:
    if isinstance(answer, GalaxyError):
        waiting.errback(answer)
    else:
        waiting.callback(answer)
