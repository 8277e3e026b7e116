"""`twistd galaxy-scheduler`: its options and its parts."""

from __future__ import annotations

import os
import random
import socket
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.python import usage

from galaxy.daemon import DaemonOptions, refuse_to_start, with_manhole
from galaxy.nexus.interfaces import CannotOpen, IDiscovery
from galaxy.nexus.urls import open_discovery
from galaxy.protocol.tcp import TcpNetwork
from galaxy.scheduler.score import POLICIES
from galaxy.scheduler.service import Scheduler


class Options(DaemonOptions):
    """What a scheduler may be told."""

    optParameters: list[list[Any]] = [
        ["master", "m", None, "HOST:PORT of the master; several, joined by commas."],
        ["nexus", None, None, "Find the master here: zookeeper://HOSTS/CHROOT."],
        ["policy", None, None, f"How to choose among agents: {', '.join(sorted(POLICIES))}."],
    ]

    def postOptions(self) -> None:
        """Check what was said."""
        super().postOptions()
        self["policy"] = self["policy"] or self.settings.scheduler.policy
        if self["policy"] not in POLICIES:
            known = ", ".join(sorted(POLICIES))
            raise usage.UsageError(f"there is no policy {self['policy']!r}; known are {known}")


class _Closing(Service):
    """Closes the discovery when the daemon stops."""

    def __init__(self, discovery: IDiscovery) -> None:
        self.setName("discovery")
        self._discovery = discovery

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._discovery.close()


def _addresses(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def makeService(options: Options) -> MultiService:
    """The parts of a scheduler."""
    from twisted.internet import reactor

    clock: Any = reactor
    settings = options.settings
    masters = _addresses(options["master"]) or settings.masters or (settings.master.listen,)
    nexus = "" if options["master"] else options["nexus"] or settings.nexus
    try:
        discovery = open_discovery(nexus, masters, clock)
    except CannotOpen as error:
        refuse_to_start(str(error))
    scheduler = Scheduler(
        clock,
        TcpNetwork(clock),
        discovery,
        policy=POLICIES[options["policy"]],
        rng=random.Random(),  # noqa: S311 -- ties are no secrets
        name=f"{socket.gethostname()}:{os.getpid()}",
    )
    parts = MultiService()
    _Closing(discovery).setServiceParent(parts)
    scheduler.setServiceParent(parts)
    with_manhole(parts, options, {"scheduler": scheduler, "picture": scheduler.picture}, clock)
    return parts
