"""Many machines that vanish at once are not given up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.safemode import Cause
from galaxy.protocol.types_pb2 import kAlive, kDead, kStageRunning
from galaxy.settings import MasterSettings
from tests.master.examples import NOW, machine, picture, placed, submitted


class LossTests(SynchronousTestCase):
    """A fleet of which some fall silent."""

    def setUp(self) -> None:
        self.cluster = picture(settings=MasterSettings())
        self.now = NOW

    def fleet(self, count: int) -> list[Agent]:
        return [machine(self.cluster, f"a:{n}") for n in range(1, count + 1)]

    def pass_time(self, seconds: float, but: list[Agent]) -> None:
        """All but those beat once a second; the master looks as often as it does."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now += 0.25
            if self.now % 1 == 0:
                for agent in self.cluster.fleet:
                    if agent not in but and agent.state == kAlive:
                        self.beat(agent)
            self.cluster.watch(self.now)

    def beat(self, agent: Agent) -> None:
        if agent.state == kDead:
            self.cluster.fleet.turn(self.cluster.journal, agent, kAlive, "", self.now)
        if agent.missed:
            self.cluster.find_again(agent, self.now)
        self.cluster.fleet.beat(agent, self.now)

    def test_a_single_one_is_given_up_however_small_the_fleet(self) -> None:
        agents = self.fleet(3)
        self.pass_time(5, but=agents[:1])
        self.assertEqual(agents[0].state, kDead)
        self.assertFalse(self.cluster.safe_mode.on)

    def test_a_tenth_at_once_is_too_much(self) -> None:
        agents = self.fleet(30)
        self.pass_time(10, but=agents[:3])
        self.assertEqual(self.cluster.safe_mode.cause, Cause.LOSS)
        self.assertIn("3 of 30 agents", self.cluster.safe_mode.reason)
        self.assertEqual({agent.state for agent in agents}, {kAlive})
        self.assertEqual([agent for agent in agents if agent.missed], agents[:3])

    def test_less_than_a_tenth_is_not(self) -> None:
        agents = self.fleet(30)
        self.pass_time(10, but=agents[:2])
        self.assertFalse(self.cluster.safe_mode.on)
        self.assertEqual([agent.state for agent in agents[:3]], [kDead, kDead, kAlive])

    def test_their_pods_stay_where_they_are(self) -> None:
        agents = self.fleet(2)
        job = submitted(self.cluster)
        placed(self.cluster, job, agents[0], 3)
        self.pass_time(10, but=agents)
        self.assertEqual({pod.stage for pod in job.pods.values()}, {kStageRunning})

    def test_those_who_vanish_one_after_the_other_within_the_time_out_count_together(self) -> None:
        agents = self.fleet(4)
        self.pass_time(3, but=agents[:1])
        self.pass_time(10, but=agents[:2])
        self.assertEqual(self.cluster.safe_mode.cause, Cause.LOSS)
        self.assertEqual([agent.state for agent in agents[:2]], [kDead, kAlive])

    def test_those_who_vanish_at_different_times_do_not(self) -> None:
        agents = self.fleet(4)
        self.pass_time(5, but=agents[:1])
        self.pass_time(10, but=agents[:2])
        self.assertEqual([agent.state for agent in agents[:2]], [kDead, kDead])

    def test_it_is_over_when_enough_are_back_and_the_others_are_given_up(self) -> None:
        agents = self.fleet(4)
        self.pass_time(6, but=agents[:3])
        self.assertEqual(self.cluster.safe_mode.heard, 0)
        self.beat(agents[0])
        self.pass_time(0.25, but=agents[1:3])
        self.assertIn("1 are back", self.cluster.safe_mode.reason)
        self.assertAlmostEqual(self.cluster.safe_mode.heard, 1 / 3)
        self.beat(agents[1])
        self.pass_time(1, but=agents[2:3])
        self.assertFalse(self.cluster.safe_mode.on)
        self.assertEqual([agent.state for agent in agents[:3]], [kAlive, kAlive, kDead])

    def test_somebody_who_knows_better_leaves_it_and_they_are_given_up(self) -> None:
        agents = self.fleet(4)
        self.pass_time(6, but=agents[:2])
        self.cluster.leave_safe_mode("ada@h", self.now)
        self.pass_time(1, but=agents[:2])
        self.assertFalse(self.cluster.safe_mode.on)
        self.assertEqual([agent.state for agent in agents[:2]], [kDead, kDead])

    def test_safe_mode_by_hand_is_not_taken_for_it(self) -> None:
        agents = self.fleet(4)
        self.cluster.enter_safe_mode("ada@h", self.now)
        self.pass_time(6, but=agents)
        self.assertEqual(self.cluster.safe_mode.cause, Cause.MANUAL)
        self.assertEqual({agent.state for agent in agents}, {kAlive})

    def test_machines_that_are_to_be_empty_are_no_loss(self) -> None:
        """Who takes a rack away said so before."""
        agents = self.fleet(4)
        for agent in agents[:2]:
            self.cluster.fleet.mark(
                self.cluster.journal, agent, draining=True, actor="ada@h", now=self.now
            )
        self.pass_time(6, but=agents[:2])
        self.assertEqual([agent.state for agent in agents[:2]], [kDead, kDead])


class LossLaws(SynchronousTestCase):
    """For any part of any fleet."""

    @settings(deadline=None, max_examples=40)
    @given(size=st.integers(1, 40), lost=st.integers(0, 40), phase=st.integers(0, 3))
    def test_all_or_none_of_those_who_vanish_together_are_given_up(
        self, size: int, lost: int, phase: int
    ) -> None:
        """Safety: none of them when they are too many, wherever their heartbeats stood."""
        story = LossTests()
        story.setUp()
        agents = story.fleet(size)
        for number, agent in enumerate(agents):
            agent.heard += (number * phase % 4) / 4
        gone = agents[: min(lost, size)]
        story.pass_time(12, but=gone)
        too_many = len(gone) >= max(2, -(-size // 10))
        self.assertEqual(story.cluster.safe_mode.on, too_many)
        for agent in gone:
            self.assertEqual(agent.state, kAlive if too_many else kDead)
