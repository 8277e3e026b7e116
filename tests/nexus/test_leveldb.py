"""The nexus in a directory keeps the contract, and what only it must do."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.database import LevelDatabase, MemoryDatabase
from galaxy.nexus.interfaces import (
    CannotOpen,
    Change,
    Conflict,
    Delete,
    Entry,
    INexus,
    Leader,
    Put,
    Unavailable,
)
from galaxy.nexus.leveldb import LevelDBNexus, open_database, open_leveldb
from tests.nexus import contract
from tests.nexus.contract import Candidate, Model


class LevelDBNexusContractTests(contract.NexusContract):
    """The contract, on a real directory, with a real thread."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    async def open_nexus(self) -> INexus:
        """The one participant."""
        nexus = open_leveldb(self.path, reactor)
        self.addCleanup(nexus.close)
        return nexus

    async def test_a_second_process_is_refused(self) -> None:
        await self.open_nexus()
        error = self.assertRaises(CannotOpen, open_database, self.path)
        self.assertIn("another process has it open", str(error))


class LevelDBNexusTests(SynchronousTestCase):
    """With a database in memory, a clock, and no thread."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.database = MemoryDatabase()
        self.nexus = LevelDBNexus(self.database, maybeDeferred, self.clock)

    def test_a_reign_is_counted_on_the_disk_before_it_begins(self) -> None:
        """An epoch that was announced can never be given out again."""
        candidate = Candidate()
        self.database.failing = "No space left on device"
        self.nexus.stand(candidate, "here:1")
        self.clock.advance(0)
        self.assertEqual(candidate.events.pending, [])
        self.database.failing = None
        self.clock.advance(1)
        self.clock.advance(0)
        self.assertEqual(candidate.events.pending, [("elected", 1)])
        self.assertEqual(len(self.database.writes), 1)

    def test_a_full_disk_fails_commits_until_there_is_room(self) -> None:
        told: list[str] = []
        self.nexus.watch("a", told.append)
        self.database.failing = "No space left on device"
        error = self.failureResultOf(self.nexus.commit([Put("a", b"1")]), Unavailable)
        self.assertIn("No space left on device", error.getErrorMessage())
        self.database.failing = None
        self.assertIsNone(self.successResultOf(self.nexus.get("a")))
        self.clock.advance(0)
        self.assertEqual(told, [])
        self.successResultOf(self.nexus.commit([Put("a", b"1", expect=0)]))

    def test_closing_tells_of_no_further_reign(self) -> None:
        candidate = Candidate()
        leaders: list[Leader | None] = []
        self.nexus.watch_leader(leaders.append)
        self.nexus.stand(candidate, "here:1")
        self.successResultOf(self.nexus.close())
        self.clock.advance(10)
        self.assertEqual(candidate.events.pending, [])
        self.assertEqual(leaders, [])

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.lists(
                st.builds(
                    lambda put, key, value, expect: (
                        Put(key, value, expect) if put else Delete(key, expect)
                    ),
                    st.booleans(),
                    st.sampled_from(["a", "a/b", "ab", "b"]),
                    st.binary(max_size=2),
                    st.sampled_from([None, None, 0, 1, 2]),
                ),
                max_size=3,
                unique_by=lambda change: change.key,
            )
        )
    )
    def test_it_agrees_with_a_dictionary(self, history: list[list[Change]]) -> None:
        """Safety: all or none, conflicts where the dictionary has them; also once reopened."""
        database = MemoryDatabase()
        nexus, model = LevelDBNexus(database, maybeDeferred, Clock()), Model()
        for changes in history:
            expected = model.commit(changes)
            committed = nexus.commit(changes)
            if expected is None:
                self.successResultOf(committed)
            else:
                self.assertEqual(self.failureResultOf(committed, Conflict).value.key, expected)
        again = LevelDBNexus(database, maybeDeferred, Clock())
        found: dict[str, Entry] = self.successResultOf(again.scan(""))
        self.assertEqual(found, model.entries)


class OtherDirectoryTests(SynchronousTestCase):
    """What is not a nexus is not touched."""

    def test_the_store_of_an_agent_is_not_a_nexus(self) -> None:
        path = Path(self.mktemp())
        LevelDatabase(path, "galaxy agent", 1).close()
        error = self.assertRaises(CannotOpen, open_database, path)
        self.assertIn("it holds a galaxy agent, not a galaxy nexus", str(error))
