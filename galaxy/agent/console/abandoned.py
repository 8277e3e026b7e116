"""
Commands that nobody listens to: their caller has gone, or the agent that ran them.

Each is ended with what it began, and that is tried again until gce says that nothing of
it lives. When the whole picture comes, from a gce that may have been away, also those are looked
after that ended by themselves: they may have left something behind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.console.requests import PREFIX, mark
from galaxy.agent.containers import IContainers
from galaxy.protocol.statuses import GalaxyError

GRACE_S = 2.0  # from TERM to KILL
RETRY_S = 1.0


class Abandoned:
    """Ends commands that are in the picture, and not `heard`, which are names of commands."""

    _log = Logger()

    def __init__(
        self,
        containers: IContainers,
        heard: Callable[[], Collection[str]],
        clock: IReactorTime,
    ) -> None:
        self._containers = containers
        self._heard = heard
        self._clock = clock
        self._ending: set[tuple[str, str]] = set()
        self._stopped = False

    def changed(self, containers: Iterable[str] | None) -> None:
        """Processes changed; None: any may have."""
        picture = self._containers.picture
        if picture is None or self._stopped:
            return
        heard = self._heard()
        chosen = picture.keys() if containers is None else picture.keys() & set(containers)
        abandoned = [
            (container, name)
            for container in chosen
            for name, process in picture[container].items()
            if name.startswith(PREFIX)
            and name not in heard
            and (process.end is None or containers is None)
        ]
        for container, name in abandoned:
            self.end(container, name)

    def end(self, container: str, name: str) -> None:
        """End a command and what it began."""
        if self._stopped or (container, name) in self._ending:
            return
        self._ending.add((container, name))
        ending = self._containers.end(container, name, GRACE_S, mark(name))
        ending.addCallback(lambda _: self._ending.discard((container, name)))
        ending.addErrback(self._not_ended, container, name)

    def stop(self) -> None:
        """End nothing from now on: the next agent does."""
        self._stopped = True

    def _not_ended(self, failure: Failure, container: str, name: str) -> None:
        self._ending.discard((container, name))
        failure.trap(GalaxyError)
        self._log.warn("{name} of {container} is not ended", name=name, container=container)
        self._clock.callLater(RETRY_S, self.end, container, name)
