"""
From the URL of a nexus in the settings to the nexus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from galaxy.nexus.interfaces import CannotOpen, IDiscovery, INexus
from galaxy.nexus.leveldb import open_leveldb
from galaxy.nexus.places import LevelDBPlace, ZooKeeperPlace, parse_nexus_url
from galaxy.nexus.static import StaticDiscovery


def open_nexus(url: str, reactor: Any) -> INexus:
    """
    The nexus of a master. Raises `CannotOpen`.

    An ensemble that does not answer raises nothing: it may come back.
    """
    place = parse_nexus_url(url)
    if isinstance(place, LevelDBPlace):
        return open_leveldb(place.path, reactor)
    return _open_zookeeper(place, reactor)


def open_discovery(url: str, masters: Sequence[str], reactor: Any) -> IDiscovery:
    """
    Where everybody else finds the leader: the ensemble if the URL names one, and
    while it does not answer, or without one, the masters' addresses in turn.

    Raises `CannotOpen`.
    """
    if url:
        place = parse_nexus_url(url)
        if isinstance(place, ZooKeeperPlace):
            return _open_zookeeper(place, reactor, masters)
    if not masters:
        raise CannotOpen(
            "the masters",
            "neither an address nor a zookeeper:// nexus was given",
            "say where the master listens",
        )
    return StaticDiscovery(masters, reactor)


def _open_zookeeper(place: ZooKeeperPlace, reactor: Any, masters: Sequence[str] = ()) -> INexus:
    from galaxy.nexus.zookeeper import open_zookeeper  # kazoo, for those who use it

    return open_zookeeper(place, reactor, masters)
