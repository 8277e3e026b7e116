"""
The nexus on a ZooKeeper ensemble: several masters, one of which reigns.

How things stand in nodes is in `znodes` and `nodes`, the election in `election`, the connection and
kazoo's threads in `session`.

What happens when: no server answers, no quorum, slow servers: everything asked fails with
`Unavailable` within the session's time-out (a commit that was sent: `OutcomeUnknown`), who stands
is suspended at once, reigns are deposed when the session has expired; connecting goes on for ever.
A wrong user or password: `NotAllowed`. A chroot that does not exist is made
by whoever stands or commits; who only looks finds nothing there, and a warning is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from kazoo.protocol.states import ZnodeStat
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from zope.interface import implementer

from galaxy.nexus.election import ZooKeeperCandidacy
from galaxy.nexus.follow import Follow
from galaxy.nexus.interfaces import (
    Change,
    Entry,
    ICandidacy,
    ICandidate,
    INexus,
    IWatch,
    Leader,
    Unavailable,
)
from galaxy.nexus.keys import check_changes, check_key, check_prefix
from galaxy.nexus.nodes import Nodes
from galaxy.nexus.places import ZooKeeperPlace
from galaxy.nexus.session import Link, ZooKeeperSession
from galaxy.nexus.watches import LeaderWatches, Watches
from galaxy.nexus.znodes import Damaged, Layout, parse_changes, parse_leader
from galaxy.turns import Turns

T = TypeVar("T")


def open_zookeeper(
    place: ZooKeeperPlace, reactor: Any, masters: Sequence[str] = ()
) -> ZooKeeperNexus:
    """The nexus of an ensemble; it need not answer yet. `masters`: addresses of some."""
    return ZooKeeperNexus(place, reactor, masters)


@implementer(INexus)
class ZooKeeperNexus:
    """One participant of a cluster whose metadata lives in an ensemble."""

    log = Logger()

    def __init__(self, place: ZooKeeperPlace, reactor: Any, masters: Sequence[str] = ()) -> None:
        self._place = place
        self._masters = tuple(masters)
        self._reactor = reactor
        self._layout = Layout(place.chroot)
        self._watches = Watches(reactor)
        self._leaders = LeaderWatches(reactor)
        self._candidacies: list[ZooKeeperCandidacy] = []
        self._commits = Turns()  # one at a time: they must not overtake each other
        self._closed: Deferred[None] | None = None
        self._met = False  # the ensemble has answered
        self._changes_seen: int | None = None
        self._session = ZooKeeperSession(place, reactor, self._linked)
        self._nodes = Nodes(self._session, self._layout)
        self._follow_leader = Follow(self._session, self._layout.leader, self._leader_is, reactor)
        self._follow_changes = Follow(self._session, self._layout.changes, self._changed, reactor)
        self._watching_leader = self._watching_changes = False

    def get(self, key: str) -> Deferred[Entry | None]:
        """The value of a key, as of the server this one is connected to."""
        check_key(key)
        return self._do(self._nodes.get(key))

    def scan(self, prefix: str) -> Deferred[dict[str, Entry]]:
        """Every key below the prefix; each value is of its own moment."""
        check_prefix(prefix)
        return self._do(self._nodes.scan(prefix))

    def commit(self, changes: Sequence[Change], epoch: int = 0) -> Deferred[None]:
        """All of the changes or none, on a majority of the servers' disks."""
        check_changes(changes)
        if self._closed is not None:
            return fail(Unavailable("this nexus has been closed"))
        late = self._reactor.seconds() + self._session.session_s
        asked = tuple(changes)
        return self._commits.run(self._commit_in_turn(asked, epoch, late))

    def watch(self, prefix: str, changed: Callable[[str], None]) -> IWatch:
        """Tell of commits at or below the prefix."""
        check_prefix(prefix)
        if not self._watching_changes and self._closed is None:
            self._watching_changes = True
            self._follow_changes.read()
        return self._watches.add(prefix, changed)

    def epoch(self) -> Deferred[int]:
        """The highest epoch that has begun, as of the server this one is connected to."""
        return self._do(self._nodes.epoch())

    def stand(self, candidate: ICandidate, endpoint: str, above: int = 0) -> ICandidacy:
        """Stand for election."""
        candidacy = ZooKeeperCandidacy(
            self._session,
            self._layout,
            prepare=self._prepare_election,
            begun=self._sweep,
            candidate=candidate,
            endpoint=endpoint,
            above=above,
            clock=self._reactor,
        )
        self._candidacies.append(candidacy)
        if self._session.link is Link.CONNECTED:
            candidacy.linked(Link.CONNECTED)
        elif self._met:  # before the first connection nothing is in doubt
            candidacy.linked(Link.SUSPENDED)
        return candidacy

    def watch_leader(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell of the leader."""
        if not self._watching_leader and self._closed is None:
            self._watching_leader = True
            self._follow_leader.read()
            self._do(self._warn_of_nothing()).addErrback(lambda f: f.trap(Unavailable))
        return self._leaders.add(changed)

    def unreachable(self, endpoint: str) -> None:
        """While no server answers, offer the next master; else the ensemble knows better."""
        if self._masters and self._met and self._session.link is not Link.CONNECTED:
            known = self._masters.index(endpoint) if endpoint in self._masters else -1
            self._leaders.tell(Leader(self._masters[(known + 1) % len(self._masters)], 0))

    def close(self) -> Deferred[None]:
        """Finish commits, then end the session: ephemeral nodes vanish with it."""
        if self._closed is None:
            self._watches.stop()
            self._leaders.stop()
            self._follow_leader.stop()
            self._follow_changes.stop()
            self._closed = self._commits.run(self._close())  # after those that were asked for
        done: Deferred[None] = Deferred()
        self._closed.chainDeferred(done)
        return done

    async def _close(self) -> None:
        for candidacy in self._candidacies:
            candidacy.abandon()
        await self._session.stop()

    def _do(self, what: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
        if self._closed is not None:
            what.close()
            return fail(Unavailable("this nexus has been closed"))
        return Deferred.fromCoroutine(what)

    def _linked(self, link: Link) -> None:
        if self._closed is not None:
            return
        self._met = self._met or link is Link.CONNECTED
        if link is Link.LOST:
            self._nodes.forget()
        self._candidacies = [each for each in self._candidacies if not each.over]
        for candidacy in list(self._candidacies):
            candidacy.linked(link)
        if link is Link.CONNECTED:
            if self._watching_leader:
                self._follow_leader.read()
            if self._watching_changes:
                self._follow_changes.read()

    async def _commit_in_turn(self, changes: Sequence[Change], epoch: int, late: float) -> None:
        if self._session.link is not Link.CONNECTED and self._reactor.seconds() >= late:
            raise Unavailable(f"no answer from {self._place}")
        await self._nodes.commit(changes, epoch)

    async def _prepare_election(self) -> None:
        """See that elections can be held, even if somebody deleted everything by hand."""
        self._nodes.forget()
        await self._nodes.prepare_ground()

    def _sweep(self) -> None:
        """A reign has begun here: clear away what earlier ones left half done."""
        swept = Deferred.fromCoroutine(self._nodes.sweep())
        swept.addErrback(lambda failure: failure.trap(Unavailable) and None)
        swept.addErrback(lambda failure: self.log.failure("cannot sweep blobs", failure=failure))

    def _leader_is(self, data: bytes, stat: ZnodeStat | None) -> None:
        if stat is None:
            self._leaders.tell(None)
            return
        try:
            self._leaders.tell(parse_leader(data)[0])
        except Damaged as error:
            self.log.warn("{path}: {error}", path=self._layout.leader, error=error)

    def _changed(self, data: bytes, stat: ZnodeStat | None) -> None:
        # Made by whoever comes first, at version 0: nothing was changed by that.
        before, now = self._changes_seen, 0 if stat is None else stat.version
        self._changes_seen = now
        if before is None or now == before:
            return
        keys = parse_changes(data)
        if now == before + 1 and keys:
            self._watches.tell(keys)
        else:
            self._watches.tell_unknown()

    async def _warn_of_nothing(self) -> None:
        root = self._place.chroot
        if root and await self._session.exists(root) is None:
            self.log.warn(
                "no master has ever stood at {place}: is {root} right?",
                place=str(self._place),
                root=root,
            )
