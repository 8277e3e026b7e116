"""The picture: what was proposed is in it, what was refused is taken back out."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import ProposalAnswer, Refusal
from galaxy.protocol.types_pb2 import Status
from galaxy.scheduler.picture import Picture
from galaxy.scheduler.plan import Plan, Planning
from galaxy.scheduler.score import Pack
from tests.scheduler.fleets import agent, group


class PictureTests(SynchronousTestCase):
    """What the master's answers change."""

    def setUp(self) -> None:
        self.picture = Picture(Pack(), random.Random(0))
        self.picture.begin("reign-1")
        self.picture.learn([agent(11), agent(12)])

    def plan(self, count: int = 6, cores: float = 1) -> Plan:
        planning = Planning(self.picture.placer, [group("j", count, cores=cores)])
        return planning.slice(1000, 1000)

    def free(self) -> dict[int, int]:
        fleet = self.picture.fleet
        return dict(zip(fleet.agents, fleet.free_cpu.tolist(), strict=True))

    def test_a_plan_becomes_a_proposal_in_the_masters_numbers(self) -> None:
        proposal = self.picture.proposal(self.plan(8))
        self.assertEqual(proposal.reign, "reign-1")
        agents = [number for one in proposal.placements for number in one.agent]
        counts = [count for one in proposal.placements for count in one.count]
        self.assertEqual(set(agents), {11, 12})
        self.assertEqual(sum(counts), 8)
        self.assertEqual({one.job_id for one in proposal.placements}, {"j"})

    def test_what_is_accepted_stays(self) -> None:
        plan = self.plan(8)
        self.picture.settle(plan.placed, [ProposalAnswer(status=Status.kOk)] * len(plan.placed))
        self.assertEqual(self.free(), {11: 0, 12: 0})

    def test_what_is_refused_whole_is_given_back(self) -> None:
        plan = self.plan(8)
        refusal = ProposalAnswer(status=Status.kSafeMode, reason="safe mode")
        self.assertEqual(self.picture.settle(plan.placed, [refusal] * len(plan.placed)), 8)
        self.assertEqual(self.free(), {11: 4000, 12: 4000})

    def test_a_refused_part_is_given_back_and_the_fresh_agent_believed(self) -> None:
        plan = self.plan(1, cores=2)
        (placed,) = plan.placed
        number = self.picture.fleet.agents[placed.rows[0]]
        fresh = agent(number, assigned_cores=3)
        answer = ProposalAnswer(
            status=Status.kQuota, refusals=[Refusal(agent=number, count=1, fresh=fresh)]
        )
        self.assertEqual(self.picture.settle(plan.placed, [answer]), 1)
        self.assertEqual(self.free(), {11: 4000, 12: 4000} | {number: 1000})

    def test_a_refusal_of_what_was_not_proposed_gives_nothing_back(self) -> None:
        """Safety: a wrong answer cannot make room that is not there."""
        plan = self.plan(1)
        answer = ProposalAnswer(
            status=Status.kQuota,
            refusals=[Refusal(agent=11, count=50), Refusal(agent=12, count=50), Refusal(agent=9)],
        )
        self.assertEqual(self.picture.settle(plan.placed, [answer]), 1)
        self.assertEqual(self.free(), {11: 4000, 12: 4000})

    def test_answers_that_do_not_match_the_placements_are_an_error(self) -> None:
        self.assertRaises(ValueError, self.picture.settle, self.plan().placed, [])

    def test_why_a_group_has_no_place_is_told_once(self) -> None:
        first = self.picture.proposal(self.plan(1, cores=9)).unplaced
        self.assertEqual(first[0].obstacles[0].constraint, "cpu")
        self.assertEqual(first[0].obstacles[0].agents, 2)
        self.assertIn("2 of 2 agents lack cpu", first[0].reason)
        self.assertEqual(len(self.picture.proposal(self.plan(1, cores=9)).unplaced), 0)

    def test_it_is_told_again_when_it_is_another_or_was_gone(self) -> None:
        self.picture.proposal(self.plan(1, cores=9))
        self.assertEqual(len(self.picture.proposal(self.plan(2, cores=9)).unplaced), 1)
        self.picture.forget_all_but([("j", "1")])
        self.assertEqual(len(self.picture.proposal(self.plan(2, cores=9)).unplaced), 0)
        self.picture.forget_all_but([])
        self.assertEqual(len(self.picture.proposal(self.plan(2, cores=9)).unplaced), 1)

    def test_another_reign_voids_everything(self) -> None:
        """Equal numbers of two masters hid changes in Galaxy 2 (fault 12.2.12)."""
        self.picture.revision = 5
        self.picture.begin("reign-2")
        self.assertEqual(len(self.picture.fleet), 0)
        self.assertEqual(self.picture.revision, 0)
        self.assertIs(self.picture.placer.fleet, self.picture.fleet)

    def test_conflicts_blur_the_choice_and_quiet_clears_it(self) -> None:
        sharp = self.picture.placer.jitter
        for _ in range(10):
            self.picture.contended(5)
        self.assertGreater(self.picture.placer.jitter, 0.5)
        for _ in range(10):
            self.picture.contended(0)
        self.assertEqual(self.picture.placer.jitter, sharp)
