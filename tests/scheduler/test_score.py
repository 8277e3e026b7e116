"""The policies: what they prefer, and how they deal a group out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.scheduler.fleet import Fleet, Floats
from galaxy.scheduler.groups import Shape
from galaxy.scheduler.score import POLICIES, BestFit, Pack, Policy, Spread
from tests.scheduler.fleets import agent, fleet_of

ONE = Shape(1000, 1024)


def scores(policy: Policy, fleet: Fleet, shape: Shape = ONE) -> Floats:
    """What the policy thinks of each agent for one pod of the shape."""
    left_cpu = fleet.free_cpu - shape.millicores
    left_memory = fleet.free_memory - shape.memory_mib
    return policy.score(fleet, slice(None), left_cpu, left_memory)


def preferred(policy: Policy, *agents: AgentSnapshot, shape: Shape = ONE) -> int:
    """The number of the agent with the best score."""
    fleet = fleet_of(*agents)
    return fleet.agents[int(scores(policy, fleet, shape).argmin())]


class SpreadTests(SynchronousTestCase):
    """Galaxy 2's load, least loaded first."""

    def test_the_load_is_galaxy_2s_formula(self) -> None:
        fleet = fleet_of(agent(1, cores=4, gib=8, assigned_cores=1, assigned_gib=4, pods=16))
        (load,) = scores(Spread(), fleet).tolist()
        self.assertAlmostEqual(load, np.exp(10 * 0.25) + np.exp(0.5) + np.exp(0.5), places=4)

    def test_the_least_loaded_goes_first(self) -> None:
        self.assertEqual(preferred(Spread(), agent(1, assigned_cores=2), agent(2)), 2)

    def test_measured_use_counts_where_it_is_more_than_promised(self) -> None:
        self.assertEqual(preferred(Spread(), agent(1, used_cores=3), agent(2, assigned_cores=2)), 2)

    def test_no_load_is_too_large_to_compare(self) -> None:
        """However far a machine is beyond itself, its load is a number."""
        hot = agent(1, cores=1, used_cores=2_000_000, pods=1_000_000)
        self.assertTrue(
            np.isfinite(scores(Spread(), fleet_of(hot, agent(2, cores=0, gib=0)))).all()
        )

    def test_each_agent_gets_one_before_any_gets_two(self) -> None:
        wish = np.array([3, 1, 2], np.float32)
        room = np.array([5, 5, 1], np.int32)
        for count, expected in ((1, [0, 1, 0]), (2, [0, 1, 1]), (4, [1, 2, 1]), (99, [5, 5, 1])):
            self.assertEqual(Spread().deal(wish, room, None, count).tolist(), expected)

    def test_pods_that_are_there_already_count(self) -> None:
        wish, room = np.zeros(3, np.float32), np.full(3, 9, np.int32)
        there = np.array([2, 0, 1], np.int32)
        self.assertEqual(Spread().deal(wish, room, there, 3).tolist(), [0, 2, 1])


class PackTests(SynchronousTestCase):
    """As few machines as can be, and none with half of it stranded."""

    def test_a_used_agent_before_an_empty_one(self) -> None:
        self.assertEqual(
            preferred(Pack(), agent(1), agent(2, assigned_cores=1, assigned_gib=1, pods=1)), 2
        )

    def test_the_fullest_that_has_room(self) -> None:
        self.assertEqual(
            preferred(
                Pack(),
                agent(1, assigned_cores=1, assigned_gib=2, pods=1),
                agent(2, assigned_cores=3, assigned_gib=6, pods=1),
            ),
            2,
        )

    def test_a_balanced_remainder_before_a_lopsided_one(self) -> None:
        """With as much left in all, both halves of it should be usable."""
        self.assertEqual(
            preferred(
                Pack(),
                agent(1, assigned_cores=3, assigned_gib=2, pods=1),
                agent(2, assigned_cores=2, assigned_gib=4, pods=1),
                shape=Shape(),
            ),
            2,
        )

    def test_of_empty_agents_the_larger(self) -> None:
        self.assertEqual(preferred(Pack(), agent(1, cores=4), agent(2, cores=8, gib=16)), 2)

    def test_a_machine_with_uncommonly_much_memory_is_left_for_who_needs_it(self) -> None:
        common = [agent(number) for number in range(1, 9)]
        self.assertEqual(preferred(Pack(), agent(9, cores=5, gib=40), *common), 1)

    def test_agents_are_filled_whole(self) -> None:
        wish, room = np.array([2, 1, 3], np.float32), np.array([4, 2, 4], np.int32)
        self.assertEqual(Pack().deal(wish, room, None, 5).tolist(), [3, 2, 0])


class PolicyTests(SynchronousTestCase):
    """What holds for all."""

    def test_each_goes_by_its_name(self) -> None:
        self.assertEqual(sorted(POLICIES), ["best-fit", "pack", "spread"])
        self.assertEqual(
            {name: policy.name for name, policy in POLICIES.items()}[BestFit().name], "best-fit"
        )

    @given(
        st.lists(
            st.tuples(st.floats(0, 9, width=32), st.integers(0, 9), st.integers(0, 5)),
            min_size=1,
            max_size=12,
        ),
        st.integers(0, 60),
    )
    @settings(deadline=None)
    def test_dealing_uses_all_room_and_no_more(
        self, agents: list[tuple[float, int, int]], count: int
    ) -> None:
        """Safety: within room and count. Liveness: as many as can be."""
        wish = np.array([one[0] for one in agents], np.float32)
        room = np.array([one[1] for one in agents], np.int32)
        there = np.array([one[2] for one in agents], np.int32)
        for policy in POLICIES.values():
            for known in (None, there):
                counts = policy.deal(wish, room, known, count)
                self.assertTrue((counts >= 0).all() and (counts <= room).all())
                self.assertEqual(counts.sum(), min(count, room.sum()))
