"""What of a log goes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.output.cuts import MOST_FILES, OPEN_FILES, SLACK, Punch, Remove, Weight, cuts

MIB = 1 << 20


def log(*sizes: int) -> list[Weight]:
    """Files of these sizes, the oldest first, all of them on disk."""
    return [Weight(f"0.1.main.{number}.stdout", size, size) for number, size in enumerate(sizes)]


class CutTests(SynchronousTestCase):
    """By size and by number."""

    def test_within(self) -> None:
        """What is within the bound stays whole."""
        self.assertEqual(cuts(log(MIB, 0, MIB), 2 * MIB), [])

    def test_one(self) -> None:
        """A file that is larger than the bound keeps its end."""
        self.assertEqual(cuts(log(5 * MIB), MIB), [Punch("0.1.main.0.stdout", MIB)])

    def test_punched(self) -> None:
        """What is a hole already does not count, nor is a little more worth a cut."""
        self.assertEqual(cuts([Weight("x", 100 * MIB, MIB + SLACK - 1)], MIB), [])

    def test_several(self) -> None:
        """The latest bytes stay: older attempts make room for later ones."""
        self.assertEqual(
            cuts(log(MIB, 3 * MIB, MIB, MIB), 3 * MIB),
            [Punch("0.1.main.1.stdout", MIB), Remove("0.1.main.0.stdout")],
        )

    def test_open(self) -> None:
        """A main process writes on while its stop command does: its file is not removed."""
        found = cuts(log(MIB, 5 * MIB, 5 * MIB), MIB)
        self.assertEqual(
            found,
            [
                Punch("0.1.main.2.stdout", MIB),
                Punch("0.1.main.1.stdout", 0),
                Remove("0.1.main.0.stdout"),
            ],
        )

    def test_number(self) -> None:
        """Of a task that fails over and over, only the latest attempts stay."""
        found = cuts(log(*[10] * (MOST_FILES + 3)), MIB)
        self.assertEqual(found, [Remove(f"0.1.main.{number}.stdout") for number in (2, 1, 0)])

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 10 * MIB), max_size=40), st.integers(0, 20 * MIB))
    def test_bounded(self, sizes: list[int], bound: int) -> None:
        """Safety: afterwards no more is left than the bound and a slack for each file."""
        files = log(*sizes)
        left = {file.name: file.size for file in files}
        for cut in cuts(files, bound):
            match cut:
                case Remove(name=name):
                    del left[name]
                case Punch(name=name, keep=keep):
                    left[name] = keep
        self.assertLessEqual(sum(left.values()), bound + SLACK * (1 + OPEN_FILES))
        self.assertLessEqual(len(left), MOST_FILES)
        if files:
            latest = files[-1]
            self.assertGreaterEqual(left[latest.name], min(latest.size, bound))
