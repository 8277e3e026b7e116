"""For how long what remains of dead pods is kept."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.remains.retention import HANDFUL, Retention, collectable

RULES = Retention(keep_s=100.0, most=50, least_free_share=0.1, most_bytes=1000)


def dead(*times: float) -> dict[PodKey, float]:
    """Pods that died at these times."""
    return {PodKey("web_1", index, 1): when for index, when in enumerate(times)}


def indexes(died: dict[PodKey, float], now: float, free: float = 0.5) -> list[int]:
    """Which of them are to go."""
    return [key.index for key in collectable(died, now, free, RULES, {})]


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
        going = collectable(died, now, free, RULES, {})
        staying = [when for key, when in died.items() if key not in going]
        self.assertTrue(all(died[key] <= when for key in going for when in staying))
        self.assertLessEqual(len(staying), RULES.most)

    def test_weight(self) -> None:
        """Of too much, the oldest of the job that has most goes."""
        small, *large = PodKey("a_1", 0, 1), *(PodKey("b_1", index, 1) for index in range(4))
        died = {small: 0.0, **{key: 1.0 + key.index for key in large}}
        sizes = {small: 200, **dict.fromkeys(large, 300)}
        self.assertEqual(collectable(died, 60.0, 0.5, RULES, sizes), large[:2])

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 600)), max_size=40))
    def test_fair(self, remains: list[tuple[int, int]]) -> None:
        """What stays is within the bound; who has less than an equal share of it loses nothing."""
        sizes = {PodKey(f"j_{job}", at, 1): size for at, (job, size) in enumerate(remains)}
        died = {key: float(key.index) for key in sizes}
        going = collectable(died, 60.0, 0.5, RULES, sizes)
        self.assertEqual(len(set(going)), len(going))
        staying = sizes.keys() - going
        self.assertLessEqual(sum(sizes[key] for key in staying), RULES.most_bytes)
        jobs = {key.job_id for key in sizes}
        for job in jobs:
            if sum(size for key, size in sizes.items() if key.job_id == job) * len(jobs) <= 1000:
                self.assertFalse([key for key in going if key.job_id == job])
        for key in going:
            kept = (each for each in staying if each.job_id == key.job_id and sizes[each])
            self.assertTrue(all(died[key] < died[each] for each in kept))
