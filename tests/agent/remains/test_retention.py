"""For how long what remains of dead pods is kept."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.remains.retention import HANDFUL, Retention, collectable

RULES = Retention(keep_s=100.0, most=50, least_free_share=0.1)


def dead(*times: float) -> dict[PodKey, float]:
    """Pods that died at these times."""
    return {PodKey("web_1", index, 1): when for index, when in enumerate(times)}


def indexes(died: dict[PodKey, float], now: float, free: float = 0.5) -> list[int]:
    """Which of them are to go."""
    return [key.index for key in collectable(died, now, free, RULES)]


class CollectableTests(SynchronousTestCase):
    """By age, number, and room."""

    def test_age(self) -> None:
        """What is old enough goes, the oldest first."""
        self.assertEqual(indexes(dead(20.0, 10.0, 30.0), now=120.0), [1, 0])
        self.assertEqual(indexes(dead(20.0, 10.0, 30.0), now=109.0), [])

    def test_number(self) -> None:
        """Beyond so many, the oldest go before their time."""
        self.assertEqual(indexes(dead(*range(52)), now=60.0), [0, 1])

    def test_room(self) -> None:
        """On a full disk a handful of the oldest goes, and then it is looked at again."""
        found = indexes(dead(*range(20)), now=60.0, free=0.05)
        self.assertEqual(found, list(range(HANDFUL)))

    @settings(deadline=None)
    @given(
        st.lists(st.floats(0, 1000), max_size=80), st.floats(0, 1000), st.sampled_from([0.05, 0.5])
    )
    def test_oldest_first(self, times: list[float], now: float, free: float) -> None:
        """Safety: nothing goes that is younger than something that stays."""
        died = dead(*times)
        going = collectable(died, now, free, RULES)
        staying = [when for key, when in died.items() if key not in going]
        self.assertTrue(all(died[key] <= when for key in going for when in staying))
        self.assertLessEqual(len(staying), RULES.most)
