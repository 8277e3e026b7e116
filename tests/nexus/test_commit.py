"""Group commit: what shares a sync, what is acknowledged, and what a failure does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from galaxy.nexus.commit import DiskThread, GroupCommit, Staged
from galaxy.nexus.database import LevelDatabase, MemoryDatabase
from galaxy.nexus.interfaces import NexusError, Unavailable


class SlowThread:
    """A worker whose work is done when the test says so."""

    def __init__(self) -> None:
        self.begun: list[tuple[Callable[[], None], Deferred[None]]] = []

    def __call__(self, work: Callable[[], None]) -> Deferred[None]:
        """Begin."""
        done: Deferred[None] = Deferred()
        self.begun.append((work, done))
        return done

    def finish(self) -> None:
        """Do the oldest work and say so."""
        work, done = self.begun.pop(0)
        maybeDeferred(work).chainDeferred(done)


class GroupCommitTests(SynchronousTestCase):
    """With a worker that is as slow as the test wants."""

    def setUp(self) -> None:
        self.database = MemoryDatabase()
        self.thread = SlowThread()
        self.commit = GroupCommit(self.database, self.thread)

    def test_nothing_is_acknowledged_before_it_is_written(self) -> None:
        written = self.commit.write([(b"a", b"1")])
        self.assertNoResult(written)
        self.assertIsNone(self.database.get(b"a"))
        self.thread.finish()
        self.successResultOf(written)
        self.assertEqual(self.database.get(b"a"), b"1")

    def test_what_arrives_while_one_is_in_flight_goes_together(self) -> None:
        first = self.commit.write([(b"a", b"1")])
        rest = [self.commit.write([(b"b%d" % n, b"2")]) for n in range(10)]
        self.assertEqual(len(self.thread.begun), 1)
        self.thread.finish()
        self.successResultOf(first)
        self.thread.finish()
        for written in rest:
            self.successResultOf(written)
        self.assertEqual([len(batch) for batch in self.database.writes], [1, 10])

    def test_the_later_write_of_a_batch_prevails(self) -> None:
        self.commit.write([(b"other", b"")])
        self.commit.write([(b"a", b"1")])
        self.commit.write(deletes=[b"a"])
        self.commit.write([(b"a", b"3")])
        self.thread.finish()
        self.thread.finish()
        self.assertEqual(self.database.get(b"a"), b"3")

    def test_a_failure_fails_its_whole_batch_and_nothing_else(self) -> None:
        self.commit.write([(b"z", b"")])  # goes alone
        doomed = [self.commit.write([(b"a", b"1")]), self.commit.write([(b"b", b"1")])]
        self.thread.finish()
        self.database.failing = "No space left on device"
        self.thread.finish()
        for written in doomed:
            error = self.failureResultOf(written, Unavailable).value
            self.assertIn("No space left on device", str(error))
        self.database.failing = None
        self.assertIsNone(self.database.get(b"a"))
        again = self.commit.write([(b"a", b"2")])
        self.thread.finish()
        self.successResultOf(again)
        self.assertEqual(self.database.get(b"a"), b"2")

    def test_a_failure_of_another_kind_is_unavailable_too(self) -> None:
        """The cause stays with it: whoever logs it sees what happened."""
        written = self.commit.write([(b"a", b"1")])
        cause = MemoryError("no thread")
        self.thread.begun.pop()[1].errback(cause)
        self.assertIs(self.failureResultOf(written, Unavailable).value.__cause__, cause)

    def test_a_decision_sees_what_was_asked_for_before_it(self) -> None:
        seen = []
        self.commit.write([(b"a", b"1")])
        self.commit.write([(b"a", b"2")])
        decided = self.commit.decide(lambda staged: seen.append(staged.get(b"a")))
        self.thread.finish()
        self.thread.finish()
        self.successResultOf(decided)
        self.assertEqual(seen, [b"2"])

    def test_who_refuses_has_changed_nothing_and_harms_nobody(self) -> None:
        def refuse(staged: Staged) -> None:
            staged.put(b"a", b"refused")
            raise NexusError("no")

        self.commit.write([(b"z", b"")])
        before = self.commit.write([(b"a", b"1")])
        refused = self.commit.decide(refuse)
        after = self.commit.write([(b"b", b"2")])
        self.thread.finish()
        self.assertNoResult(refused)  # it may rest on what is not yet on the disk
        self.thread.finish()
        self.successResultOf(before)
        self.successResultOf(after)
        self.failureResultOf(refused, NexusError)
        self.assertEqual(self.database.get(b"a"), b"1")

    def test_closing_waits_for_what_was_asked_for(self) -> None:
        first, second = self.commit.write([(b"a", b"1")]), self.commit.write([(b"b", b"1")])
        closed = self.commit.close()
        self.thread.finish()
        self.successResultOf(first)
        self.assertNoResult(closed)
        self.thread.finish()
        self.successResultOf(second)
        self.successResultOf(closed)
        self.failureResultOf(self.commit.write([(b"c", b"1")]), Unavailable)

    def test_an_idle_store_closes_at_once(self) -> None:
        self.successResultOf(self.commit.close())

    def test_a_long_chain_of_writes_needs_no_deep_stack(self) -> None:
        """Each answer asks for the next write, and only the first waits for a thread."""
        commit = GroupCommit(
            self.database,
            lambda work: self.thread(work) if not self.database.writes else maybeDeferred(work),
        )

        def more(_: object, left: int) -> None:
            if left:
                commit.write([(b"n", b"%d" % left)]).addCallback(more, left - 1)

        more(None, 5000)
        self.thread.finish()
        self.assertEqual(len(self.database.writes), 5000)

    @settings(deadline=None, max_examples=50)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.one_of(st.none(), st.binary())),
                st.sampled_from(["finish", "fail"]),
            )
        )
    )
    def test_what_was_acknowledged_is_what_is_stored(
        self, history: list[tuple[bytes, bytes | None] | str]
    ) -> None:
        """Safety: replaying the acknowledged writes, in order, gives the stored map."""
        database, thread = MemoryDatabase(), SlowThread()
        commit = GroupCommit(database, thread)
        expected: dict[bytes, bytes] = {}

        def acknowledged(_: object, key: bytes, value: bytes | None) -> None:
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = value

        for step in history:
            if isinstance(step, tuple):
                key, value = step
                puts = [] if value is None else [(key, value)]
                deletes = [key] if value is None else []
                commit.write(puts, deletes).addCallback(acknowledged, key, value).addErrback(
                    lambda failure: failure.trap(Unavailable) and None
                )
            elif thread.begun:
                database.failing = "full" if step == "fail" else None
                thread.finish()
                database.failing = None
        while thread.begun:
            thread.finish()
        self.assertEqual(dict(database.items(b"")), expected)


class DiskThreadTests(TestCase):
    """The real worker, on a real directory."""

    async def test_writes_reach_the_disk_by_a_thread(self) -> None:
        path = Path(self.mktemp())
        database = LevelDatabase(path, "test", 1)
        thread = DiskThread(reactor, "disk")
        commit = GroupCommit(database, thread)
        await gatherResults([commit.write([(b"%d" % n, b"x")]) for n in range(100)])
        await commit.close()
        thread.stop()
        thread.stop()
        database.close()
        again = LevelDatabase(path, "test", 1)
        self.addCleanup(again.close)
        self.assertEqual(again.get(b"99"), b"x")
