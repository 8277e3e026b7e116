"""
Who watches what, inside one provider of the nexus.

Law: a watcher is called on a later turn of the clock, never from within the call that
caused the change, and not at all once it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy.nexus.interfaces import IWatch, Leader
from galaxy.nexus.keys import is_at_or_below


@implementer(IWatch)
@define(eq=False)
class _Watch:
    prefix: str
    changed: Callable[[str], None]
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True

    def tell(self, key: str) -> None:
        if not self.stopped:
            self.changed(key)


class Watches:
    """The watches of keys."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._watches: list[_Watch] = []

    def add(self, prefix: str, changed: Callable[[str], None]) -> IWatch:
        """Tell `changed` of what changes at or below the prefix from now on."""
        watch = _Watch(prefix, changed)
        self._watches.append(watch)
        return watch

    def tell(self, keys: Iterable[str]) -> None:
        """These keys changed."""
        changed = tuple(keys)
        for watch in self._live():
            for key in changed:
                if is_at_or_below(key, watch.prefix):
                    self._clock.callLater(0, watch.tell, key)

    def tell_unknown(self) -> None:
        """It is not known what changed: everybody is told of their prefix."""
        for watch in self._live():
            self._clock.callLater(0, watch.tell, watch.prefix)

    def stop(self) -> None:
        """Stop them all."""
        for watch in self._watches:
            watch.stop()
        self._watches = []

    def _live(self) -> list[_Watch]:
        self._watches = [watch for watch in self._watches if not watch.stopped]
        return self._watches


@implementer(IWatch)
@define(eq=False)
class _LeaderWatch:
    changed: Callable[[Leader | None], None]
    stopped: bool = False
    told: tuple[Leader | None] | None = None  # None: nothing yet

    def stop(self) -> None:
        self.stopped = True

    def tell(self, leader: Leader | None) -> None:
        if not self.stopped and self.told != (leader,):
            self.told = (leader,)
            self.changed(leader)


@define(eq=False)
class LeaderWatches:
    """The watches of the leader, and the leader they were last told of."""

    clock: IReactorTime
    _known: tuple[Leader | None] | None = None  # None: not known yet
    _watches: list[_LeaderWatch] = field(factory=list)

    def add(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell `changed` of the leader: soon, if it is known, and whenever it is another."""
        watch = _LeaderWatch(changed)
        self._watches.append(watch)
        self.clock.callLater(0, self._tell, watch)
        return watch

    def tell(self, leader: Leader | None) -> None:
        """This is the leader now. What was followed by something newer is not told."""
        self._known = (leader,)
        self._watches = [watch for watch in self._watches if not watch.stopped]
        for watch in self._watches:
            self.clock.callLater(0, self._tell, watch)

    def stop(self) -> None:
        """Stop them all."""
        for watch in self._watches:
            watch.stop()
        self._watches = []

    def _tell(self, watch: _LeaderWatch) -> None:
        if self._known is not None:
            watch.tell(self._known[0])
