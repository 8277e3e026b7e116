"""A short soak (`make soak` runs a long one)."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.gce.engines import why_no_cgroups
from tests.soak import soak_all


class SoakTests(TestCase):
    """Kills at moments drawn from a seed, which is no promise: the machine has its own say."""

    timeout = 300
    skip = why_no_cgroups()

    async def test_twenty_kills(self) -> None:
        """Agents, engines and cradles die at random, and nothing is lost."""
        toll = await soak_all(kills=20, seed=1, machines=2)
        self.assertEqual(toll.lost, [])
        self.assertGreaterEqual(min(toll.lived.values()), 2)
