"""Who is alive, how often they should say so, and what schedulers hear of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.fleet import BEATS_PER_SECOND, Fleet, IllegalAgentState
from galaxy.protocol.types_pb2 import kAlive, kDead, kInit
from tests.master.examples import NOW, facts, machine, picture


class SilenceTests(SynchronousTestCase):
    """Heartbeats, and their absence."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.fleet: Fleet = self.cluster.fleet

    def agents(self, count: int) -> list[Agent]:
        return [machine(self.cluster, f"a:{n}") for n in range(1, count + 1)]

    def test_one_who_is_silent_for_too_long_is_missing(self) -> None:
        first, second = self.agents(2)
        self.fleet.beat(second, NOW + 3)
        self.assertEqual(self.fleet.missing(NOW + 3.9), [])
        self.assertEqual(self.fleet.missing(NOW + 4), [first])
        self.assertEqual(self.fleet.missing(NOW + 7), [first, second])

    def test_the_dead_are_not_missed_again(self) -> None:
        (agent,) = self.agents(1)
        self.cluster.bury(agent, "silence", NOW + 4)
        self.assertEqual(self.fleet.missing(NOW + 9), [])

    def test_a_large_fleet_beats_slower_so_that_all_together_stay_bounded(self) -> None:
        agents = [self.fleet.admit(f"a:{n}", NOW) for n in range(3 * BEATS_PER_SECOND)]
        for agent in agents:
            self.fleet.turn(self.cluster.journal, agent, kAlive, "", NOW)
        self.assertEqual(self.fleet.beat(agents[0], NOW), 3.0)

    def test_who_was_told_to_beat_slowly_is_given_the_time(self) -> None:
        """Also after the fleet has shrunk: an agent goes by what it was told."""
        (agent,) = self.agents(1)
        agent.interval_s = 5.0
        self.assertEqual(self.fleet.missing(NOW + 19), [])
        self.assertEqual(self.fleet.missing(NOW + 20), [agent])

    def test_when_the_master_did_not_listen_nobody_was_silent(self) -> None:
        self.agents(3)
        self.fleet.excuse(NOW + 60)
        self.assertEqual(self.fleet.missing(NOW + 61), [])
        self.assertEqual(len(self.fleet.missing(NOW + 64)), 3)

    def test_agents_from_the_nexus_get_time_to_find_the_master(self) -> None:
        cluster = picture(endpoints=["a:1", "b:1"])
        other = machine(cluster, "c:1")
        self.assertEqual(cluster.fleet.missing(NOW + 5), [other])
        self.assertEqual(len(cluster.fleet.missing(NOW + 9)), 3)

    def test_a_state_that_cannot_follow_names_both(self) -> None:
        (agent,) = self.agents(1)
        with self.assertRaisesRegex(IllegalAgentState, "a:1 .*kAlive to kInit"):
            self.fleet.turn(self.cluster.journal, agent, kInit, "", NOW)

    def test_states_are_counted(self) -> None:
        first, _ = self.agents(2)
        self.cluster.bury(first, "silence", NOW)
        self.assertEqual((self.fleet.count(kAlive), self.fleet.count(kDead)), (1, 1))


class DeltaTests(SynchronousTestCase):
    """What changed since a revision."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.agents = [machine(self.cluster, f"a:{n}") for n in range(5)]
        self.revision = self.cluster.fleet.revision

    def test_nothing_changed(self) -> None:
        self.assertEqual(self.cluster.fleet.changed_since(self.revision), [])

    def test_only_what_changed(self) -> None:
        self.cluster.fleet.stamp([self.agents[3]])
        self.cluster.fleet.stamp([self.agents[1]])
        self.cluster.fleet.stamp([self.agents[3]])
        changed = self.cluster.fleet.changed_since(self.revision)
        self.assertEqual(changed, [self.agents[3], self.agents[1]])

    def test_from_the_beginning_everybody(self) -> None:
        self.assertEqual(set(self.cluster.fleet.changed_since(0)), set(self.agents))

    def test_facts_that_are_the_same_are_no_change(self) -> None:
        self.cluster.fleet.learn(self.cluster.journal, self.agents[0], facts(), 0.0)
        self.assertEqual(self.cluster.journal.moved, {})

    def test_numbers_name_agents(self) -> None:
        for agent in self.agents:
            self.assertIs(self.cluster.fleet.numbered(agent.number), agent)
        self.assertIsNone(self.cluster.fleet.numbered(0))
        self.assertIsNone(self.cluster.fleet.numbered(6))
