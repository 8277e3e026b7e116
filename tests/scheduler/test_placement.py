"""Placement: kept scores are never stale, however the fleet changed meanwhile."""

from __future__ import annotations

import random

import numpy as np
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.scheduler.fleet import Fleet, Floats, Ints, OverCommitted, Rows
from galaxy.scheduler.groups import Shape
from galaxy.scheduler.placement import Placer
from galaxy.scheduler.score import POLICIES, Pack, Policy, Spread
from tests.scheduler.fleets import agent, fleet_of

ONE = Shape(1000, 1024)


def placer(fleet: Fleet, policy: str = "pack", seed: int = 0) -> Placer:
    """A placer whose ties are broken by a seed."""
    return Placer(fleet, POLICIES[policy], random.Random(seed))


@define
class CountingPolicy:
    """A policy that counts the rows it is asked to score."""

    policy: Policy
    scored: int = 0

    @property
    def name(self) -> str:
        """The counted policy's."""
        return self.policy.name

    @property
    def unasked_label(self) -> float:
        """The counted policy's."""
        return self.policy.unasked_label

    def score(self, fleet: Fleet, rows: Rows | slice, left_cpu: Ints, left_memory: Ints) -> Floats:
        """Count, and let the counted policy score."""
        self.scored += len(left_cpu)
        return self.policy.score(fleet, rows, left_cpu, left_memory)

    def deal(self, scores: Floats, room: Ints, there: Ints | None, count: int) -> Ints:
        """As the counted policy deals."""
        return self.policy.deal(scores, room, there, count)


class PlacerTests(SynchronousTestCase):
    """Where pods of a shape go."""

    def test_volumes_bound_what_a_machine_holds(self) -> None:
        """In a group and one by one; what is given back can be had again."""
        shape = Shape(100, 64, disk_mib=40 << 10, ssd_mib=1 << 10)
        fleet = fleet_of(agent(1, disk_gib=100, ssd_gib=9), agent(2, disk_gib=100, ssd_gib=1))
        placed = placer(fleet)
        rows, counts = placed.place(shape, 9)
        self.assertEqual((rows.tolist(), counts.tolist()), ([0, 1], [2, 1]))
        self.assertIsNone(placed.place_one(shape))
        fleet.give_back(0, 1, shape)
        self.assertEqual(placed.place_one(shape), 0)
        self.assertRaises(OverCommitted, fleet.take_one, 0, shape)
        self.assertEqual(fleet.free_disk.tolist(), [20 << 10, 60 << 10])

    def test_a_group_fills_agents_one_after_another(self) -> None:
        fleet = fleet_of(*(agent(number) for number in range(4)))
        rows, counts = placer(fleet).place(ONE, 6)
        self.assertEqual(sorted(counts.tolist()), [2, 4])
        self.assertEqual(len(rows), 2)

    def test_a_group_is_spread_over_all(self) -> None:
        fleet = fleet_of(*(agent(number) for number in range(4)))
        _, counts = placer(fleet, "spread").place(ONE, 6)
        self.assertEqual(sorted(counts.tolist()), [1, 1, 2, 2])

    def test_only_what_fits_is_placed(self) -> None:
        fleet = fleet_of(agent(1, cores=2), agent(2, cores=1))
        _, counts = placer(fleet).place(ONE, 10)
        self.assertEqual(counts.sum(), 3)

    def test_a_port_is_taken_once_an_agent(self) -> None:
        fleet = fleet_of(agent(1), agent(2), agent(3, ports=[80]))
        place = placer(fleet)
        web = Shape(100, 100, (80,))
        self.assertEqual(place.place(web, 5)[1].tolist(), [1, 1])
        self.assertEqual(len(place.place(web, 1)[0]), 0)
        self.assertIsNone(place.place_one(web))

    def test_max_per_host_counts_what_is_there(self) -> None:
        fleet = fleet_of(agent(1), agent(2))
        there = np.array([1, 0], np.int32)
        rows, counts = placer(fleet).place(ONE, 9, there, 2)
        self.assertEqual(dict(zip(rows.tolist(), counts.tolist(), strict=True)), {0: 1, 1: 2})

    def test_an_agent_with_labels_nobody_asked_for_comes_last(self) -> None:
        """Pack keeps rare machines for those who need them; spread uses all alike."""
        agents = [agent(1, pods=1, labels=["gpu"]), agent(2, pods=1, labels=["ssd"])]
        self.assertEqual(placer(fleet_of(*agents)).place_one(Shape(1, 1, (), ("ssd",))), 1)
        agents = [agent(1, pods=1, labels=["gpu"], assigned_cores=2), agent(2, pods=1)]
        self.assertEqual(placer(fleet_of(*agents)).place_one(ONE), 1)

    def test_what_nothing_can_hold_costs_nothing_until_something_is_gained(self) -> None:
        fleet = fleet_of(agent(1, cores=1))
        policy = CountingPolicy(Pack())
        place = Placer(fleet, policy, random.Random(0))
        big = Shape(2000, 1)
        self.assertIsNone(place.place_one(big))
        fleet.take_one(0, ONE)
        scored = policy.scored
        for _ in range(10):
            self.assertIsNone(place.place_one(big))
            self.assertEqual(len(place.place(big, 5)[0]), 0)
        self.assertEqual(policy.scored, scored)
        fleet.apply([agent(2)])
        self.assertEqual(place.place_one(big), 1)

    def test_only_rows_that_changed_are_scored_again(self) -> None:
        fleet = fleet_of(*(agent(n) for n in range(1000)))
        policy = CountingPolicy(Pack())
        place = Placer(fleet, policy, random.Random(0))
        for _ in range(10):
            place.place_one(ONE)
        self.assertEqual(policy.scored, 1000 + 9)

    def test_few_pods_on_many_agents_go_where_one_would(self) -> None:
        """Then only the best agents are looked at; what is chosen is the same."""
        agents = [agent(n, pods=1, assigned_gib=1 + n / 100) for n in range(50)]
        self.assertEqual(placer(fleet_of(*agents)).place(ONE, 4)[0].tolist(), [49])
        self.assertEqual(len(placer(fleet_of(*agents), "spread").place(ONE, 4)[0]), 4)
        room = [agent(n, cores=2 if n == 7 else 0.5) for n in range(50)]
        place = placer(fleet_of(*room))
        self.assertEqual(place.place(ONE, 0)[0].tolist(), [])
        self.assertEqual(place.place(ONE, 4)[1].tolist(), [2])
        self.assertEqual(place.place(ONE, 4)[1].tolist(), [])

    def test_schedulers_with_other_seeds_break_ties_otherwise(self) -> None:
        """Two schedulers do not race for the same of a hundred equal machines."""
        chosen = {
            placer(fleet_of(*(agent(n) for n in range(100))), seed=seed).place_one(ONE)
            for seed in range(10)
        }
        self.assertGreater(len(chosen), 5)

    def test_a_blur_chooses_also_among_unequal_agents(self) -> None:
        def first(seed: int, blur: float) -> int | None:
            fleet = fleet_of(*(agent(n, pods=1, assigned_gib=n / 100) for n in range(50)))
            place = placer(fleet, seed=seed)
            place.blur(blur)
            return place.place_one(ONE)

        self.assertEqual({first(seed, 0) for seed in range(10)}, {49})
        self.assertGreater(len({first(seed, 0.5) for seed in range(10)}), 3)

    def test_an_empty_fleet_has_no_place(self) -> None:
        place = placer(Fleet())
        self.assertIsNone(place.place_one(ONE))
        self.assertEqual(len(place.place(ONE, 5)[0]), 0)

    @given(
        st.sampled_from([Pack(), Spread()]),
        st.lists(
            st.tuples(
                st.sampled_from(["one", "group", "apply", "new", "back"]),
                st.integers(0, 5),
                st.integers(0, 3),
            ),
            max_size=25,
        ),
        st.integers(0, 9),
    )
    @settings(deadline=None)
    def test_kept_scores_choose_what_fresh_ones_would(
        self, policy: Pack | Spread, doings: list[tuple[str, int, int]], seed: int
    ) -> None:
        """Safety: a kept score is only a short cut."""
        shapes = [ONE, Shape(500, 3000), Shape(1500, 200, (80,)), Shape(100, 100, (), ("ssd",))]
        fleet = fleet_of(*(agent(n, cores=3 + n / 3, gib=5 + n / 7) for n in range(4)))
        kept = Placer(fleet, policy, random.Random(seed), jitter=0.0)
        taken: list[tuple[int, Shape]] = []
        for doing, number, kind in doings:
            shape = shapes[kind]
            if doing == "one":
                fresh = Placer(fleet, policy, random.Random(seed), jitter=0.0)
                expected = _choice(fresh, shape)
                row = kept.place_one(shape)
                self.assertEqual(row, expected)
                if row is not None:
                    taken.append((row, shape))
            elif doing == "group":
                rows, counts = kept.place(shape, number)
                taken.extend(
                    (row, shape)
                    for row, count in zip(rows.tolist(), counts.tolist(), strict=True)
                    for _ in range(count)
                )
            elif doing == "back" and taken:
                row, shape = taken.pop()
                fleet.give_back(row, 1, shape)
            elif doing == "apply":
                row = number % len(fleet)
                update = agent(
                    fleet.agents[row],
                    cores=3 + row / 3,
                    gib=5 + row / 7,
                    labels=["ssd"][: kind % 2],
                )
                fleet.apply([update])
                taken = [one for one in taken if one[0] != row]
            elif doing == "new":
                size = len(fleet)
                fleet.apply([agent(100 + size, cores=2 + size / 5, gib=4 + size / 9)])


def _choice(placer_: Placer, shape: Shape) -> int | None:
    """What would be chosen, without choosing it."""
    row = placer_.place_one(shape)
    if row is not None:
        placer_.fleet.give_back(row, 1, shape)
    return row
