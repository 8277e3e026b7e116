"""When `offline --wait` may go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.draining import Drain, drain
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import AgentOverview

CASES = [
    ([AgentOverview(endpoint="a:1", state=pb.kOffline, pods=2)], Drain.GOING),
    ([AgentOverview(endpoint="a:1", state=pb.kOffline)], Drain.DONE),
    ([AgentOverview(endpoint="a:1", state=pb.kDead, pods=2)], Drain.GOING),
    ([AgentOverview(endpoint="a:1", state=pb.kAlive)], Drain.CALLED_OFF),
    ([AgentOverview(endpoint="b:1", state=pb.kOffline)], Drain.CALLED_OFF),
]


class DrainTests(SynchronousTestCase):
    """How far an agent is."""

    def test_states(self) -> None:
        for agents, state in CASES:
            with self.subTest(agents=str(agents)):
                self.assertEqual(drain("a:1", agents).state, state)

    def test_the_masters_own_words_come_first(self) -> None:
        agent = AgentOverview(endpoint="a:1", pods=2, reason="draining: 2 left, 1 waits")
        self.assertEqual(drain("a:1", [agent]).text, "a:1: draining: 2 left, 1 waits")
