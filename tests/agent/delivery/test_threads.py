"""Threads for fetches: what hangs in them holds up nothing else."""

from __future__ import annotations

import sys
from threading import Event
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import gatherResults
from twisted.internet.utils import getProcessValue
from twisted.trial.unittest import TestCase

from galaxy.agent.delivery.threads import AT_ONCE, FetchThreads

reactor: Any = installed_reactor

HANGS = """
from threading import Event
from twisted.internet import reactor
from galaxy.agent.delivery.threads import FetchThreads
began = Event()
def hang():
    began.set()
    Event().wait()
FetchThreads(reactor)(hang)
reactor.callWhenRunning(lambda: (began.wait(), reactor.stop()))
reactor.run()
"""


class FetchThreadsTests(TestCase):
    """The threads that files and FTP servers are read in."""

    async def test_bounded(self) -> None:
        """So many at once, and the next when one is done."""
        threads, release = FetchThreads(reactor), Event()
        all_began = Event()
        began: list[None] = []

        def work() -> None:
            began.append(None)
            if len(began) == AT_ONCE:
                all_began.set()
            release.wait()

        works = [threads(work) for _ in range(AT_ONCE + 1)]
        all_began.wait()
        self.assertEqual(len(began), AT_ONCE)
        release.set()
        await gatherResults(works)
        self.assertEqual(len(began), AT_ONCE + 1)

    async def test_the_end_does_not_wait(self) -> None:
        """A process ends although a fetch hangs."""
        self.assertEqual(await getProcessValue(sys.executable, ["-c", HANGS], env=None), 0)
