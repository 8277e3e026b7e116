"""What happened, as far back as it is kept, and who wants to read of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.agents import Agent
from galaxy.master.chronicle import MOST_QUOTED, PODS_PER_HAPPENING, Chronicle, Wanted
from galaxy.master.events import Happening, Pods
from tests.master.examples import NOW


def happening(
    kind: str = "job",
    after: str = "kJobNormal",
    *,
    time: float = NOW,
    job_id: str = "web_1",
    endpoint: str = "",
    said: tuple[str, ...] = (),
    pods: tuple[tuple[int, str], ...] = (),
) -> Happening:
    """Something that happened."""
    alike = Pods()
    for index, where in pods:
        alike.add(index, Agent(1, where, NOW))
    return Happening(
        kind,
        time,
        "",
        after,
        "why",
        "ada@h",
        job_id=job_id,
        endpoint=endpoint,
        pods=alike,
        said=said,
    )


class EvidenceTests(SynchronousTestCase):
    """What tasks said last."""

    def test_told(self) -> None:
        (event,) = Wanted().events(1, happening("task", said=("no such table",)))
        self.assertEqual(list(event.said), ["no such table"])

    def test_bounded(self) -> None:
        """Of the latest it is kept, of earlier ones the event without it."""
        chronicle = Chronicle(kept=10 * MOST_QUOTED, first=7, since=NOW)
        for number in range(MOST_QUOTED + 3):
            chronicle.add([happening("task", said=(str(number),)), happening()])
        said = [each.said for _, each in chronicle.read(0, 10**6) if each.kind == "task"]
        self.assertEqual(said[:4], [(), (), (), ("3",)])
        self.assertEqual(len([each for each in said if each]), MOST_QUOTED)

    def test_dropped(self) -> None:
        """Those that are kept no longer are of no concern."""
        chronicle = Chronicle(kept=2, first=7, since=NOW)
        for number in range(MOST_QUOTED + 5):
            chronicle.add([happening("task", said=(str(number),))])
        self.assertEqual(len(chronicle.read(0, 10**6)), 2)


class ChronicleLaws(SynchronousTestCase):
    """The ring."""

    @settings(deadline=None)
    @given(
        kept=st.integers(1, 5),
        batches=st.lists(st.lists(st.integers(0, 30), max_size=6), max_size=8),
        start=st.integers(0, 60),
    )
    def test_the_latest_are_kept_in_order_and_no_more_than_the_bound(
        self, kept: int, batches: list[list[int]], start: int
    ) -> None:
        """Safety: numbers are never given twice, memory is bounded, the last is there."""
        chronicle = Chronicle(kept, 1, NOW)
        added: list[Happening] = []
        for batch in batches:
            happened = [
                happening(time=NOW + len(added) + n, pods=((0, "a:1"),) * pods)
                for n, pods in enumerate(batch)
            ]
            chronicle.add(happened)
            added.extend(happened)
        read = chronicle.read(1, 1000)
        self.assertEqual(chronicle.next, 1 + len(added))
        self.assertEqual(
            [number for number, _ in read], list(range(chronicle.first, 1 + len(added)))
        )
        self.assertEqual([each for _, each in read], added[chronicle.first - 1 :])
        self.assertLessEqual(len(read), kept)
        if len(read) > 1:
            pods = sum(len(each.pods) for _, each in read)
            self.assertLessEqual(pods, kept * PODS_PER_HAPPENING)
        self.assertEqual(bool(read), bool(added))
        if chronicle.first > 1:
            self.assertEqual(chronicle.since, added[chronicle.first - 2].time)
        self.assertEqual(chronicle.read(start, 3), [pair for pair in read if pair[0] >= start][:3])


class WantedTests(SynchronousTestCase):
    """Filters, and the shape of events."""

    pods = happening("pod", "kStageDeath", pods=((1, "a:1"), (2, "b:1"), (3, "a:1")), time=NOW + 1)

    def read(self, what: Wanted, one: Happening | None = None) -> list[tuple[str, list[int]]]:
        events = what.events(7, one or self.pods)
        return [(event.endpoint, list(event.indexes)) for event in events]

    def test_pods_that_changed_alike_are_an_event_for_each_machine(self) -> None:
        self.assertEqual(self.read(Wanted()), [("a:1", [1, 3]), ("b:1", [2])])
        self.assertEqual({event.number for event in Wanted().events(7, self.pods)}, {7})

    def test_of_one_pod(self) -> None:
        self.assertEqual(self.read(Wanted("web_1", 2)), [("b:1", [2])])
        self.assertEqual(self.read(Wanted("web_1", 9)), [])
        self.assertEqual(self.read(Wanted("web_1", 2), happening()), [])

    def test_of_one_machine(self) -> None:
        self.assertEqual(self.read(Wanted(endpoint="a:1")), [("a:1", [1, 3])])
        agent = happening("agent", "kDead", job_id="", endpoint="a:1")
        self.assertEqual(self.read(Wanted(endpoint="a:1"), agent), [("a:1", [])])
        self.assertEqual(self.read(Wanted(endpoint="b:1"), agent), [])

    def test_of_one_job(self) -> None:
        self.assertEqual(self.read(Wanted("web_2")), [])

    def test_since(self) -> None:
        self.assertEqual(self.read(Wanted(since=NOW + 1.1)), [])
        self.assertEqual(len(self.read(Wanted(since=NOW + 1))), 2)

    def test_all_that_is_known_is_said(self) -> None:
        (event,) = Wanted().events(7, happening("agent", "kDead", job_id="", endpoint="a:1"))
        said = (event.kind, event.after, event.reason, event.actor, event.level, event.time)
        self.assertEqual(said, ("agent", "kDead", "why", "ada@h", "error", NOW))
