"""What a nexus URL may say, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.nexus.interfaces import CannotOpen
from galaxy.nexus.places import LevelDBPlace, ZooKeeperPlace, parse_nexus_url
from galaxy.nexus.static import StaticDiscovery
from galaxy.nexus.urls import open_discovery

GOOD = {
    "leveldb:/var/lib/galaxy": LevelDBPlace(Path("/var/lib/galaxy")),
    "leveldb:relative/dir": LevelDBPlace(Path("relative/dir")),
    "zookeeper://a": ZooKeeperPlace(("a:2181",), ""),
    "zookeeper://a/": ZooKeeperPlace(("a:2181",), ""),
    "zookeeper://a:1,b,[::1]:3/one/two": ZooKeeperPlace(("a:1", "b:2181", "[::1]:3"), "/one/two"),
    "zookeeper://u:p%40w@a/g": ZooKeeperPlace(("a:2181",), "/g", "u", "p@w"),
    "zookeeper://a/g?session_s=4": ZooKeeperPlace(("a:2181",), "/g", session_s=4.0),
}

BAD = {
    "": "no URL of one was given",
    "/var/lib/galaxy": "not the URL of a nexus",
    "etcd://a": "not the URL of a nexus",
    "zookeeper:a:2181": "not the URL of a nexus",
    "leveldb:": "names no directory",
    "leveldb://host/path": "names no directory",
    "zookeeper://": "'' is not HOST or HOST:PORT",
    "zookeeper://a:99999/x": "'a:99999' is not HOST",
    "zookeeper://a,,b/x": "'' is not HOST",
    "zookeeper://a/x//y": "is not a path of nodes",
    "zookeeper://a/../x": "is not a path of nodes",
    "zookeeper://secret@a/x": "no USER:PASSWORD",
    "zookeeper://a/x?session=3": "no option 'session'",
    "zookeeper://a/x?session_s=soon": "session_s=soon is no time-out",
}


class NexusUrlTests(SynchronousTestCase):
    """Parsing is pure."""

    def test_good_ones(self) -> None:
        for url, place in GOOD.items():
            self.assertEqual(parse_nexus_url(url), place, url)

    def test_bad_ones_are_named_with_cause_and_remedy(self) -> None:
        for url, cause in BAD.items():
            error = self.assertRaises(CannotOpen, parse_nexus_url, url)
            self.assertIn(cause, str(error))
            self.assertIn(url, str(error))
            self.assertTrue(error.remedy)

    def test_a_password_is_never_shown(self) -> None:
        place = parse_nexus_url("zookeeper://me:secret@a/x")
        self.assertNotIn("secret", str(place) + repr(place))
        for url in (
            "zookeeper://me:secret@a/?x=1",
            "zookeeper://me:se/cret@a/x",
            "zookeeper:me:secret@a/x",
            "zookeper://me:s:e@cret@a/x",
        ):
            error = self.assertRaises(CannotOpen, parse_nexus_url, url)
            self.assertNotIn("cret", str(error))
            self.assertIn("me:...@a/", str(error))


class DiscoveryTests(SynchronousTestCase):
    """Who is told addresses, and who asks an ensemble."""

    def test_a_nexus_inside_the_master_is_found_by_the_masters_addresses(self) -> None:
        for url in ("", "leveldb:anywhere"):
            discovery = open_discovery(url, ["a:1"], Clock())
            self.assertIsInstance(discovery, StaticDiscovery)

    def test_without_an_address_nobody_is_found(self) -> None:
        error = self.assertRaises(CannotOpen, open_discovery, "", [], Clock())
        self.assertIn("say where the master listens", str(error))
