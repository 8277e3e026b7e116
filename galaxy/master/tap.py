"""`twistd galaxy-master`: its options and its parts."""

from __future__ import annotations

import random
from typing import Any

from attrs import evolve
from twisted.application.service import MultiService
from twisted.python import usage
from twisted.python.failure import Failure

from galaxy.daemon import (
    DaemonOptions,
    build,
    claim_directory,
    give_up,
    refuse_to_start,
    with_manhole,
)
from galaxy.master.console import namespace
from galaxy.master.service import Master
from galaxy.nexus.interfaces import CannotOpen
from galaxy.nexus.places import LevelDBPlace, parse_nexus_url
from galaxy.nexus.urls import open_nexus
from galaxy.protocol.addresses import parse_address
from galaxy.protocol.tcp import TcpNetwork


class Options(DaemonOptions):
    """What a master may be told."""

    optParameters: list[list[Any]] = [
        ["listen", "l", None, "HOST:PORT to listen on, as others can dial it."],
        ["nexus", None, None, "Where the metadata is: leveldb:PATH or zookeeper://HOSTS/CHROOT."],
    ]

    def postOptions(self) -> None:
        """Check what was said."""
        super().postOptions()
        master = self.settings.master
        self["listen"] = self["listen"] or master.listen
        self["nexus"] = self["nexus"] or self.settings.nexus
        try:
            parse_address(self["listen"])
        except ValueError as error:
            raise usage.UsageError(str(error)) from error


def makeService(options: Options) -> MultiService:
    """The parts of a master."""
    from twisted.internet import reactor

    clock: Any = reactor
    network = TcpNetwork(clock)
    url = options["nexus"]
    try:
        place = parse_nexus_url(url)
    except CannotOpen as error:
        refuse_to_start(str(error))
    if isinstance(place, LevelDBPlace):
        claim_directory(place.path, "the nexus")
    master = Master(
        clock,
        network,
        # Not before startService: LevelDB's lock and threads do not survive twistd's fork.
        lambda: open_nexus(url, clock),
        evolve(options.settings.master, listen=options["listen"]),
        random.SystemRandom(),
        build(),
    )

    def unusable(failure: Failure) -> None:
        failure.trap(CannotOpen, OSError)
        give_up(clock, failure.getErrorMessage())

    master.listening.addErrback(unusable)
    parts = MultiService()
    master.setServiceParent(parts)
    with_manhole(parts, options, {**namespace(master), "wire": network.counters}, clock)
    return parts
