"""What daemons have in common: how they find the leader, and a decent end."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.task import Clock
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase

from galaxy.daemon import FAULT, UNUSABLE, find_masters
from galaxy.nexus.interfaces import Leader
from galaxy.settings import MasterSettings, Settings

reactor: Any = installed_reactor

GIVES_UP = """
from twisted.internet import reactor
from galaxy.daemon import give_up
reactor.callWhenRunning(give_up, reactor, "this cannot be", {arguments})
reactor.run()
"""


class DiscoveryTests(SynchronousTestCase):
    """How daemons find who leads."""

    def test_the_only_master(self) -> None:
        """Without a list of masters, and without ZooKeeper, it is the one of the settings."""
        master = MasterSettings(listen="10.0.0.1:7828")
        for url in ("", "leveldb:/srv/nexus"):
            clock = Clock()
            masters = find_masters(Settings(nexus=url, master=master), (), None, clock)
            masters.startService()
            told: list[Leader | None] = []
            masters.watch_leader(told.append)
            clock.advance(0)
            self.assertEqual(told, [Leader("10.0.0.1:7828", 0)], url)


class GiveUpTests(TestCase):
    """What is said, and with which status it ends."""

    async def ended(self, arguments: str) -> tuple[bytes, int]:
        """What a daemon says on stderr that gives up, and its status."""
        code = GIVES_UP.format(arguments=arguments)
        _out, err, status = await getProcessOutputAndValue(
            sys.executable, ["-c", code], env={"PYTHONPATH": ":".join(filter(None, sys.path))}
        )
        return err, status

    async def test_unusable(self) -> None:
        """One that cannot work as it is configured says why, and is not to be started again."""
        err, status = await self.ended("")
        self.assertIn(b"galaxy: this cannot be\n", err)
        self.assertEqual((status, UNUSABLE), (78, 78))

    async def test_fault(self) -> None:
        """One that met a fault of ours may be started again."""
        _err, status = await self.ended(f"{FAULT}")
        self.assertEqual((status, FAULT), (70, 70))
