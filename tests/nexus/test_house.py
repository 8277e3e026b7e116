"""Moving house loses nothing, hides nothing, and leaves no half house that looks whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, fail, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from galaxy.nexus.backup import Backup
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.failing import FailingNexus
from galaxy.nexus.house import (
    MARGIN,
    MOVED,
    UNFINISHED,
    Held,
    House,
    Unfit,
    alone,
    amend,
    held,
    move,
    obstacle,
    restore,
    whole,
)
from galaxy.nexus.interfaces import Change, Entry, INexus, NexusError, Put, Unavailable
from galaxy.nexus.leveldb import LevelDBNexus
from galaxy.nexus.memory import MemoryEnsemble, MemoryNexus
from galaxy.nexus.urls import open_nexus
from tests.nexus import zookeeper_server
from tests.nexus.contract import Candidate

VALUES = st.dictionaries(
    st.sampled_from(["jobs/a", "jobs/b", "versions/a/1", "safemode", "labels/%2E"]),
    st.binary(max_size=100),
    min_size=1,
)


class Cut(FailingNexus):
    """Takes so many commits, and no more."""

    def __init__(self, nexus: INexus, left: int) -> None:
        super().__init__(nexus)
        self.left = left

    def commit(self, changes: Sequence[Change], epoch: int = 0) -> Deferred[None]:
        """As long as it does."""
        if not self.left:
            return fail(Unavailable("cut"))
        self.left -= 1
        return super().commit(changes, epoch)


class HouseTests(SynchronousTestCase):
    """Between an ensemble and a directory, both in memory, on one clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ensemble = MemoryEnsemble(self.clock, latency_s=0.01)
        self.master = MemoryNexus(self.ensemble)
        self.old = House(MemoryNexus(self.ensemble), "zookeeper://old/a")
        self.database = MemoryDatabase()
        nexus = LevelDBNexus(self.database, maybeDeferred, self.clock)
        self.new = House(nexus, "leveldb:/new")

    def run_(self, work: object) -> Deferred[object]:
        """Let it go on until it is done."""
        done: Deferred[object] = ensureDeferred(work)  # type: ignore[arg-type]
        self.clock.pump([0.01] * 300)
        return done

    def do(self, work: object) -> object:
        """What comes of it."""
        return self.successResultOf(self.run_(work))

    def refused(self, work: object) -> str:
        """Why it was not done."""
        return str(self.failureResultOf(self.run_(work), Unfit, NexusError).value)

    def furnish(self, values: dict[str, bytes]) -> None:
        """Let the old nexus hold these."""
        self.ensemble.entries = {key: Entry(value, 3) for key, value in values.items()}

    def found(self, house: House) -> Held:
        """What a house holds."""
        answer = self.do(held(house))
        assert isinstance(answer, Held)
        return answer

    @settings(deadline=None)
    @given(VALUES, st.integers(0, 1000))
    def test_what_was_here_is_there(self, values: dict[str, bytes], reigns: int) -> None:
        """And every epoch there is higher than any here."""
        self.setUp()
        self.furnish(values)
        self.ensemble.epoch = reigns
        self.do(move(self.old, self.new, self.clock, replace=False))
        there, here = self.found(self.new), self.found(self.old)
        self.assertEqual(there, Held(values, there.epoch))
        self.assertGreater(there.epoch, here.epoch)
        self.assertGreater(here.epoch, reigns)
        self.assertEqual(here, Held(values, here.epoch, moved=self.new.name))

    def test_and_back_again(self) -> None:
        """What it was left with is replaced; the mark goes, too."""
        self.furnish({"jobs/a": b"1", "jobs/b": b"1"})
        self.do(move(self.old, self.new, self.clock, replace=False))
        self.do(self.new.nexus.commit([Put("jobs/b", b"2"), Put("jobs/c", b"2")]))
        away = self.found(self.new).epoch
        back = move(self.new, self.old, self.clock, replace=False)
        self.assertIn("zookeeper://old/a is not empty (3 keys); --force", self.refused(back))
        self.do(move(self.new, self.old, self.clock, replace=True))
        home = self.found(self.old)
        self.assertEqual(home.values, {"jobs/a": b"1", "jobs/b": b"2", "jobs/c": b"2"})
        self.assertEqual((home.unfinished, home.moved), ("", ""))
        self.assertGreater(home.epoch, away)

    def test_a_house_that_was_left_is_not_left_again(self) -> None:
        self.furnish({"jobs/a": b"1"})
        self.do(move(self.old, self.new, self.clock, replace=False))
        again = move(self.old, self.new, self.clock, replace=True)
        self.assertIn("all that it held is at leveldb:/new now", self.refused(again))

    def test_nobody_moves_while_masters_stand(self) -> None:
        self.furnish({"jobs/a": b"1"})
        self.master.stand(Candidate(), "master:1")
        self.clock.advance(1)
        moving = move(self.old, self.new, self.clock, replace=False)
        self.assertIn(
            "masters stand for election in zookeeper://old/a: master:1", self.refused(moving)
        )
        self.assertEqual(self.found(self.new), Held({}, 0))
        self.assertEqual(self.ensemble.leader and self.ensemble.leader.endpoint, "master:1")

    def test_no_master_reigns_meanwhile(self) -> None:
        """One that comes waits until the mover is gone."""
        self.furnish({"jobs/a": b"1"})
        candidate = Candidate()

        async def stay() -> None:
            async with alone(self.old, self.clock):
                self.master.stand(candidate, "master:1")
                self.clock.advance(60)
                self.assertEqual(candidate.events.pending, [])

        self.do(stay())
        self.assertEqual(candidate.events.pending[0][0], "elected")

    def test_one_that_is_interrupted_says_so(self) -> None:
        """Whichever write is the last: no nexus looks whole that is not."""
        values = {f"jobs/{n}": bytes(9) for n in range(500)}
        for commits in range(7):
            self.setUp()
            self.furnish(values)
            cut = House(Cut(self.new.nexus, commits), self.new.name)
            moving = self.run_(move(self.old, cut, self.clock, replace=False))
            there, here = self.found(self.new), self.found(self.old)
            if commits >= 5:  # the mark, three batches, and the mark's end
                self.successResultOf(moving)
                self.assertEqual((there.values, there.unfinished), (values, ""))
                continue
            self.failureResultOf(moving, Unavailable)
            self.assertEqual(here.moved, self.new.name if commits == 4 else "")
            if commits:
                self.assertEqual(there.unfinished, "the copy from zookeeper://old/a")
                self.assertIn("is not whole", self.refused(whole(self.new)))
            self.do(move(self.old, self.new, self.clock, replace=bool(commits)))
            self.assertEqual(self.found(self.new).values, values)

    def test_what_changes_all_the_time_is_refused(self) -> None:
        """And what changes once is read again."""
        self.furnish({"jobs/a": b"0"})
        reading = Deferred.fromCoroutine(held(self.old))
        self.clock.advance(0.01)
        self.do(self.master.commit([Put("jobs/a", b"1")]))
        self.clock.pump([0.01] * 10)
        self.assertEqual(self.successResultOf(reading).values, {"jobs/a": b"1"})
        reading = Deferred.fromCoroutine(held(self.old))
        for n in range(100):
            self.master.commit([Put("jobs/a", b"%d" % n)])
            self.clock.pump([0.01])
        self.assertIn("changes faster", str(self.failureResultOf(reading, Unfit).value))

    def test_an_empty_one_is_not_moved(self) -> None:
        """Nor is anything made where nothing was."""
        moving = move(self.old, self.new, self.clock, replace=True)
        self.assertEqual(self.refused(moving), "zookeeper://old/a is empty")
        self.assertEqual((self.ensemble.epoch, self.database.writes), (0, []))

    def test_a_backup_begins_above_what_may_have_been_since(self) -> None:
        backup = Backup({"jobs/a": b"1"}, 41, 0.0, "leveldb:/old")
        self.do(restore(self.new, backup, self.clock, replace=False))
        self.assertEqual(self.found(self.new), Held({"jobs/a": b"1"}, 41 + MARGIN + 1))

    def test_what_is_there_is_amended_where_nobody_reigns(self) -> None:
        self.furnish({"jobs/a": b"1", "cluster": b"2"})
        standing = self.master.stand(Candidate(), "master:1")
        changes = [Put("cluster", b"3")]
        self.assertIn("master:1", self.refused(amend(self.old, changes, self.clock)))
        self.do(standing.resign())
        self.do(amend(self.old, changes, self.clock))
        self.assertEqual(self.found(self.old).values, {"jobs/a": b"1", "cluster": b"3"})

    def test_what_masters_are_told(self) -> None:
        """Nothing, in a whole house."""
        self.assertIsNone(obstacle(None, None))
        self.assertIn("is not whole", obstacle(Entry(b"the copy", 1), None) or "")
        self.assertIn("is at leveldb:/x now", obstacle(None, Entry(b"leveldb:/x", 1)) or "")
        self.assertEqual({UNFINISHED, MOVED}, {"unfinished", "moved"})


class RealHouseTests(TestCase):
    """A directory and a ZooKeeper."""

    def setUp(self) -> None:
        reason = zookeeper_server.missing()
        if reason is not None:
            raise SkipTest(reason)
        self.ensemble = zookeeper_server.shared_server().url(f"galaxy-{uuid4().hex}")
        self.directory = f"leveldb:{Path(self.mktemp()).absolute()}"

    async def test_there_and_back(self) -> None:
        """Many keys, and values larger than one request to a ZooKeeper may be."""
        values = {f"jobs/{n:04}": os.urandom(50) for n in range(1000)}
        values |= {"versions/big/1": os.urandom(3 << 20), "versions/big/2": bytes(5 << 20)}
        there = (self.directory, self.ensemble)
        first = self.open(self.directory)
        await first.nexus.commit([Put("safemode", b"1")])
        await restore(first, Backup(values, 5, 0.0, "x"), reactor, replace=True)
        await first.nexus.close()
        epochs = []
        for urls in (there, there[::-1], there):
            source, target = map(self.open, urls)
            await move(source, target, reactor, replace=True)
            found = await held(target)
            self.assertEqual(found.values, values)
            epochs.append(found.epoch)
            self.assertEqual((await held(source)).moved, target.name)
            await source.nexus.close()
            await target.nexus.close()
        self.assertEqual(epochs, sorted(set(epochs)))

    def open(self, url: str) -> House:
        """A participant."""
        nexus = open_nexus(url, reactor)
        self.addCleanup(nexus.close)
        return House(nexus, url)
