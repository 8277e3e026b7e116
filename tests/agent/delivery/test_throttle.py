"""How fast packages may come."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.delivery.eviction import Kept, superfluous
from galaxy.agent.delivery.throttle import Throttle


def simulated(throttle: Throttle, sizes: list[int], until: float) -> list[int]:
    """What fetches got that take pieces of these sizes as often as they may."""
    next_at = [0.0] * len(sizes)
    got = [0] * len(sizes)
    while min(next_at) < until:
        which = next_at.index(min(next_at))
        got[which] += sizes[which]
        next_at[which] += throttle.wait_s(sizes[which], next_at[which])
    return got


class ThrottleTests(SynchronousTestCase):
    """Laws of the throttle."""

    def test_no_bound(self) -> None:
        """Without a bound nobody waits."""
        self.assertEqual(Throttle().wait_s(1 << 40, 5.0), 0.0)

    def test_nothing_saved_up(self) -> None:
        """What was not taken for a while is not there later."""
        throttle = Throttle(100.0)
        self.assertEqual(throttle.wait_s(50, 0.0), 0.5)
        self.assertEqual(throttle.wait_s(50, 1000.0), 0.5)

    @settings(deadline=None)
    @given(st.integers(1, 8), st.integers(1, 1000), st.integers(100, 10_000))
    def test_shared_alike(self, fetches: int, size: int, bytes_ps: int) -> None:
        """Together they get what there is and no more (safety); each gets the same (liveness)."""
        until = 50.0 * fetches * size / bytes_ps
        got = simulated(Throttle(bytes_ps), [size] * fetches, until)
        self.assertLessEqual(sum(got), until * bytes_ps + fetches * size + 1e-6)
        self.assertGreaterEqual(sum(got), until * bytes_ps - size - 1e-6)
        self.assertLessEqual(max(got) - min(got), size)


class EvictionTests(SynchronousTestCase):
    """Which packages are let go of."""

    PACKAGES = st.builds(
        Kept,
        st.text("abcdef", min_size=1, max_size=3),
        st.integers(0, 100),
        st.floats(0, 100),
    )

    @settings(deadline=None)
    @given(
        st.lists(PACKAGES, unique_by=lambda kept: kept.name),
        st.sets(st.text("abcdef", min_size=1, max_size=3)),
        st.integers(0, 300),
    )
    def test_laws(self, kept: list[Kept], in_use: set[str], most_bytes: int) -> None:
        """None in use goes; the rest fits, unless it is in use; none stays that is older."""
        gone = set(superfluous(kept, in_use, most_bytes))
        self.assertFalse(gone & in_use)
        stay = [package for package in kept if package.name not in gone]
        free = [package for package in stay if package.name not in in_use]
        self.assertTrue(sum(package.size for package in stay) <= most_bytes or not free)
        youngest = max((package.used_at for package in kept if package.name in gone), default=0.0)
        self.assertTrue(all(package.used_at >= youngest for package in free))
