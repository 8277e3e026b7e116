"""
What the four twistd commands have in common: options, and a decent end at start.

Each daemon's `tap.py` subclasses `DaemonOptions` and stays a parts list.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IReactorCore, IReactorTCP
from twisted.logger import Logger
from twisted.python import usage
from zope.interface import implementer

from galaxy.nexus.interfaces import CannotOpen, IDiscovery, IWatch, Leader
from galaxy.nexus.places import ZooKeeperPlace, parse_nexus_url
from galaxy.nexus.urls import open_discovery
from galaxy.settings import Settings, SettingsError, read_settings

UNUSABLE = 78
"""The exit status that says: do not start me again before a person has looked (EX_CONFIG)."""

FAULT = 70
"""The exit status of a daemon that met a fault of its own: start it again (EX_SOFTWARE)."""

_log = Logger()


class DaemonOptions(usage.Options):
    """--config and --manhole, which every daemon takes."""

    optParameters: list[list[Any]] = [
        ["config", "c", None, "The settings file (galaxy.toml). Flags override what it says."],
        ["manhole", None, None, "Open an SSH shell into this process on this loopback port.", int],
        [
            "manhole-keys",
            None,
            "~/.ssh/authorized_keys",
            "Public keys that may enter through the manhole.",
        ],
        [
            "manhole-dir",
            None,
            "~/.local/state/galaxy/manhole",
            "Where the manhole keeps its host keys.",
        ],
    ]

    settings: Settings

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Take what is said; a mistake is one sentence and status 78, as other mistakes are."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            refuse_to_start(str(error))

    def postOptions(self) -> None:
        """Read the settings file; a mistake in it is an error of usage."""
        super().postOptions()
        try:
            path = self["config"]
            self.settings = read_settings(Path(path)) if path else Settings()
        except SettingsError as error:
            raise usage.UsageError(str(error)) from error


def with_manhole(
    parts: MultiService, options: DaemonOptions, namespace: dict[str, Any], reactor: IReactorTCP
) -> None:
    """Add the manhole to a daemon's parts, if its options ask for one."""
    if options["manhole"] is None:
        return
    from galaxy.manhole import manhole_factory

    keys = Path(options["manhole-keys"]).expanduser()
    if not keys.is_file():
        _log.warn("nobody can enter the manhole yet: there is no file {keys}", keys=keys)
    factory = manhole_factory(
        keys,
        Path(options["manhole-dir"]).expanduser(),
        namespace,
    )
    manhole = StreamServerEndpointService(
        TCP4ServerEndpoint(reactor, options["manhole"], interface="127.0.0.1"), factory
    )
    manhole.setName("manhole")
    manhole.setServiceParent(parts)


def build() -> str:
    """The version of this installation, as daemons tell each other and people."""
    try:
        return metadata.version("galaxy")
    except metadata.PackageNotFoundError:
        return "not installed"


@implementer(IDiscovery)
class LaterDiscovery(Service):
    """
    How a daemon finds who leads, among its parts: before those that watch.

    Opened when it starts, not before: kazoo's threads do not survive twistd's fork.
    """

    discovery: IDiscovery

    def __init__(self, url: str, known: Sequence[str], reactor: Any) -> None:
        self.setName("discovery")
        self._url = url
        self._known = known
        self._reactor = reactor

    def startService(self) -> None:
        """Open it."""
        super().startService()
        self.discovery = open_discovery(self._url, self._known, self._reactor)

    def stopService(self) -> Deferred[None]:
        """Close it."""
        super().stopService()
        return self.discovery.close()

    def watch_leader(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell of the leader."""
        return self.discovery.watch_leader(changed)

    def unreachable(self, endpoint: str) -> None:
        """Say that it did not answer, or does not lead."""
        self.discovery.unreachable(endpoint)

    def close(self) -> Deferred[None]:
        """Close it; the service does so when it stops."""
        return self.discovery.close()


def find_masters(
    settings: Settings, masters: Sequence[str], nexus: str | None, reactor: Any
) -> LaterDiscovery:
    """
    How a daemon finds who leads: the masters that flags name, else the nexus of a flag or the
    settings, with the masters of the settings while it does not answer; else these alone.

    Leaves with status 78 if that cannot be.
    """
    url = "" if masters else nexus or settings.nexus
    try:
        in_zookeeper = url != "" and isinstance(parse_nexus_url(url), ZooKeeperPlace)
    except CannotOpen as error:
        refuse_to_start(str(error))
    here = () if in_zookeeper else (settings.master.listen,)
    known = tuple(masters) or settings.masters or here
    return LaterDiscovery(url, known, reactor)


def claim_directory(path: Path, purpose: str) -> None:
    """
    Make sure that a directory exists and can be written, or leave with status 78.

    Called before twistd goes to the background, so that the sentence reaches
    the terminal of whoever started the daemon.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        refuse_to_start(
            f"{purpose} cannot be kept in {path}: {error.strerror}. "
            "Make the directory writable, free space there, or name another one."
        )


def refuse_to_start(sentence: str) -> NoReturn:
    """Say why on stderr and leave with status 78. For use before the reactor runs."""
    print(f"galaxy: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - to the terminal
    raise SystemExit(UNUSABLE)


def give_up(reactor: IReactorCore, sentence: str, status: int = UNUSABLE) -> None:
    """
    Stop the reactor because this daemon can not do its work; exit with the status.

    twistd has no way to hand on an exit status, so it is set as the last thing
    that the interpreter does.
    """
    _log.critical("{sentence}", sentence=sentence)
    print(f"galaxy: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - to the terminal
    atexit.register(_exit, status)
    # A service that fails while it starts says so before the reactor runs.
    reactor.callWhenRunning(reactor.stop)


def _exit(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
