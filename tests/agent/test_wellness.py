"""When a machine is unwell, when its pods should go, and when it is well again."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.wellness import Limits, Reading, Wellness, after

LIMITS = Limits(disk=0.9, memory=0.95, window_s=60.0, drain_after_s=300.0)
WELL = Reading(cpu=1.0, load=50.0, memory=0.5, disk=0.5, inodes=0.99)
FULL = evolve(WELL, disk=0.95)


def through(readings: Iterable[tuple[float, Reading]], start: Wellness | None = None) -> Wellness:
    """How the machine is after (time, reading) pairs."""
    wellness = start or Wellness()
    for time, reading in readings:
        wellness = after(wellness, reading, LIMITS, time)
    return wellness


class WindowTests(SynchronousTestCase):
    """A time of trouble, not a moment."""

    def test_what_is_not_watched_does_not_matter(self) -> None:
        """Processors that are busy are what the machine is for."""
        self.assertEqual(through([(0, WELL), (1000, WELL)]).unhealthy, "")

    def test_a_peak_is_nothing(self) -> None:
        self.assertEqual(through([(0, WELL), (10, FULL), (20, WELL)]).unhealthy, "")

    def test_after_the_window_it_is_unwell(self) -> None:
        self.assertEqual(through([(0, WELL), (10, FULL), (59, FULL)]).unhealthy, "")
        unwell = through([(0, WELL), (10, FULL), (70, FULL)])
        self.assertEqual(unwell.unhealthy, "its disk is 95% full")

    def test_a_moment_of_relief_is_nothing_either(self) -> None:
        unwell = through([(0, FULL), (10, WELL), (20, FULL)])
        self.assertEqual(unwell.unhealthy, "its disk is 95% full")

    def test_it_is_well_again_after_as_long_a_time(self) -> None:
        unwell = through([(0, FULL)])
        self.assertTrue(through([(59, WELL)], unwell).unhealthy)
        self.assertFalse(through([(60, WELL)], unwell).unhealthy)

    def test_the_first_reading_decides(self) -> None:
        """An agent that is restarted does not open a full machine for a minute."""
        self.assertTrue(through([(0, FULL)]).unhealthy)

    def test_the_reason_stays_while_the_number_changes(self) -> None:
        """Each change of it is sent to the master, and is an event."""
        unwell = through([(0, FULL), (10, evolve(FULL, disk=0.97))])
        self.assertEqual(unwell.unhealthy, "its disk is 95% full")

    def test_several_reasons(self) -> None:
        unwell = through([(0, evolve(FULL, memory=0.97))])
        self.assertEqual(unwell.unhealthy, "its disk is 95% full; its memory is 97% used")

    def test_unknown_is_not_too_much(self) -> None:
        self.assertEqual(through([(0, Reading())]).unhealthy, "")


class SuddenTests(SynchronousTestCase):
    """What needs no window."""

    def test_errors_of_disks(self) -> None:
        """Those that were there before are known; a new one is one too many."""
        old = evolve(WELL, disk_errors=3)
        self.assertEqual(through([(0, old), (10, old)]).unhealthy, "")
        unwell = through([(0, old), (10, evolve(WELL, disk_errors=4))])
        self.assertEqual(unwell.unhealthy, "the kernel counted 4 errors of its disks")
        self.assertEqual(through([(70, evolve(WELL, disk_errors=4))], unwell).unhealthy, "")

    def test_a_disk_that_became_read_only(self) -> None:
        closed = evolve(WELL, read_only="/data")
        self.assertIn("/data", through([(0, WELL), (1, closed)]).unhealthy)

    def test_a_directory_that_vanished(self) -> None:
        gone = evolve(WELL, gone="/data")
        unwell = through([(0, WELL), (1, gone), (299, gone)])
        self.assertEqual(
            (unwell.unhealthy, unwell.drain), ("its directory /data has vanished", False)
        )
        self.assertTrue(through([(301, gone)], unwell).drain)


class DrainTests(SynchronousTestCase):
    """Later its pods should go."""

    def test_after_a_while(self) -> None:
        unwell = through([(0, FULL), (299, FULL)])
        self.assertFalse(unwell.drain)
        self.assertTrue(through([(300, FULL)], unwell).drain)

    def test_not_when_it_has_recovered(self) -> None:
        asking = through([(0, FULL), (300, FULL)])
        self.assertFalse(through([(360, WELL)], asking).drain)

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.floats(0, 100), st.booleans())))
    def test_only_the_unwell_ask(self, steps: list[tuple[float, bool]]) -> None:
        """Safety: who asks to be emptied is unwell. Liveness: who is well for a window is well."""
        wellness, now = Wellness(), 0.0
        for wait_s, full in steps:
            now += wait_s
            wellness = after(wellness, FULL if full else WELL, LIMITS, now)
            self.assertTrue(wellness.unhealthy or not wellness.drain)
        end = through([(now, WELL), (now + LIMITS.window_s + 1, WELL)], wellness)
        self.assertEqual((end.unhealthy, end.drain), ("", False))
