"""The table of the task machine."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.moves import MOVES, Event, IllegalMove, moved
from galaxy.agent.records import Phase, Task


class TableTests(SynchronousTestCase):
    """The table itself."""

    def test_absent(self) -> None:
        """A move that the table lacks is an error that names phase and event."""
        with self.assertRaises(IllegalMove) as caught:
            moved(Task(Phase.GONE), Event.RUN)
        self.assertIn("gone", str(caught.exception))
        self.assertIn(Event.RUN.value, str(caught.exception))

    def test_every_phase_can_be_left(self) -> None:
        """Liveness: from every phase, the moves lead to GONE."""
        reach = {Phase.GONE}
        for _ in Phase:
            reach |= {before for (before, _event), after in MOVES.items() if after in reach}
        self.assertEqual(reach, set(Phase))

    def test_gone_is_the_end(self) -> None:
        """Safety: no move leads out of GONE."""
        self.assertEqual([event for phase, event in MOVES if phase is Phase.GONE], [])
