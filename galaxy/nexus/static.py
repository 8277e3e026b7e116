"""
Discovery for those who were told where masters listen and nothing else: agents,
schedulers and clients of a cluster whose nexus is inside its master.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy.nexus.interfaces import IDiscovery, IWatch, Leader
from galaxy.nexus.watches import LeaderWatches


@implementer(IDiscovery)
class StaticDiscovery:
    """
    Offers the addresses in turn: the next one when the one on offer did not answer.

    The epoch of its leaders is 0: only the master itself can tell it.
    """

    def __init__(self, addresses: Sequence[str], clock: IReactorTime) -> None:
        if not addresses:
            raise ValueError("no address of a master was given")
        self._addresses = tuple(dict.fromkeys(addresses))
        self._offered = 0
        self._leaders = LeaderWatches(clock)
        self._leaders.tell(Leader(self._addresses[0], 0))

    def watch_leader(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell of the address on offer."""
        return self._leaders.add(changed)

    def unreachable(self, endpoint: str) -> None:
        """Offer the next address, if this one is on offer."""
        if endpoint == self._addresses[self._offered]:
            self._offered = (self._offered + 1) % len(self._addresses)
            self._leaders.tell(Leader(self._addresses[self._offered], 0))

    def close(self) -> Deferred[None]:
        """Stop every watch."""
        self._leaders.stop()
        return succeed(None)
