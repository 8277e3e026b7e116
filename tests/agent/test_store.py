"""The agent's database, in a real LevelDB."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import Phase, Pod, PodKey, Task, encode_pod
from galaxy.agent.store import AgentStore, Changes, open_database
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.interfaces import CannotOpen, Unavailable
from tests.agent.machines import description

KEY = PodKey("web_1", 0, 1)
POD = Pod(KEY, "v1", "ann", 5.0, (Task(Phase.WAITING, streak=3, next_try=9.5),))
DESCRIBED = description(job="web_1")


class StoreTests(SynchronousTestCase):
    """What is written is there after a restart."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.store = self.open()

    def open(self) -> AgentStore:
        """The store, opened anew."""
        return AgentStore(open_database(self.directory), maybeDeferred)

    def close(self) -> None:
        """Let go of the directory."""
        self.successResultOf(Deferred.fromCoroutine(self.store.close()))

    def reopen(self) -> None:
        """Close and open."""
        self.close()
        self.store = self.open()

    def tearDown(self) -> None:
        self.close()

    def test_all(self) -> None:
        """Pods with their tasks, descriptions, the epoch and whose it is."""
        described = {("web_1", "v1"): DESCRIBED}
        changes = Changes(pods=(POD,), descriptions=described, epoch=7, cluster="ours")
        self.successResultOf(self.store.write(changes))
        self.reopen()
        remembered = self.store.load()
        self.assertEqual(remembered.pods, (POD,))
        self.assertEqual(remembered.descriptions, {("web_1", "v1"): DESCRIBED})
        self.assertEqual((remembered.epoch, remembered.cluster), (7, "ours"))

    def test_forgotten(self) -> None:
        """What was forgotten is not there; the rest is."""
        other = evolve(POD, key=PodKey("web_1", 1, 1))
        described = {("web_1", "v1"): DESCRIBED}
        self.successResultOf(self.store.write(Changes((POD, other), descriptions=described)))
        self.successResultOf(self.store.write(Changes(forgotten=(KEY,))))
        self.reopen()
        self.assertEqual(self.store.load().pods, (other,))

    def test_starts(self) -> None:
        """Each start has a number of its own."""
        first = self.store.load().starts
        self.reopen()
        self.assertEqual(self.store.load().starts, first + 1)

    def test_version(self) -> None:
        """A directory that holds something else, or is in use, is refused in words."""
        with self.assertRaises(CannotOpen) as caught:
            open_database(self.directory)
        self.assertIn(str(self.directory), str(caught.exception))

    def test_damaged(self) -> None:
        """A record that cannot be read is an error, not a pod that is silently lost."""
        for record in (b"nonsense", encode_pod(POD)):  # the second lacks its description
            database = MemoryDatabase()
            database.write({b"pod/web_1.0.1": record})
            with self.assertRaises(CannotOpen):
                AgentStore(database, maybeDeferred).load()

    def test_later_release(self) -> None:
        """A phase that is not known is not guessed at: it says whose the record is."""
        database = MemoryDatabase()
        database.write({b"pod/web_1.0.1": encode_pod(POD).replace(b"waiting", b"dreaming")})
        with self.assertRaises(CannotOpen) as caught:
            AgentStore(database, maybeDeferred).load()
        for words in ("dreaming", "start the release that wrote it"):
            self.assertIn(words, str(caught.exception))

    def test_failure(self) -> None:
        """A write that fails says so, and changed nothing."""
        database = MemoryDatabase()
        store = AgentStore(database, maybeDeferred)
        database.failing = "no space left on device"
        self.failureResultOf(store.write(Changes(pods=(POD,))), Unavailable)
        database.failing = None
        self.assertEqual(store.load().pods, ())
