"""
Containers that no pod owns: their pod was forgotten before they were gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.containers import IContainers
from galaxy.protocol.statuses import GalaxyError

RETRY_S = 1.0


class Strays:
    """Takes containers away that are in the picture and not `owned`."""

    _log = Logger()

    def __init__(
        self, containers: IContainers, owned: Collection[str], clock: IReactorTime
    ) -> None:
        self._containers = containers
        self._owned = owned
        self._clock = clock
        self._removing: set[str] = set()

    def remove(self, names: Iterable[str]) -> None:
        """Take away those of the names that are strays, until they are gone."""
        picture = self._containers.picture or {}
        for name in names:
            if name in picture and name not in self._owned and name not in self._removing:
                self._removing.add(name)
                self._containers.remove(name).addBoth(self._removed, name)

    def _removed(self, result: Failure | None, name: str) -> None:
        self._removing.discard(name)
        if isinstance(result, Failure):
            result.trap(GalaxyError)
            self._log.warn("container {name} stays: {error}", name=name, error=result.value)
            self._clock.callLater(RETRY_S, self.remove, [name])
