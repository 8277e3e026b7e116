"""The book and its drafts: what is adopted, what is undone."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.accounting import Accounts
from galaxy.agent.admission import Isolation, Known, Order, Refused
from galaxy.agent.book import Book
from galaxy.agent.draft import Draft, ForeignOrder, StaleOrder
from galaxy.agent.records import Phase, Pod, PodKey, Task
from galaxy.agent.store import Remembered
from galaxy.agent.users import Users
from galaxy.protocol.types_pb2 import kQuota
from tests.agent.machines import GIB, JOB, description

ISOLATED = Isolation("cgroup-v2")
VERSION = (JOB, "v1")


def key(index: int, incarnation: int = 1) -> PodKey:
    """An attempt at a slot."""
    return PodKey(JOB, index, incarnation)


class DraftTests(SynchronousTestCase):
    """Drafts of one turn."""

    def setUp(self) -> None:
        self.book = Book(Accounts(1000, GIB), Users(1000))

    def run_pod(self, draft: Draft, index: int, millicores: int = 400) -> Pod | Known | Refused:
        """Draft a pod."""
        draft.describe([description(millicores=millicores)])
        return draft.run(Order(key(index), "v1"), ISOLATED, 5.0)

    def adopt(self, *index: int) -> None:
        """Have pods in the book."""
        draft = Draft(self.book)
        for one in index:
            self.assertIsInstance(self.run_pod(draft, one), Pod)
        self.book.adopt(draft.changes())

    def test_adopt(self) -> None:
        """What is adopted is in the book: pods, slots, descriptions, epoch."""
        draft = Draft(self.book)
        draft.obey(3)
        self.run_pod(draft, 0)
        changes = draft.changes()
        self.assertEqual([pod.key for pod in changes.pods], [key(0)])
        self.assertEqual((list(changes.descriptions), changes.epoch), ([VERSION], 3))
        self.book.adopt(draft.changes())
        self.assertEqual((list(self.book.pods), self.book.epoch), ([key(0)], 3))
        self.assertEqual(self.book.slots[JOB, 0], key(0))

    def test_discard(self) -> None:
        """What is discarded leaves nothing, and gives back what it took."""
        self.adopt(0)
        draft = Draft(self.book)
        self.run_pod(draft, 1)
        draft.forget(key(0))
        draft.discard()
        self.assertEqual(list(self.book.accounts.grants), [key(0)])
        self.assertEqual(list(self.book.pods), [key(0)])

    def test_one_turn(self) -> None:
        """Orders in one draft see one another: what the first took the second cannot have."""
        draft = Draft(self.book)
        verdicts = [self.run_pod(draft, index) for index in range(3)]
        self.assertIsInstance(verdicts[2], Refused)
        assert isinstance(verdicts[2], Refused)
        self.assertEqual(verdicts[2].status, kQuota)

    def test_room_at_once(self) -> None:
        """What a forgotten pod held can be had in the same draft."""
        self.adopt(0, 1)
        draft = Draft(self.book)
        draft.forget(key(0))
        self.assertIsInstance(self.run_pod(draft, 5), Pod)

    def test_description_goes(self) -> None:
        """A description is dropped with the last pod that runs it."""
        self.adopt(0, 1)
        draft = Draft(self.book)
        draft.forget(key(0))
        self.assertEqual(draft.changes().dropped, ())
        self.book.adopt(draft.changes())
        draft = Draft(self.book)
        draft.forget(key(1))
        self.assertEqual(draft.changes().dropped, (VERSION,))
        self.book.adopt(draft.changes())
        self.assertEqual(self.book.descriptions, {})

    def test_unused_description(self) -> None:
        """A description whose pods were all refused is not kept."""
        draft = Draft(self.book)
        self.run_pod(draft, 0, millicores=5000)
        self.assertEqual(draft.changes().descriptions, {})
        self.book.adopt(draft.changes())
        self.assertEqual(self.book.descriptions, {})

    def test_epochs(self) -> None:
        """A lower epoch is refused, a higher one is written, the same is nothing new."""
        first = Draft(self.book)
        first.obey(5)
        self.book.adopt(first.changes())
        second = Draft(self.book)
        second.obey(5)
        self.assertFalse(second.changes())
        with self.assertRaises(StaleOrder):
            second.obey(4)

    def test_clusters(self) -> None:
        """The first that is named is obeyed, by all pods; another only when there are none."""
        self.obey(5, "")
        self.obey(6, "ours")
        self.obey(7, "")
        self.assertEqual((self.book.epoch, self.book.cluster), (7, "ours"))
        self.obey(3, "another")
        self.assertEqual((self.book.epoch, self.book.cluster), (3, "another"))
        self.adopt(0)
        draft = Draft(self.book)
        with self.assertRaisesRegex(ForeignOrder, "has pods of cluster another, yours is ours"):
            draft.obey(8, "ours")
        self.assertFalse(draft.changes())

    def obey(self, epoch: int, cluster: str) -> None:
        """A command of a reign, written and adopted."""
        draft = Draft(self.book)
        draft.obey(epoch, cluster)
        self.book.adopt(draft.changes())

    def test_stop_ended(self) -> None:
        """A pod that has ended is forgotten by the word that stops it."""
        self.adopt(0)
        ended = evolve(self.book.pods[key(0)], tasks=(Task(Phase.FINISHED),))
        self.book.pods[key(0)] = ended
        draft = Draft(self.book)
        self.assertTrue(draft.stop(key(0), "done", 9.0))
        self.assertEqual(draft.changes().forgotten, (key(0),))

    def test_stop_running(self) -> None:
        """One that runs is to stop; the first reason stays."""
        self.adopt(0)
        draft = Draft(self.book)
        self.assertFalse(draft.stop(key(0), "first", 9.0))
        self.assertFalse(draft.stop(key(0), "second", 10.0))
        pod = draft.pod(key(0))
        assert pod is not None
        self.assertEqual((pod.stop_reason, pod.stop_time), ("first", 9.0))

    def test_restored(self) -> None:
        """A book is restored with its grants."""
        self.adopt(0, 1)
        remembered = Remembered(tuple(self.book.pods.values()), self.book.descriptions, epoch=4)
        restored = Book.restored(remembered, Accounts(1000, GIB), Users(1000))
        self.assertEqual(restored.pods, self.book.pods)
        self.assertEqual(restored.accounts.grants, self.book.accounts.grants)
        self.assertEqual(restored.epoch, 4)
