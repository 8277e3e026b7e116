"""When the master knows that it does not know."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.safemode import OFF, Cause, at_start, revised
from tests.master.examples import NOW, machine, picture


class SafeModeTests(SynchronousTestCase):
    """Its beginning and its end."""

    def test_without_known_agents_there_is_nothing_to_wait_for(self) -> None:
        """Galaxy 2 then never ended it (§12.3, 16)."""
        self.assertEqual(at_start(0), OFF)

    def test_it_begins_with_the_reign(self) -> None:
        mode = at_start(20)
        self.assertEqual(mode.cause, Cause.START)
        self.assertIn("20 agents", mode.reason)

    def test_it_ends_when_enough_have_reported(self) -> None:
        mode = at_start(20)
        self.assertTrue(revised(mode, 20, 16, 0, 0.85).on)
        self.assertFalse(revised(mode, 20, 17, 0, 0.85).on)

    def test_it_ends_when_the_others_are_given_up(self) -> None:
        """Galaxy 2 waited for ever for an agent that died before its first query."""
        self.assertFalse(revised(at_start(20), 20, 2, 18, 0.85).on)

    def test_it_says_how_far_it_is(self) -> None:
        reason = revised(at_start(20), 20, 5, 1, 0.85).reason
        for word in ("5 of 20", "1 are missing", "85%"):
            self.assertIn(word, reason)

    @settings(deadline=None)
    @given(known=st.integers(1, 50), reported=st.integers(0, 50), share=st.floats(0, 1))
    def test_when_everybody_is_accounted_for_it_is_off(
        self, known: int, reported: int, share: float
    ) -> None:
        """Liveness."""
        reported = min(reported, known)
        self.assertFalse(revised(at_start(known), known, reported, known - reported, share).on)


class ClusterTests(SynchronousTestCase):
    """Who is awaited."""

    def test_a_report_ends_it_and_not_a_heartbeat(self) -> None:
        cluster = picture(endpoints=["a:1"])
        agent = cluster.fleet.find("a:1")
        assert agent is not None
        cluster.fleet.beat(agent, NOW)
        self.assertTrue(cluster.safe_mode.on)
        machine(cluster, "a:1")
        self.assertFalse(cluster.safe_mode.on)

    def test_agents_that_were_not_known_do_not_count(self) -> None:
        cluster = picture(endpoints=["a:1"])
        machine(cluster, "new:1")
        self.assertTrue(cluster.safe_mode.on)

    def test_the_missing_are_given_up(self) -> None:
        cluster = picture(endpoints=["a:1", "b:1"])
        machine(cluster, "a:1")
        self.assertTrue(cluster.safe_mode.on)
        missing = cluster.fleet.find("b:1")
        assert missing is not None
        cluster.bury(missing, "silence", NOW + 60)
        self.assertFalse(cluster.safe_mode.on)

    def test_an_agent_that_beats_and_never_reports_does_not_hold_it_for_ever(self) -> None:
        cluster = picture(endpoints=["a:1"])
        self.assertEqual(cluster.overdue(NOW + 20), [])
        (agent,) = cluster.overdue(NOW + 40)
        cluster.give_up({agent}, NOW)
        self.assertFalse(cluster.safe_mode.on)
