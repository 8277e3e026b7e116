"""A later attempt takes the place of an earlier one, on the machine and in the directory it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.accounting import Accounts
from galaxy.agent.admission import Isolation, Order, Refused
from galaxy.agent.book import Book
from galaxy.agent.boxes import Boxes
from galaxy.agent.draft import Draft
from galaxy.agent.records import Phase, Pod, PodKey, Task
from galaxy.agent.store import Remembered
from galaxy.agent.users import Users
from galaxy.gce.memory_machine import Behaviour
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    Port,
    Tmpfs,
    kAgentError,
    kBatch,
    kConflict,
    kPodPending,
    kPodRunning,
    kPodTerminate,
    kQuota,
    kStaleEpoch,
)
from tests.agent.machines import (
    GIB,
    JOB,
    KEY,
    MAIN,
    Machine,
    MachineTests,
    description,
    run_request,
)

ISOLATED = Isolation("cgroup-v2")


def key(incarnation: int, index: int = 0) -> PodKey:
    """An attempt at a slot."""
    return PodKey(JOB, index, incarnation)


def ported(version: str, *ports: Port, millicores: int = 100) -> Description:
    """A version that asks for ports."""
    described = description(version=version, millicores=millicores)
    described.pod.requirement.ports.extend(ports)
    return described


class BookTests(SynchronousTestCase):
    """What is granted, and what is entered."""

    def setUp(self) -> None:
        self.book = Book(Accounts(1000, GIB), Users(1000))

    def draft(self, incarnation: int, described: Description) -> tuple[Draft, Pod | Refused]:
        """A draft in which an attempt is ordered."""
        draft = Draft(self.book)
        draft.describe([described])
        verdict = draft.run(Order(key(incarnation), described.version), ISOLATED, 5.0)
        assert isinstance(verdict, Pod | Refused)
        return draft, verdict

    def adopt(self, incarnation: int, described: Description) -> Pod:
        """Have an attempt in the book."""
        draft, pod = self.draft(incarnation, described)
        assert isinstance(pod, Pod), pod
        self.book.adopt(draft.changes())
        return pod

    def test_entered(self) -> None:
        """The earlier one is to stop, the later one waits for it; both are written at once."""
        self.adopt(1, description(millicores=800))
        draft, pod = self.draft(2, description(version="v2", millicores=900))
        assert isinstance(pod, Pod)
        self.assertEqual((pod.predecessor, pod.home), (key(1), key(1)))
        self.assertEqual({pod.key for pod in draft.changes().pods}, {key(1), key(2)})
        self.book.adopt(draft.changes())
        self.assertIn("incarnation 2", self.book.pods[key(1)].stop_reason or "")
        self.assertEqual(self.book.slots[JOB, 0], key(2))

    def test_greater_of_both(self) -> None:
        """Until the earlier one is gone, the two hold the greater of their grants."""
        self.adopt(1, description(millicores=800, memory=100))
        self.adopt(2, description(version="v2", millicores=300, memory=200))
        grants = self.book.accounts.grants
        self.assertEqual([grants[key(n)].millicores for n in (1, 2)], [500, 300])
        self.assertEqual([grants[key(n)].memory_bytes for n in (1, 2)], [0, 200])
        draft = Draft(self.book)
        draft.forget(key(1))
        self.book.adopt(draft.changes())
        self.assertEqual(list(self.book.accounts.grants), [key(2)])
        self.assertEqual(self.book.pods[key(2)].predecessor, None)

    def test_out_of_the_box(self) -> None:
        """What goes on as another account begins in a directory of its own; back, too."""
        self.book = Book(Accounts(1000, GIB), Users(0, unboxed="nobody"))
        boxed, unboxed = description(), description(version="v2")
        boxed.pod.namespace_isolation = True
        found = [
            (pod.user, pod.home.incarnation)
            for number, version in enumerate((boxed, boxed, unboxed, unboxed, boxed), 1)
            for pod in [self.adopt(number, version)]
        ]
        expected = [("galaxy", 1), ("galaxy", 1), ("nobody", 3), ("nobody", 3), ("galaxy", 5)]
        self.assertEqual(expected, found)

    def test_boxes_only(self) -> None:
        """Where no account is for tasks without a box, they are refused; what is there runs on."""
        self.book = Book(Accounts(1000, GIB), Users(0))
        boxed = description()
        boxed.pod.namespace_isolation = True
        before = self.adopt(1, boxed)
        draft, refused = self.draft(2, description(version="v2"))
        assert isinstance(refused, Refused)
        self.assertIn("agent.unboxed_user names no account", refused.reason)
        self.assertFalse(draft.changes())
        self.assertEqual(self.book.pods, {key(1): before})

    def test_no_place_for_a_volume(self) -> None:
        """A pod in a box is refused for where its volume is to be; one without has none."""
        self.book.boxes = Boxes(Path("/data"), ("/usr",))
        boxed = description()
        boxed.pod.namespace_isolation = True
        boxed.pod.requirement.tmpfs.MergeFrom(Tmpfs(size=1, path="/usr"))
        _draft, refused = self.draft(1, boxed)
        assert isinstance(refused, Refused)
        self.assertEqual(kAgentError, refused.status)
        self.assertIn("/usr is no place for a volume", refused.reason)
        boxed.pod.namespace_isolation = False
        self.adopt(1, boxed)

    def test_does_not_fit(self) -> None:
        """What does not fit into what is free and its own is refused; the earlier one runs on."""
        before = self.adopt(1, description(millicores=800))
        draft, refused = self.draft(2, description(version="v2", millicores=1100))
        assert isinstance(refused, Refused)
        self.assertEqual(refused.status, kQuota)
        self.assertIn("asks 1100 millicores, 1000 of 1000 are free", refused.reason)
        self.assertFalse(draft.changes())
        self.assertEqual(self.book.pods, {key(1): before})
        self.assertEqual(self.book.accounts.grants[key(1)].millicores, 800)

    def test_discarded(self) -> None:
        """A take-over that was not written has not begun."""
        self.adopt(1, ported("v1", Port(name="http", dynamic=True), millicores=800))
        before = dict(self.book.accounts.grants)
        draft, _pod = self.draft(2, ported("v2", Port(name="http", dynamic=True), millicores=900))
        draft.discard()
        self.assertEqual(self.book.accounts.grants, before)

    def test_ports(self) -> None:
        """Dynamic ports keep their numbers by name; others are the requirement's."""
        http, admin = Port(name="http", dynamic=True), Port(name="admin", dynamic=True)
        self.adopt(1, ported("v1", http, admin, Port(name="old", port=8080)))
        pod = self.adopt(2, ported("v2", admin, Port(name="new", dynamic=True), http))
        self.assertEqual(pod.ports, (("admin", 20001), ("new", 20002), ("http", 20000)))
        self.assertEqual(self.book.accounts.grants[key(1)].ports, (("old", 8080),))

    def test_number_claimed(self) -> None:
        """A dynamic port does not keep a number that the later version fixes for another."""
        http = Port(name="http", dynamic=True)
        self.adopt(1, ported("v1", http))
        pod = self.adopt(2, ported("v2", http, Port(name="fixed", port=20000)))
        self.assertEqual(pod.ports, (("http", 20001), ("fixed", 20000)))

    def test_once_more(self) -> None:
        """One that waits itself is dropped for a third, which waits for the first."""
        self.adopt(1, description(millicores=800))
        self.adopt(2, description(version="v2", millicores=300))
        draft, pod = self.draft(3, description(version="v3", millicores=900))
        assert isinstance(pod, Pod)
        self.assertEqual((pod.predecessor, pod.home), (key(1), key(1)))
        self.assertEqual(draft.changes().forgotten, (key(2),))
        self.book.adopt(draft.changes())
        self.assertEqual(set(self.book.pods), {key(1), key(3)})
        self.assertEqual(self.book.slots[JOB, 0], key(3))
        self.assertEqual(self.book.accounts.grants[key(3)].millicores, 900)
        self.assertEqual(self.book.accounts.grants[key(1)].millicores, 0)

    def test_once_more_refused(self) -> None:
        """When the third does not fit, the second goes on waiting."""
        self.adopt(1, description(millicores=800))
        second = self.adopt(2, description(version="v2", millicores=300))
        before = dict(self.book.accounts.grants)
        _draft, refused = self.draft(3, description(version="v3", millicores=2000))
        self.assertIsInstance(refused, Refused)
        self.assertEqual(self.book.pods[key(2)], second)
        self.assertEqual(self.book.accounts.grants, before)

    def test_of_finished(self) -> None:
        """A slot that has finished is not run again: the master has yet to hear of it."""
        pod = self.adopt(1, description())
        self.book.pods[key(1)] = evolve(pod, tasks=(Task(Phase.FINISHED),))
        _draft, refused = self.draft(2, description(version="v2"))
        assert isinstance(refused, Refused)
        self.assertEqual(refused.status, kConflict)
        self.assertIn("has finished", refused.reason)

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 900), st.booleans(), st.booleans()),
            max_size=25,
        )
    )
    def test_laws(self, history: list[tuple[int, int, bool, bool]]) -> None:
        """Safety: never over-committed; a refused or discarded order changes nothing; a restart
        finds the grants as they were."""
        book = Book(Accounts(1000, GIB), Users(1000))
        incarnation = 0
        for index, millicores, gone, discarded in history:
            incarnation += 1
            draft = Draft(book)
            if gone and (earlier := [each for each in book.pods if each.index == index]):
                draft.forget(min(earlier))
            before = dict(book.accounts.grants)
            described = ported(
                f"v{incarnation}", Port(name="x", dynamic=True), millicores=millicores
            )
            draft.describe([described])
            verdict = draft.run(Order(key(incarnation, index), described.version), ISOLATED, 5.0)
            if isinstance(verdict, Refused):
                self.assertEqual(book.accounts.grants, before)
            if discarded:
                draft.discard()
                continue
            book.adopt(draft.changes())
            grants = book.accounts.grants
            self.assertEqual(set(grants), set(book.pods))
            self.assertLessEqual(sum(grant.millicores for grant in grants.values()), 1000)
            held = [number for grant in grants.values() for _name, number in grant.ports]
            self.assertEqual(len(held), len(set(held)))
            remembered = Remembered(tuple(book.pods.values()), book.descriptions)
            restored = Book.restored(remembered, Accounts(1000, GIB), Users(1000))
            self.assertEqual(restored.accounts.grants, grants)
            self.assertEqual(restored.slots, book.slots)


class TakeoverTests(MachineTests):
    """A take-over, over the whole agent."""

    def take_over(self, incarnation: int = 2, **more: Any) -> None:
        """Order a later attempt; it is taken."""
        described = description(version=f"v{incarnation}", **more)
        answer = self.machine.run(run_request(described, 0, incarnation=incarnation))
        self.assertEqual(list(answer.refusals), [])

    def workspace(self) -> Path:
        """The directory of the only pod."""
        return Path(self.machine.pods()[-1].path)

    def test_in_place(self) -> None:
        """The earlier one is stopped, then the later one runs, where the other was."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=3.0)
        self.run_one(millicores=1500)
        (self.workspace() / "0" / "kept").write_text("by v1")
        self.take_over(millicores=1600)
        self.machine.advance(2)
        states = {pod.incarnation: pod.state for pod in self.machine.pods()}
        self.assertEqual(states, {1: kPodTerminate, 2: kPodPending})
        self.assertEqual([process.container for process in self.machine.gce.running()], [MAIN])
        self.machine.advance(3)
        pod = self.machine.pod()
        self.assertEqual((pod.incarnation, pod.version, pod.state), (2, "v2", kPodRunning))
        self.assertEqual((self.workspace() / "0" / "kept").read_text(), "by v1")

    def test_told(self) -> None:
        """Of a slot the later attempt is told, and the earlier one as removed when it is gone."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=3.0)
        self.run_one()
        before = self.machine.query()
        self.take_over()
        told = self.machine.query(before.revision, before.instance)
        self.assertEqual([list(group.incarnation) for group in told.groups], [[2]])
        self.assertIn("waits until incarnation 1 is gone", told.groups[0].reason)
        self.assertEqual(list(told.removed), [])
        (whole,) = self.machine.query().groups
        self.assertEqual(list(whole.incarnation), [2])
        self.machine.advance(5)
        later = self.machine.query(told.revision, told.instance)
        self.assertEqual([list(group.incarnation) for group in later.removed], [[1]])

    def test_repeated(self) -> None:
        """A repeat of the order changes nothing, whenever it comes; nor does a late earlier one."""
        self.run_one()
        self.take_over()
        self.take_over()
        self.machine.advance(2)
        self.take_over()
        late = self.machine.run(run_request(description(), 0))
        self.assertEqual([refusal.status for refusal in late.refusals], [kConflict])
        self.assertEqual(self.machine.pod().incarnation, 2)
        self.assertEqual(len(self.machine.gce.launched()), 2)

    def test_stale_epoch(self) -> None:
        """A master whose reign is over takes nothing over."""
        self.machine.run(run_request(description(), 0), epoch=7)
        request = run_request(description(version="v2"), 0, incarnation=2)
        answer = self.machine.master().run_pods(request, epoch=6)
        self.assertEqual(self.machine.refused(answer, GalaxyError).status, kStaleEpoch)
        self.assertEqual(self.machine.pod().incarnation, 1)

    def test_refused(self) -> None:
        """One that does not fit is refused, and the earlier one is the same process as before."""
        self.run_one()
        pids = self.machine.pids()
        request = run_request(description(version="v2", millicores=3000), 0, incarnation=2)
        (refusal,) = self.machine.run(request).refusals
        self.assertEqual(refusal.status, kQuota)
        self.machine.advance(60)
        self.assertEqual(self.machine.pids(), pids)

    def test_killed_while_waiting(self) -> None:
        """One that is killed while it waits is gone when the earlier one is, and not before."""
        self.machine.behave = lambda process, spec: Behaviour(term_s=3.0)
        self.run_one()
        self.take_over()
        self.assertEqual(list(self.machine.kill_pods(key(2)).gone), [])
        self.machine.advance(2)
        self.assertEqual(len(self.machine.pods()), 2)
        self.machine.advance(3)
        self.assertEqual(self.machine.pods(), [])
        self.assertEqual(len(self.machine.gce.launched()), 1)

    def test_of_failed(self) -> None:
        """The place of one that was given up is taken, and its container is gone first."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0", exit_code=1)
        self.machine.advance(0.5)
        self.take_over()
        self.machine.advance(0.5)
        self.assertEqual(self.machine.pod().state, kPodRunning)

    def test_home_goes(self) -> None:
        """The directory is buried with the last attempt that lived in it."""
        self.run_one()
        self.take_over()
        self.machine.advance(2)
        home = self.workspace()
        self.machine.restart()
        self.assertTrue(home.is_dir())
        self.machine.kill_pods(key(2))
        self.machine.advance(2)
        self.assertFalse(home.exists())


@define
class MortalDisk:
    """Writes so many times more; what waits for the last write waits for ever."""

    left: int

    def __call__(self, work: Any) -> Deferred[Any]:
        """Write, and fire; unless it is over."""
        if self.left <= 0:
            return Deferred()
        self.left -= 1
        written = maybeDeferred(work)
        return written if self.left else Deferred()


class ThirdTests(SynchronousTestCase):
    """A third attempt is ordered while the first one goes, on a disk that takes its time."""

    WRITE_S = 0.01

    def ordered_after(self, seconds: float) -> None:
        """Order another slot so long after the second attempt, and right then the third."""
        machine = Machine(self, Path(self.mktemp()).absolute())
        machine.behave = lambda process, spec: Behaviour(term_s=0.5)
        machine.disk = lambda work: deferLater(machine.clock, self.WRITE_S, work)
        machine.start()
        master = machine.master()
        for index, incarnation, then_s in ((0, 1, 1.0), (0, 2, seconds), (1, 1, 0.01), (0, 3, 3.0)):
            order = run_request(
                description(version=f"v{incarnation}"), index, incarnation=incarnation
            )
            master.run_pods(order, epoch=1).addErrback(self.fail)
            machine.clock.pump([0.001] * round(then_s / 0.001))
        found = {(pod.index, pod.incarnation): pod.reason for pod in machine.pods()}
        self.assertEqual(found, {(0, 3): "", (1, 1): ""})
        machine.kill()

    def test_any_moment(self) -> None:
        """It runs in the end, also if one turn takes it and sees the first one gone."""
        for step in range(30):
            self.ordered_after(0.45 + step * self.WRITE_S / 2)


class CrashTests(SynchronousTestCase):
    """The agent is killed after any of the writes of a take-over, before all that follows."""

    def crash_after(self, writes: int) -> bool:
        """Play a take-over with one crash; whether so many writes were made at all."""
        directory = Path(self.mktemp()).absolute()
        machine = Machine(self, directory, behave=lambda process, spec: Behaviour(term_s=1.0))
        machine.start()
        machine.run(run_request(description(), 0))
        machine.advance(0.5)
        home = Path(machine.pod().path)
        (home / "0" / "kept").write_text("by v1")
        machine.kill()
        machine.disk = disk = MortalDisk(writes)
        machine.start()
        order = run_request(description(version="v2", millicores=200), 0, incarnation=2)
        machine.master().run_pods(order, epoch=1).addErrback(lambda _: None)
        self.watched(machine, 4.0)
        died = disk.left == 0
        machine.kill()
        machine.disk = maybeDeferred
        machine.start()
        machine.run(order)
        self.watched(machine, 4.0)
        pod = machine.pod()
        self.assertEqual((pod.incarnation, pod.state), (2, kPodRunning))
        self.assertEqual((home / "0" / "kept").read_text(), "by v1")
        self.assertEqual(pod.path, str(home))
        mains = [process for process in machine.gce.launched() if process.name == "main.0"]
        self.assertEqual([each.container for each in mains], [MAIN, key(2).container(0)])
        machine.kill()
        return died

    def watched(self, machine: Machine, seconds: float) -> None:
        """Let time pass; never do two attempts run."""
        for _ in range(round(seconds / 0.05)):
            machine.advance(0.05)
            self.assertLessEqual(len(machine.gce.running()), 1)

    def test_any_write(self) -> None:
        """Safety and liveness: the later one runs once, in the directory, after the earlier."""
        writes = 0
        while self.crash_after(writes):
            writes += 1
        self.assertGreater(writes, 4)


class KeyTests(SynchronousTestCase):
    """Names."""

    def test_home(self) -> None:
        """A pod that took nobody's place lives in its own directory."""
        pod = Pod(KEY, "v1", "", 0.0, ())
        self.assertEqual((pod.home, pod.predecessor), (KEY, None))
