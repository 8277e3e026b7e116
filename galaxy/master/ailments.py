"""
Which unwell machines empty themselves. Pure.

An agent says that its machine is unwell, and after a while that its pods should go
(`AgentFacts`). An unwell machine takes no new pods. It is emptied as one that an
operator took offline is, by the steps of its jobs, but only a share of the fleet at a
time: what makes all machines unwell at once, a full log partition or a threshold that
was set wrong, must not chase every pod through the cluster.
"""

from __future__ import annotations

from itertools import islice

from attrs import define, field

from galaxy.master.agents import Agent
from galaxy.protocol.types_pb2 import kAlive


@define(eq=False)
class Ailments:
    """The machines that ask to be emptied, in the order of asking. `share`: of the fleet."""

    share: float
    _asking: dict[Agent, None] = field(factory=dict)

    def heed(self, agent: Agent, fleet: int) -> list[Agent]:
        """
        Something of a machine has changed, in a fleet of so many that are alive.

        Sets `ailing` of whom it concerns now, and names them.
        """
        if _asks(agent):
            self._asking.setdefault(agent)
        elif self._asking.pop(agent, self) is self and not agent.ailing:
            return []
        most = max(1, int(self.share * fleet))
        allowed = set(islice(self._asking, most))
        changed = [one for one in {agent: None, **self._asking} if one.ailing != (one in allowed)]
        for one in changed:
            one.ailing = not one.ailing
        return changed


def _asks(agent: Agent) -> bool:
    return agent.facts.drain and agent.state == kAlive and not agent.offline
