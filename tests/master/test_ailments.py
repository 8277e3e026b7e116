"""Machines that are unwell: no new pods, then none at all, a few machines at a time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.ailments import Ailments
from galaxy.protocol.types_pb2 import AgentFacts, kAlive

WELL = AgentFacts(isolation="cgroup-v1")
UNWELL = AgentFacts(isolation="cgroup-v1", unhealthy="its disk is full")
ASKING = AgentFacts(isolation="cgroup-v1", unhealthy="its disk is full", drain=True)


def machine(number: int, facts: AgentFacts = WELL) -> Agent:
    """A machine that is there and could take pods."""
    agent = Agent(number, f"a:{number}", 0.0, state=kAlive, facts=facts)
    agent.connected, agent.instance = True, "1"
    return agent


class UnwellTests(SynchronousTestCase):
    """One machine."""

    def test_it_takes_no_pods_and_says_why(self) -> None:
        self.assertEqual(machine(1).unfit(0.0), "")
        self.assertEqual(machine(1, UNWELL).unfit(0.0), "the machine is unwell: its disk is full")

    def test_its_pods_stay_until_it_asks(self) -> None:
        ailments, agent = Ailments(0.1), machine(1, UNWELL)
        self.assertEqual(ailments.heed(agent, 10), [])
        self.assertFalse(agent.draining)

    def test_then_they_go(self) -> None:
        ailments, agent = Ailments(0.1), machine(1, ASKING)
        self.assertEqual(ailments.heed(agent, 10), [agent])
        self.assertTrue(agent.draining)
        self.assertFalse(agent.offline)

    def test_it_comes_back_by_itself(self) -> None:
        ailments, agent = Ailments(0.1), machine(1, ASKING)
        ailments.heed(agent, 10)
        agent.facts = WELL
        self.assertEqual(ailments.heed(agent, 10), [agent])
        self.assertFalse(agent.draining)

    def test_not_if_an_operator_wants_it_offline(self) -> None:
        ailments, agent = Ailments(0.1), machine(1, ASKING)
        ailments.heed(agent, 10)
        agent.offline, agent.facts = True, WELL
        ailments.heed(agent, 10)
        self.assertTrue(agent.draining)
        self.assertIn("kOffline", agent.unfit(0.0))


class ShareTests(SynchronousTestCase):
    """Not all at once."""

    def test_who_asked_first_is_emptied_first(self) -> None:
        ailments = Ailments(0.1)
        first, second = machine(1, ASKING), machine(2, ASKING)
        ailments.heed(first, 10)
        self.assertEqual(ailments.heed(second, 10), [])
        first.facts = WELL
        self.assertEqual(ailments.heed(first, 10), [first, second])
        self.assertEqual((first.ailing, second.ailing), (False, True))

    @settings(deadline=None)
    @given(
        st.floats(0.01, 1.0),
        st.lists(st.tuples(st.integers(0, 7), st.sampled_from([WELL, UNWELL, ASKING]))),
    )
    def test_never_more_than_the_share(
        self, share: float, changes: list[tuple[int, AgentFacts]]
    ) -> None:
        """Safety: not more than the share. Liveness: as many as ask and may."""
        fleet = [machine(number) for number in range(8)]
        ailments, most = Ailments(share), max(1, int(share * 8))
        for number, facts in changes:
            fleet[number].facts = facts
            ailments.heed(fleet[number], 8)
            asking = sum(agent.facts.drain for agent in fleet)
            self.assertEqual(sum(agent.ailing for agent in fleet), min(asking, most))
