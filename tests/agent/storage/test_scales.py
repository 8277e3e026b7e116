"""What is weighed when, whatever else is slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.storage.quotas import LONGEST_LOOK_S, Part, Weight
from galaxy.agent.storage.scales import SEARCH_S, Scales
from galaxy.agent.storage.unlinked import Unlinked

MIB = 1 << 20
POD, OTHER = PodKey("web_1", 0, 1), PodKey("web_1", 1, 1)


class ScalesTests(SynchronousTestCase):
    """Two pods, each with a quota of a MiB, and a search that takes its time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.weights = {POD.name: Weight(0, device=7), OTHER.name: Weight(0, device=7)}
        self.searches: list[tuple[Deferred[Any], Callable[[], Any]]] = []
        self.exceeded: dict[PodKey, str] = {}
        scales = Scales(
            pods=lambda: [POD, OTHER],
            parts=lambda key: [Part("its workspace", key.name, MIB)],
            exceeded=self.exceeded.__setitem__,
            weigh=lambda directory, _enough: self.weights[directory],
            hidden=lambda _pods: {POD.name: Unlinked({7: 2 * MIB})},
            written=lambda _pods: {},
            free_share=lambda: 1.0,
            least_free_share=0.0,
            in_thread=maybeDeferred,
            search=self.search,
            clock=self.clock,
        )
        scales.start(self.fail)
        self.addCleanup(scales.stop)

    def search(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Nothing is found before the test says so."""
        found: Deferred[Any] = Deferred()
        self.searches.append((found, work))
        return found

    def pass_time(self, seconds: float) -> None:
        """In steps."""
        self.clock.pump([0.5] * round(2 * seconds))

    def test_a_search_that_does_not_end(self) -> None:
        """Who holds too much in sight is found all the same."""
        self.pass_time(LONGEST_LOOK_S)
        self.weights[OTHER.name] = Weight(2 * MIB)
        self.pass_time(2 * LONGEST_LOOK_S)
        self.assertEqual([OTHER], list(self.exceeded))
        self.assertEqual(1, len(self.searches))

    def test_what_is_found(self) -> None:
        """It counts when its pod is weighed next, and is searched for again."""
        self.pass_time(2)
        found, work = self.searches[0]
        found.callback(work())
        self.pass_time(LONGEST_LOOK_S + SEARCH_S)
        self.assertEqual([POD], list(self.exceeded))
        self.assertIn("in deleted files", self.exceeded[POD])
        self.assertEqual(2, len(self.searches))
