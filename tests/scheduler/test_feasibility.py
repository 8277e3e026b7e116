"""Feasibility: each agent is accounted for, and the reasons are sentences."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.scheduler.feasibility import Removed, sentence, survey
from galaxy.scheduler.fleet import Fleet
from galaxy.scheduler.groups import Shape
from tests.scheduler.fleets import agent, fleet_of


class SurveyTests(SynchronousTestCase):
    """One small checker a constraint; an agent counts against the first it fails."""

    def test_every_constraint_removes_its_agents(self) -> None:
        fleet = fleet_of(
            agent(1, schedulable=False),
            agent(2, isolated=False, labels=["ssd"]),
            agent(3),
            agent(4, labels=["ssd"], ports=[80]),
            agent(5, labels=["ssd"], assigned_cores=4),
            agent(6, labels=["ssd"], assigned_gib=8),
            agent(7, labels=["ssd"]),
            agent(8, labels=["ssd"]),
        )
        occupied = np.zeros(8, np.int32)
        occupied[6] = 2
        seen = survey(fleet, Shape(1000, 1024, (80,), ("ssd",), True), occupied, 2)
        self.assertEqual(
            seen.removed,
            (
                Removed("schedulable", 1),
                Removed("isolation", 1),
                Removed("label ssd", 1),
                Removed("max_per_host", 1),
                Removed("port 80", 1),
                Removed("cpu", 1),
                Removed("memory", 1),
            ),
        )
        self.assertEqual(seen.able, 1)

    def test_agents_that_take_no_pods_are_counted_by_why(self) -> None:
        """A word of a newer master, or none of an older one, is told as far as it is known."""
        words = ("unwell", "offline", "unwell", "sleepy", "", "unwell")
        fleet = fleet_of(*(agent(n, closed=word) for n, word in enumerate(words, 1)), agent(7))
        seen = survey(fleet, Shape(1000, 1024))
        self.assertEqual(
            seen.removed, (Removed("unwell", 3), Removed("schedulable", 2), Removed("offline", 1))
        )
        self.assertEqual(
            sentence(seen),
            "3 of 7 agents are unwell, 2 take no pods, 1 is offline, 1 can hold one",
        )
        self.assertEqual(survey(fleet.copied(), Shape(1000, 1024)), seen)

    def test_agents_that_refused_are_left_out(self) -> None:
        """Also such as are gone by now; and they are no near misses."""
        fleet = fleet_of(agent(1), agent(2), agent(3, cores=0.5))
        seen = survey(fleet, Shape(1000, 1024, refusers=(2, 9)))
        self.assertEqual((seen.able, seen.removed), (1, (Removed("refused", 1), Removed("cpu", 1))))
        self.assertIn("1 of 3 agents refused one of these a moment ago", sentence(seen))

    def test_the_sentence_names_counts_and_the_nearest_miss(self) -> None:
        fleet = fleet_of(
            agent(1),
            agent(2),
            agent(3),
            agent(4),
            agent(5, labels=["ssd"], cores=1),
            agent(6, labels=["ssd"], assigned_gib=5.5),
        )
        self.assertEqual(
            sentence(survey(fleet, Shape(2000, 4096, (), ("ssd",)))),
            "4 of 6 agents lack the label ssd, 1 lacks cpu, 1 lacks memory;"
            " nearest: 10.0.0.6:8221 lacks 1.5 GiB of memory",
        )

    def test_disks_are_asked_about_where_a_pod_has_volumes(self) -> None:
        fleet = fleet_of(agent(1), agent(2, disk_gib=60), agent(3, disk_gib=100, ssd_gib=9))
        shape = Shape(1000, 1024, disk_mib=100 << 10, ssd_mib=10 << 10)
        self.assertEqual(
            sentence(survey(fleet, shape)),
            "2 of 3 agents lack disk, 1 lacks ssd; nearest: 10.0.0.3:8221 lacks 1.0 GiB of ssd",
        )
        self.assertEqual(survey(fleet, Shape(1000, 1024)).able, 3)

    def test_all_labels_are_needed(self) -> None:
        """Galaxy 2 looked at the first label only."""
        fleet = fleet_of(agent(1, labels=["ssd"]), agent(2, labels=["ssd", "gpu"]))
        seen = survey(fleet, Shape(1, 1, (), ("gpu", "ssd")))
        self.assertEqual((seen.able, seen.removed), (1, (Removed("label gpu", 1),)))

    def test_an_empty_fleet_says_so(self) -> None:
        self.assertEqual(sentence(survey(Fleet(), Shape(1, 1))), "there are no agents")

    def test_other_words(self) -> None:
        fleet = fleet_of(
            agent(1, schedulable=False),
            agent(2, isolated=False),
            agent(3, ports=[80]),
            agent(4),
        )
        occupied = np.array([0, 0, 0, 1], np.int32)
        self.assertEqual(
            sentence(survey(fleet, Shape(1, 1, (80,), (), True), occupied, 1)),
            "1 of 4 agents takes no pods, 1 lacks isolation,"
            " 1 holds as many pods of the job as max_per_host allows, 1 has port 80 taken",
        )

    @given(
        st.lists(
            st.builds(
                agent,
                st.integers(0, 20),
                cores=st.integers(0, 4),
                gib=st.integers(0, 4),
                labels=st.sampled_from([[], ["ssd"], ["gpu"], ["gpu", "ssd"]]),
                ports=st.sampled_from([[], [80]]),
                schedulable=st.booleans(),
                isolated=st.booleans(),
            ),
            unique_by=lambda one: one.agent,
            max_size=8,
        ),
        st.builds(
            Shape,
            st.integers(0, 4000),
            st.integers(0, 4096),
            st.sampled_from([(), (80,)]),
            st.sampled_from([(), ("ssd",), ("gpu", "ssd")]),
            st.booleans(),
        ),
    )
    @settings(deadline=None)
    def test_every_agent_is_counted_once(self, agents: list, shape: Shape) -> None:  # type: ignore[type-arg]
        """Safety: removed and able add up to the fleet."""
        seen = survey(fleet_of(*agents), shape)
        self.assertEqual(seen.able + sum(one.agents for one in seen.removed), len(agents))
        self.assertTrue(sentence(seen))
