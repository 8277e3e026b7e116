"""What a master is told: all, or what changed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.ledger import Ledger
from galaxy.agent.pods import Summary
from galaxy.agent.records import PodKey
from galaxy.protocol.agent_pb2 import QueryResponse, TaskChange
from galaxy.protocol.types_pb2 import kPodDeploying, kPodRunning

RUNNING = Summary("v1", kPodRunning, healthy=True)
DEPLOYING = Summary("v1", kPodDeploying)


def key(index: int) -> PodKey:
    """A pod."""
    return PodKey("web_1", index, 1)


class Master:
    """Keeps a picture by what it is told."""

    def __init__(self) -> None:
        self.instance = ""
        self.revision = 0
        self.pods: dict[PodKey, int] = {}

    def hear(self, answer: QueryResponse) -> None:
        """Take an answer in."""
        if answer.full:
            self.pods = {}
        for groups, gone in ((answer.removed, True), (answer.groups, False)):
            for group in groups:
                for index, incarnation in zip(group.index, group.incarnation, strict=True):
                    pod = PodKey(group.job_id, index, incarnation)
                    if gone:
                        self.pods.pop(pod, None)
                    else:
                        self.pods[pod] = group.state
        self.instance, self.revision = answer.instance, answer.revision


class LedgerTests(SynchronousTestCase):
    """Revisions and deltas."""

    def test_groups(self) -> None:
        """Pods of one job that are alike travel together."""
        ledger = Ledger("i")
        for index in range(5):
            ledger.say(key(index), RUNNING if index < 4 else DEPLOYING)
        sizes = sorted(len(group.index) for group in ledger.answer("", 0).groups)
        self.assertEqual(sizes, [1, 4])

    def test_no_news(self) -> None:
        """To say the same again is no news, and costs nobody a query."""
        ledger = Ledger("i")
        self.assertTrue(ledger.say(key(0), RUNNING))
        revision = ledger.revision
        self.assertFalse(ledger.say(key(0), RUNNING))
        self.assertEqual(ledger.revision, revision)

    def test_delta(self) -> None:
        """Only what changed since, and what is gone since."""
        ledger = Ledger("i")
        for index in range(3):
            ledger.say(key(index), DEPLOYING)
        since = ledger.revision
        ledger.say(key(1), RUNNING)
        ledger.bury(key(2), "v1")
        answer = ledger.answer("i", since)
        self.assertFalse(answer.full)
        self.assertEqual([list(group.index) for group in answer.groups], [[1]])
        self.assertEqual([list(group.index) for group in answer.removed], [[2]])

    def test_another_instance(self) -> None:
        """A revision of another instance says nothing: all is told."""
        ledger = Ledger("i")
        ledger.say(key(0), RUNNING)
        self.assertTrue(ledger.answer("before", 99).full)

    def test_deeds(self) -> None:
        """What people did is in its order in a delta, and all that is left of it in what is all."""
        ledger = Ledger("i")
        ledger.note_deed(TaskChange(reason="first"))
        ledger.note([TaskChange(reason="trouble")])
        since = ledger.revision
        ledger.note_deed(TaskChange(reason="last"))
        ledger.note([TaskChange(reason="more")])

        def told(instance: str, since: int) -> list[str]:
            return [change.reason for change in ledger.answer(instance, since).task_changes]

        self.assertEqual(told("i", 1), ["first", "trouble", "last", "more"])
        self.assertEqual((told("i", since), told("", 0)), (["last", "more"], ["first", "last"]))
        self.assertEqual([deed.reason for deed in ledger.heard("i", since)], ["first"])
        self.assertEqual((told("", 0), ledger.heard("before", 99)), (["last"], []))

    def test_old_tombstones(self) -> None:
        """Who asks for what lies before the tombstones that are left is told all."""
        ledger = Ledger("i", most_tombstones=2)
        for index in range(4):
            ledger.say(key(index), RUNNING)
        since = ledger.revision
        for index in range(4):
            ledger.bury(key(index), "v1")
        self.assertTrue(ledger.answer("i", since).full)
        self.assertFalse(ledger.answer("i", ledger.revision - 1).full)

    def test_superseded(self) -> None:
        """An attempt that has a successor is not told of, until it is gone."""
        ledger = Ledger("i")
        ledger.say(key(0), RUNNING)
        since = ledger.revision
        ledger.supersede(key(0))
        self.assertEqual(list(ledger.answer("", 0).groups), [])
        self.assertEqual(list(ledger.answer("i", since).removed), [])
        ledger.bury(key(0), "v1")
        self.assertEqual([list(group.index) for group in ledger.answer("i", since).removed], [[0]])

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["run", "deploy", "bury", "ask"])))
    )
    def test_same_picture(self, history: list[tuple[int, str]]) -> None:
        """Safety: who follows by deltas knows what one knows who asks for all."""
        ledger = Ledger("i", most_tombstones=2)
        follower = Master()
        for index, what in [*history, (0, "ask")]:
            match what:
                case "run":
                    ledger.say(key(index), RUNNING)
                case "deploy":
                    ledger.say(key(index), DEPLOYING)
                case "bury":
                    ledger.bury(key(index), "v1")
                case _:
                    follower.hear(ledger.answer(follower.instance, follower.revision))
        fresh = Master()
        fresh.hear(ledger.answer("", 0))
        self.assertEqual(follower.pods, fresh.pods)
