"""The directory of a local cluster: one at a time, and files that are whole."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import threading
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.cli import cli
from galaxy.client.command import Failure
from galaxy.client.local.ground import claimed, lay, write_whole
from galaxy.client.local.plan import AgentShare, Layout
from galaxy.client.local.settled import Wish, passed_over, settled_settings
from tests.client.memory import MemoryCluster

_NOBODY = 65534
SHARE = AgentShare("127.0.0.1:5001", "20000-20199")


class GroundTests(SynchronousTestCase):
    """What `up` and `down` share."""

    def setUp(self) -> None:
        self.layout = Layout(Path(self.mktemp()).absolute())
        lay(self.layout)

    def no_room(self) -> None:
        """From now on no file of this process may grow: as on a disk that is full."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGXFSZ, handler)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, before)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))

    def give_room(self) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    def test_a_full_disk_is_a_sentence_and_leaves_nothing_behind(self) -> None:
        """Safety: settings that were half written would poison the directory for ever."""
        self.no_room()
        try:
            error = self.assertRaises(Failure, settled_settings, self.layout, Wish())
        finally:
            self.give_room()
        self.assertEqual(error.code, 1)
        self.assertIn(str(self.layout.settings), error.sentence)
        self.assertFalse(self.layout.settings.exists())
        self.assertTrue(settled_settings(self.layout, Wish()).nexus)
        self.assertEqual({p.name for p in self.layout.directory.iterdir()},
                         {"galaxy.toml", "run", "log"})  # fmt: skip

    def test_who_has_no_right_to_the_directory_is_told_so(self) -> None:
        closed = Path(self.mktemp()).absolute()
        closed.mkdir(mode=0o500)
        if os.geteuid() == 0:
            os.seteuid(_NOBODY)
            self.addCleanup(os.seteuid, 0)
        error = self.assertRaises(Failure, lay, Layout(closed / "c"))
        self.assertEqual(error.code, 6)
        self.assertIn(f"{closed}/c: Permission denied", error.sentence)

    def test_no_message_shows_a_password(self) -> None:
        """Not of the nexus that is asked for, nor of the one that is there."""
        self.layout.settings.write_text('nexus = "zookeeper://ann:geheim@z:1/g"')
        for asked, says in (
            ("zookeeper://ann:secret@z:1/x", "says zookeeper://ann:...@z:1/g"),
            ("zookeeper://ann:secret@z:1/g", "says another password"),
        ):
            error = self.assertRaises(Failure, settled_settings, self.layout, Wish(nexus=asked))
            self.assertIn(says, error.sentence)
            self.assertNotIn("geheim", error.sentence)
            self.assertNotIn("secret", error.sentence)

    def test_a_file_that_cannot_be_replaced_is_as_it_was(self) -> None:
        path = self.layout.directory / "x"
        path.write_text("old")
        self.no_room()
        try:
            self.assertRaises(Failure, write_whole, path, "new")
        finally:
            self.give_room()
        self.assertEqual(path.read_text(), "old")

    def test_a_second_one_waits_for_the_first_and_says_so(self) -> None:
        told: list[str] = []
        order: list[str] = []
        waits = threading.Event()

        def tell(sentence: str) -> None:
            told.append(sentence)
            waits.set()

        def second() -> None:
            with claimed(self.layout, tell):
                order.append("second")

        with claimed(self.layout, told.append):
            thread = threading.Thread(target=second)
            thread.start()
            waits.wait()
            order.append("first")
        thread.join()
        self.assertEqual(order, ["first", "second"])
        self.assertIn("waiting", told[0])

    def test_down_waits_for_an_up(self) -> None:
        """Safety: an `up` whose daemons are stopped under it says that they died."""
        lock = (self.layout.run / "up.lock").open("a")
        fcntl.flock(lock, fcntl.LOCK_EX)
        letting_go = threading.Timer(0.2, lock.close)
        letting_go.start()
        self.addCleanup(letting_go.join)
        arguments = ["down", "--dir", str(self.layout.directory)]
        result = CliRunner().invoke(cli, arguments, obj=MemoryCluster().session())
        self.assertEqual(result.exit_code, 0)
        self.assertIn("waiting for another `up`", result.stderr)
        self.assertTrue(lock.closed)

    def test_a_directory_that_cannot_be_made_is_said(self) -> None:
        path = self.layout.directory / "file"
        path.touch()
        error = self.assertRaises(Failure, lay, Layout(path / "below"))
        self.assertIn(os.fspath(path), error.sentence)


class PassedOverTests(SynchronousTestCase):
    """Wishes that come too late."""

    def test_what_is_ignored_is_named(self) -> None:
        late = passed_over(Wish(agents=1, millicores=500), [SHARE, SHARE])
        self.assertIn("--agents 1 (there are 2", late)
        self.assertIn("--millicores (", late)
        self.assertIn("--memory", passed_over(Wish(memory_bytes=1), [SHARE]))

    def test_what_has_an_effect_is_not(self) -> None:
        self.assertEqual(passed_over(Wish(agents=3, millicores=500), [SHARE, SHARE]), "")
        self.assertEqual(passed_over(Wish(agents=2), [SHARE, SHARE]), "")
        self.assertEqual(passed_over(Wish(agents=1, millicores=500), []), "")
