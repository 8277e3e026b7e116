"""
The boundary of the nexus: keys and values, compare-and-set, watches, election.

Keys are paths of printable ASCII, parts joined by "/", none empty: "jobs/x"
(the rules: `galaxy.nexus.keys`; breaking one raises ValueError).
Providers: `galaxy.nexus.leveldb` (inside the one master),
`galaxy.nexus.zookeeper` (an ensemble), `galaxy.nexus.memory` and
`galaxy.nexus.failing` (tests). One contract test runs over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from zope.interface import Interface

if TYPE_CHECKING:  # the command line imports this, and not Twisted
    from twisted.internet.defer import Deferred


@frozen
class Entry:
    """A stored value. `version` is at least 1 and grows with every write of the key."""

    value: bytes
    version: int


@frozen
class Put:
    """
    Write a key. `expect`: the version it must have; 0: it must not exist;
    None: whatever it is.
    """

    key: str
    value: bytes
    expect: int | None = None


@frozen
class Delete:
    """Remove a key; one that is absent already is fine unless `expect` is given."""

    key: str
    expect: int | None = None


Change = Put | Delete


@frozen
class Leader:
    """Who reigns, and where it listens. Epoch 0: whoever said so did not know it."""

    endpoint: str
    epoch: int


class NexusError(Exception):
    """
    The nexus did not do what was asked. Carries its cause.

    Nothing was changed, unless it is `OutcomeUnknown`.
    """


class Conflict(NexusError):
    """A key was not at the expected version. `key` says which."""

    def __init__(self, key: str, found: int) -> None:
        super().__init__(f"{key} is at version {found}, not at the expected one")
        self.key = key
        self.found = found


class StaleEpoch(NexusError):
    """The write was fenced: a higher epoch has begun, or the nexus lost count of them."""

    def __init__(self, epoch: int, begun: int) -> None:
        why = f"epoch {begun} has begun" if begun > epoch else "the nexus lost count of its epochs"
        super().__init__(f"epoch {epoch} is over, {why}")


class Unavailable(NexusError):
    """The nexus cannot be reached or cannot write."""


class NotAllowed(Unavailable):
    """The nexus does not let us: user and password in its URL are not those it knows."""


class OutcomeUnknown(Unavailable):
    """
    A commit was sent and its answer was lost: all of it was, or will be, done, or none.

    What the nexus holds is certain again for who reads it under a higher epoch.
    """


class CannotOpen(Exception):
    """
    A store or nexus cannot be used as it was configured.

    The sentence names the place, the cause and the remedy; a daemon prints it
    and exits with 78 (EX_CONFIG).
    """

    def __init__(self, place: str, cause: str, remedy: str) -> None:
        super().__init__(f"cannot use {place}: {cause}; {remedy}")
        self.place = place
        self.cause = cause
        self.remedy = remedy


class ICandidate(Interface):
    """Who stands for election. Called on the reactor's thread."""

    def elected(epoch: int) -> None:
        """This candidate reigns; `epoch` is higher than any before, ever."""

    def suspended(reason: str) -> None:
        """
        It is in doubt who reigns, whether this one does or not: decide nothing
        until `resumed`, `deposed` or `elected`.
        """

    def resumed() -> None:
        """The doubt is over: whoever reigned here, with its epoch, still does."""

    def deposed(reason: str) -> None:
        """The reign is over. The candidacy stands again by itself and may be elected anew."""


class ICandidacy(Interface):
    """A candidate that stands."""

    def resign() -> Deferred[None]:
        """
        Give up reign and candidacy. Fires when another may be elected.

        The candidate is told nothing more, not even `deposed`. Resigning twice
        is harmless.
        """

    def others() -> Deferred[tuple[str, ...]]:
        """
        The endpoints of the other candidates that stand, first come first.

        Fails with `Unavailable`.
        """


class IWatch(Interface):
    """Something that is told of changes."""

    def stop() -> None:
        """Tell nothing more. Stopping twice is harmless."""


class IDiscovery(Interface):
    """
    Where the leader is found, by agents, schedulers, monitors and clients.

    Providers: every nexus that can be reached from more than one process, and
    `galaxy.nexus.static` for those who were told addresses and nothing else.
    """

    def watch_leader(changed: Callable[[Leader | None], None]) -> IWatch:
        """
        Call `changed` with the leader known now, soon, and whenever it is another.
        None: there is none. Soon: on a later turn of the reactor, never from within.
        """

    def unreachable(endpoint: str) -> None:
        """
        Say that `endpoint` did not answer, or answered that it is not the leader.

        A discovery that guesses offers another; one that knows does nothing.
        How long to wait between attempts is for whoever dials to decide.
        """

    def close() -> Deferred[None]:
        """Stop every watch, finish what was begun."""


class INexus(IDiscovery):
    """
    The metadata of one cluster.

    A commit is on stable storage before its deferred fires. Not promised: that
    a watch tells of every single version; it tells that something changed.
    Also not promised: that a key that was deleted and written again goes on
    with its versions; it may begin at 1.
    """

    def get(key: str) -> Deferred[Entry | None]:
        """The value of a key; None when it does not exist."""

    def scan(prefix: str) -> Deferred[dict[str, Entry]]:
        """
        Every key below "prefix/", in order, with its value; "" means all keys.

        The keys are whole (they begin with the prefix). Each value is one that
        was committed; what is committed meanwhile may be seen in part.
        """

    def commit(changes: Sequence[Change], epoch: int = 0) -> Deferred[None]:
        """
        All of the changes or none, durably. No key twice.

        With an epoch: only if no higher one has begun, else `StaleEpoch`.
        Fails with `Conflict`, `Unavailable` or, alone of all that can be
        asked, `OutcomeUnknown`. Commits take effect in the order they were
        asked for.
        """

    def watch(prefix: str, changed: Callable[[str], None]) -> IWatch:
        """
        Call `changed(key)` after a key at or below the prefix changed, whoever
        changed it; with the prefix itself when it is not known which key.
        """

    def epoch() -> Deferred[int]:
        """The highest epoch that has begun; 0: none has. Fails with `Unavailable`."""

    def stand(candidate: ICandidate, endpoint: str, above: int = 0) -> ICandidacy:
        """
        Stand for election. Once elected, `endpoint` is advertised as the
        leader's for as long as the reign lasts, and its epoch is higher than `above`, too.
        """

    def close() -> Deferred[None]:
        """Resign every candidacy, stop every watch, finish what was begun."""
