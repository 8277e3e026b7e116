"""The fleet: what the master says becomes columns, and changes are logged by row."""

from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import AgentSnapshot
from galaxy.resources import Resources
from galaxy.scheduler.fleet import MOST_MIB, OverCommitted
from galaxy.scheduler.groups import Shape, shape_of
from tests.scheduler.fleets import GIB, agent, fleet_of

ONE = Shape(1000, 1024)


class FleetTests(SynchronousTestCase):
    """Columns and the doors to them."""

    def test_a_snapshot_becomes_a_row(self) -> None:
        fleet = fleet_of(
            agent(7, cores=4, gib=8, assigned_cores=1, assigned_gib=2, labels=["ssd"], ports=[80])
        )
        row = fleet.rows[7]
        self.assertEqual(fleet.free_cpu[row], 3000)
        self.assertEqual(fleet.free_memory[row], 6 * 1024)
        self.assertTrue(fleet.labels["ssd"][row])
        self.assertTrue(fleet.ports[80][row])
        self.assertEqual(fleet.endpoints[row], "10.0.0.7:8221")

    def test_columns_are_32_bits_wide(self) -> None:
        fleet = fleet_of(agent(1))
        self.assertEqual(fleet.free_cpu.dtype, np.int32)
        self.assertEqual(fleet.free_memory.dtype, np.int32)

    def test_rounding_to_mib_is_never_in_the_pods_favour(self) -> None:
        """Safety: free is rounded down, asked is rounded up."""
        fleet = fleet_of(AgentSnapshot(agent=1, total_memory=3 * GIB - 1, schedulable=True))
        self.assertEqual(fleet.free_memory[0], 3 * 1024 - 1)
        self.assertEqual(shape_of(Resources(memory_bytes=GIB + 1), (), False).memory_mib, 1025)

    def test_absurd_amounts_neither_wrap_nor_fit(self) -> None:
        fleet = fleet_of(AgentSnapshot(agent=1, total_memory=(1 << 63) - 1, schedulable=True))
        asked = shape_of(Resources(memory_bytes=(1 << 63) - 1), (), False)
        self.assertEqual(fleet.free_memory[0], MOST_MIB)
        self.assertGreater(asked.memory_mib, MOST_MIB)

    def test_an_over_committed_machine_has_nothing_left(self) -> None:
        fleet = fleet_of(agent(1, cores=2, assigned_cores=3))
        self.assertEqual(fleet.free_cpu[0], 0)

    def test_rows_are_stable_and_newcomers_come_last(self) -> None:
        fleet = fleet_of(agent(5, labels=["ssd"]), agent(3))
        fleet.apply([agent(9, labels=["ssd"]), agent(5)])
        self.assertEqual(fleet.agents, [5, 3, 9])
        self.assertEqual(fleet.labels["ssd"].tolist(), [False, False, True])

    def test_an_agent_named_twice_in_one_answer_is_one_row(self) -> None:
        fleet = fleet_of(agent(5), agent(5, cores=2))
        self.assertEqual(len(fleet), 1)
        self.assertEqual(fleet.total_cpu.tolist(), [2000])

    def test_take_and_give_back_undo_one_another(self) -> None:
        fleet = fleet_of(agent(1), agent(2))
        asked = Shape(500, 512, (80,))
        fleet.take(np.array([1]), np.array([1], np.int32), asked)
        self.assertEqual(fleet.free_cpu.tolist(), [4000, 3500])
        self.assertTrue(fleet.ports[80][1])
        fleet.give_back(1, 1, asked)
        self.assertEqual(fleet.free_cpu.tolist(), [4000, 4000])
        self.assertFalse(fleet.ports[80][1])
        self.assertEqual(fleet.pods.tolist(), [0, 0])

    def test_over_committing_is_an_error_and_changes_nothing(self) -> None:
        """Safety: a fault elsewhere cannot promise what is not there."""
        fleet = fleet_of(agent(1, cores=2, ports=[80]))
        rows, counts = np.array([0]), np.array([3], np.int32)
        self.assertRaises(OverCommitted, fleet.take, rows, counts, ONE)
        self.assertRaises(OverCommitted, fleet.take_one, 0, Shape(2001, 1))
        self.assertRaises(OverCommitted, fleet.take_one, 0, Shape(1, 1, (80,)))
        self.assertRaises(OverCommitted, fleet.take, rows, counts, Shape(1, 1, (81,)))
        self.assertEqual(fleet.free_cpu.tolist(), [2000])
        self.assertEqual(fleet.pods.tolist(), [0])


class LogTests(SynchronousTestCase):
    """Who keeps scores learns which rows changed, and whether anything got better."""

    def test_a_confirmation_is_no_change(self) -> None:
        """After a proposal was accepted, the master's delta says what is known already."""
        fleet = fleet_of(agent(1), agent(2))
        fleet.take_one(0, ONE)
        before = fleet.position, fleet.gains, fleet.kinds
        fleet.apply([agent(1, assigned_cores=1, assigned_gib=1, pods=1)])
        self.assertEqual((fleet.position, fleet.gains, fleet.kinds), before)

    def test_changed_rows_are_logged(self) -> None:
        fleet = fleet_of(agent(1), agent(2), agent(3))
        position = fleet.position
        fleet.apply([agent(2, assigned_cores=1)])
        fleet.take_one(2, ONE)
        self.assertEqual(fleet.changed_since(position), [1, 2])

    def test_placing_gains_nothing_and_freeing_does(self) -> None:
        fleet = fleet_of(agent(1), agent(2, ports=[80]))
        gains = fleet.gains
        fleet.take_one(0, ONE)
        fleet.apply([agent(1, assigned_cores=2, assigned_gib=1, pods=2)])
        self.assertEqual(fleet.gains, gains)
        for freed in (agent(1), agent(2), agent(2, labels=["ssd"]), agent(3)):
            gains = fleet.gains
            fleet.apply([freed])
            self.assertGreater(fleet.gains, gains)

    def test_a_reader_too_far_behind_is_told_so(self) -> None:
        fleet = fleet_of(agent(1, cores=1000, gib=1000))
        position = fleet.position
        for _ in range(50_000):
            fleet.take_one(0, Shape(1, 1))
        self.assertIsNone(fleet.changed_since(position))
        position = fleet.position
        fleet.take_one(0, Shape(1, 1))
        self.assertEqual(fleet.changed_since(position), [0])
