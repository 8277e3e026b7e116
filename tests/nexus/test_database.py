"""LevelDB directories: what opens, what does not and says why, what a full disk does."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface.verify import verifyObject

from galaxy.nexus.database import IDatabase, LevelDatabase, MemoryDatabase
from galaxy.nexus.interfaces import CannotOpen, Unavailable

_HOLD = """
import plyvel, sys
database = plyvel.DB(sys.argv[1], create_if_missing=True)
print("held", flush=True)
sys.stdin.read()
"""


class _SyncFails:
    """A LevelDB whose next write reaches the log, and is then said to have failed."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._before = dict(db)

    def get(self, key: bytes) -> bytes | None:
        """As an open LevelDB has it: its memory learns of no write that failed."""
        return self._before.get(key)

    def close(self) -> None:
        """Let go of the directory."""
        self._db.close()

    @contextmanager
    def write_batch(self, **options: bool) -> Iterator[Any]:
        """Write, and fail."""
        with self._db.write_batch(**options) as batch:
            yield batch
        raise OSError("Input/output error")


class LevelDatabaseTests(SynchronousTestCase):
    """A directory that can be used."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "made" / "with its parents"

    def open(self, kind: str = "test", version: int = 1) -> LevelDatabase:
        """Open the directory; closed again after the test."""
        database = LevelDatabase(self.path, kind, version)
        self.addCleanup(database.close)
        return database

    def refusal(self, kind: str = "test", version: int = 1) -> str:
        """What opening the directory is refused with."""
        return str(self.assertRaises(CannotOpen, LevelDatabase, self.path, kind, version))

    def test_both_databases_are_databases(self) -> None:
        verifyObject(IDatabase, self.open())
        verifyObject(IDatabase, MemoryDatabase())

    def test_what_was_written_is_there_after_opening_again(self) -> None:
        database = self.open()
        database.write({b"a": b"1", b"b": b"2"})
        database.write({b"a": None})
        database.close()
        again = self.open()
        self.assertIsNone(again.get(b"a"))
        self.assertEqual(again.items(b"b"), [(b"b", b"2")])

    def test_a_write_whose_sync_failed_is_taken_back(self) -> None:
        """The append was whole, so LevelDB finds it when it is opened again."""
        database = self.open()
        database.write({b"a": b"1"})
        database._db = _SyncFails(database._db)
        self.assertRaises(Unavailable, database.write, {b"a": b"2", b"b": b"2"})
        self.assertEqual(database.items(b""), [(b"\x00format", b"test 1"), (b"a", b"1")])
        database.close()
        self.assertEqual(self.open().get(b"a"), b"1")

    def test_only_the_owner_may_look_into_a_new_directory(self) -> None:
        self.open()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o700)

    def test_a_closed_database_is_unavailable(self) -> None:
        database = self.open()
        database.close()
        database.close()
        self.assertRaises(Unavailable, database.get, b"a")
        self.assertRaises(Unavailable, database.write, {b"a": b"1"})

    def test_a_directory_held_by_another_process_is_refused(self) -> None:
        self.path.mkdir(parents=True)
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        refusal = self.refusal()
        holder.communicate()
        self.assertIn(str(self.path), refusal)
        self.assertIn("another process has it open", refusal)
        self.assertIn("give this one a directory of its own", refusal)
        self.open()

    def test_a_path_that_is_no_directory_is_refused(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.write_text("a file")
        self.assertIn("cannot be made", self.refusal())

    def test_a_directory_one_may_not_write_is_refused(self) -> None:
        self.path = Path("/proc/sys/kernel")
        self.assertIn("choose another directory", self.refusal())

    def test_a_damaged_directory_is_refused_and_left_as_it_is(self) -> None:
        database = self.open()
        database.write({b"a": b"1"})
        database.close()
        (self.path / "CURRENT").write_text("MANIFEST-999999\n")
        self.assertIn("it is damaged", self.refusal())
        self.assertEqual((self.path / "CURRENT").read_text(), "MANIFEST-999999\n")

    def test_a_directory_of_another_kind_is_refused(self) -> None:
        self.open("galaxy agent").close()
        self.assertIn("it holds a galaxy agent, not a galaxy nexus", self.refusal("galaxy nexus"))

    def test_a_later_format_is_refused(self) -> None:
        self.open(version=2).close()
        self.assertIn("its format is 2, this build knows 1", self.refusal())

    def test_somebody_elses_leveldb_is_refused(self) -> None:
        self.path.mkdir(parents=True)
        write = "import plyvel, sys; plyvel.DB(sys.argv[1], create_if_missing=True).put(b'x', b'')"
        subprocess.run([sys.executable, "-c", write, str(self.path)], check=True)
        self.assertIn("not a test", self.refusal())


class FullDiskTests(SynchronousTestCase):
    """
    A limit on the size of files makes appends fail half-way, as a full disk does.

    Python ignores SIGXFSZ, so that the write fails with EFBIG.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.database = LevelDatabase(self.path, "test", 1)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if hard not in (-1, resource.RLIM_INFINITY):
            raise SkipTest("the size of files is limited for this process already")
        self.addCleanup(self.limit, resource.RLIM_INFINITY)

    def tearDown(self) -> None:
        self.database.close()

    def limit(self, size: int) -> None:
        """Let no file grow beyond `size` bytes."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_a_failed_write_is_told_and_leaves_nothing_behind(self) -> None:
        """And what is acknowledged afterwards survives: the torn record does not hide it."""
        self.database.write({b"before": b"1"})
        log = max(self.path.glob("*.log"))
        self.limit(log.stat().st_size + 1000)
        self.assertRaises(Unavailable, self.database.write, {b"lost": os.urandom(5000)})
        self.limit(resource.RLIM_INFINITY)
        self.assertIsNone(self.database.get(b"lost"))
        for n in range(100):
            self.database.write({b"after%d" % n: b"x" * 100})
        self.database.close()
        self.database = LevelDatabase(self.path, "test", 1)
        self.assertEqual(self.database.get(b"before"), b"1")
        self.assertIsNone(self.database.get(b"lost"))
        self.assertEqual(len(self.database.items(b"after")), 100)

    def test_while_the_disk_stays_full_everything_is_unavailable(self) -> None:
        self.limit(0)
        self.assertRaises(Unavailable, self.database.write, {b"a": b"1"})
        self.assertRaises(Unavailable, self.database.get, b"a")
        self.limit(resource.RLIM_INFINITY)
        self.database.write({b"a": b"2"})
        self.assertEqual(self.database.get(b"a"), b"2")
