"""Processes told from later ones of the same pid, and from threads."""

from __future__ import annotations

import os
import threading

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.keepers import PidfdKeepers
from galaxy.gce.procfs import open_process, start_time
from galaxy.gce.record import Claim


class OpenProcessTests(SynchronousTestCase):
    """A pid and a start time, and who has them now."""

    def test_the_process(self) -> None:
        """It is opened."""
        start = start_time(os.getpid())
        assert start is not None
        fd = open_process(os.getpid(), start)
        assert fd is not None
        os.close(fd)

    def test_a_later_process(self) -> None:
        """It is another."""
        self.assertIsNone(open_process(os.getpid(), 1))

    def test_nobody(self) -> None:
        """Nobody has so high a pid."""
        self.assertIsNone(open_process((1 << 31) - 1, 1))

    def test_a_thread(self) -> None:
        """Its id is a pid that was: whoever had it has gone, and its keeper is not watched."""
        found: list[object] = []

        def look() -> None:
            tid = threading.get_native_id()
            start = start_time(tid)
            assert start is not None
            found.append(open_process(tid, start))
            found.append(PidfdKeepers(MemoryReactor()).watch(Claim(tid, start), lambda: None))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        self.assertEqual([None, None], found)
