"""`twistd galaxy-scheduler`: its options and its parts."""

from __future__ import annotations

import os
import random
import socket
from typing import Any

from twisted.application.service import MultiService
from twisted.python import usage

from galaxy.daemon import DaemonOptions, build, find_masters, with_manhole
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


def _addresses(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def makeService(options: Options) -> MultiService:
    """The parts of a scheduler."""
    from twisted.internet import reactor

    clock: Any = reactor
    network = TcpNetwork(clock)
    masters = find_masters(options.settings, _addresses(options["master"]), options["nexus"], clock)
    scheduler = Scheduler(
        clock,
        network,
        masters,
        policy=POLICIES[options["policy"]],
        rng=random.Random(),  # noqa: S311 -- ties are no secrets
        name=f"{socket.gethostname()}:{os.getpid()}",
        build=build(),
    )
    parts = MultiService()
    masters.setServiceParent(parts)
    scheduler.setServiceParent(parts)
    with_manhole(
        parts,
        options,
        {"scheduler": scheduler, "picture": scheduler.picture, "wire": network.counters},
        clock,
    )
    return parts
