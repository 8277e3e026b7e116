"""
A nexus without a disk or a network, for several masters in one process on one clock.

`MemoryEnsemble` is what would be the servers: the stored values, the epochs, who stands;
a test breaks it by its methods. Each participant has a `MemoryNexus`. What a participant
asks reaches the ensemble, and answers and events reach the participant, on the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from galaxy.nexus.interfaces import (
    Change,
    Conflict,
    Entry,
    ICandidacy,
    ICandidate,
    INexus,
    IWatch,
    Leader,
    OutcomeUnknown,
    Put,
    StaleEpoch,
    Unavailable,
)
from galaxy.nexus.keys import check_changes, check_key, check_prefix, is_below
from galaxy.nexus.verdict import versions_after
from galaxy.nexus.watches import LeaderWatches, Watches

T = TypeVar("T")


@implementer(ICandidacy)
class _Candidacy:
    """One candidate of one participant. `epoch` is 0 unless it reigns."""

    def __init__(
        self, nexus: MemoryNexus, candidate: ICandidate, endpoint: str, above: int
    ) -> None:
        self.nexus = nexus
        self.candidate = candidate
        self.endpoint = endpoint
        self.above = above
        self.epoch = 0
        self.doubtful = False
        self.resigned = False

    def resign(self) -> Deferred[None]:
        return self.nexus.resign(self)

    def others(self) -> Deferred[tuple[str, ...]]:
        return self.nexus.others(self)

    def tell(self, event: Callable[..., None], *arguments: object) -> None:
        """Let an event of the candidate happen on a later turn, unless it has resigned by then."""

        def happen() -> None:
            if not self.resigned and not self.nexus.gone:
                event(*arguments)

        self.nexus.clock.callLater(0, happen)


class MemoryEnsemble:
    """
    The servers, and what can befall them.

    A participant is cut off by `suspend`; after `session_timeout_s` the
    ensemble gives it up, unless `resume` came first. Without a quorum nobody
    is answered, and no session ends either.
    """

    def __init__(
        self, clock: IReactorTime, *, latency_s: float = 0.0, session_timeout_s: float = 4.0
    ) -> None:
        self.clock = clock
        self.latency_s = latency_s
        self.session_timeout_s = session_timeout_s
        self.entries: dict[str, Entry] = {}
        self.epoch = 0
        self.leader: Leader | None = None
        self._standing: list[_Candidacy] = []  # the first reigns, as soon as it can be told
        self._joined: list[MemoryNexus] = []

    # What befalls a participant.

    def suspend(self, nexus: MemoryNexus, *, noticed: bool = True) -> None:
        """
        Cut a participant off. Unless `noticed`, its candidates are not told, as
        when its process is stopped or its time-out is not over.
        """
        if not nexus.connected:
            return
        nexus.connected = False
        nexus.expiry = self.clock.callLater(self.session_timeout_s, self.expire, nexus)
        if noticed:
            nexus.doubt()

    def resume(self, nexus: MemoryNexus) -> None:
        """Let a participant reach the ensemble again."""
        if nexus.connected or nexus.gone:
            return
        nexus.connected = True
        nexus.forget_expiry()
        nexus.reconnect()
        self.settle()

    def expire(self, nexus: MemoryNexus) -> None:
        """End a participant's session: its reign is over, though it may not know."""
        nexus.forget_expiry()
        nexus.session_lost = True
        if nexus.gone:
            self.leave(nexus)
        for candidacy in [each for each in self._standing if each.nexus is nexus]:
            self.withdraw(candidacy)
        nexus.let_go()
        if nexus.connected:
            nexus.reconnect()
        self.settle()

    def crash(self, nexus: MemoryNexus) -> None:
        """Kill a participant: it says and hears nothing more; its session ends by time-out."""
        self.suspend(nexus, noticed=False)
        nexus.gone = True

    def lose_quorum(self) -> None:
        """Cut everybody off, and let time stand still for their sessions."""
        for nexus in self._joined:
            nexus.forget_expiry()
            if nexus.connected:
                nexus.connected = False
                nexus.doubt()

    def regain_quorum(self) -> None:
        """Answer everybody again; the time of those who are gone begins to run."""
        for nexus in self._joined:
            if nexus.gone:
                nexus.expiry = self.clock.callLater(self.session_timeout_s, self.expire, nexus)
            else:
                self.resume(nexus)

    # What participants ask; called on the clock.

    def join(self, nexus: MemoryNexus) -> None:
        """Tell this participant of changes from now on."""
        self._joined.append(nexus)

    def leave(self, nexus: MemoryNexus) -> None:
        """Forget a participant."""
        if nexus in self._joined:
            self._joined.remove(nexus)

    def commit(self, changes: Sequence[Change], epoch: int) -> None:
        """Apply all or raise."""
        absent = Entry(b"", 0)
        versions = versions_after(
            changes, epoch, self.epoch, lambda key: self.entries.get(key, absent).version
        )
        for change, version in zip(changes, versions, strict=True):
            if isinstance(change, Put):
                self.entries[change.key] = Entry(change.value, version)
            else:
                self.entries.pop(change.key, None)
        for nexus in self._joined:
            if nexus.connected:
                nexus.watches.tell(change.key for change in changes)

    def stand(self, candidacy: _Candidacy) -> None:
        """Queue a candidate."""
        self._standing.append(candidacy)
        self.settle()

    def standing(self, but: _Candidacy) -> tuple[str, ...]:
        """Where all candidates listen but one."""
        return tuple(each.endpoint for each in self._standing if each is not but)

    def withdraw(self, candidacy: _Candidacy) -> None:
        """Take a candidate out of the queue; if it reigned, nobody does now."""
        if candidacy not in self._standing:
            return
        self._standing.remove(candidacy)
        if self.leader is not None and candidacy.epoch == self.leader.epoch:
            self.leader = None
            self._advertise()

    def settle(self) -> None:
        """Elect the next if nobody reigns."""
        if self.leader is not None or not self._standing:
            return
        first = self._standing[0]
        if first.nexus.connected:
            self.epoch = max(self.epoch, first.above) + 1
            first.epoch = self.epoch
            self.leader = Leader(first.endpoint, self.epoch)
            first.tell(first.candidate.elected, first.epoch)
            self._advertise()

    def _advertise(self) -> None:
        for nexus in self._joined:
            if nexus.connected:
                nexus.leaders.tell(self.leader)


@implementer(INexus)
class MemoryNexus:
    """
    One participant's view of an ensemble.

    `lose_next`: whether the next commit is carried out, when its answer is to be lost.
    """

    def __init__(self, ensemble: MemoryEnsemble) -> None:
        self.clock = ensemble.clock
        self.watches = Watches(ensemble.clock)
        self.leaders = LeaderWatches(ensemble.clock)
        self.connected = True
        self.session_lost = False
        self.gone = False
        self.expiry: IDelayedCall | None = None
        self.lose_next: bool | None = None
        self._ensemble = ensemble
        self._candidacies: list[_Candidacy] = []
        self._leaving: list[_Candidacy] = []  # resigned, and the ensemble does not know yet
        self._resigning: list[Deferred[None]] = []
        ensemble.join(self)
        self.leaders.tell(ensemble.leader)

    def get(self, key: str) -> Deferred[Entry | None]:
        """The value of a key."""
        check_key(key)
        return self._ask(lambda: self._ensemble.entries.get(key))

    def scan(self, prefix: str) -> Deferred[dict[str, Entry]]:
        """Every key below the prefix."""
        check_prefix(prefix)
        entries = self._ensemble.entries
        return self._ask(lambda: {k: entries[k] for k in sorted(entries) if is_below(k, prefix)})

    def commit(self, changes: Sequence[Change], epoch: int = 0) -> Deferred[None]:
        """All of the changes or none."""
        check_changes(changes)
        asked = tuple(changes)

        def arrive() -> None:
            carried_out, self.lose_next = self.lose_next, None
            if carried_out is not False:
                self._ensemble.commit(asked, epoch)
            if carried_out is not None:
                raise OutcomeUnknown("the ensemble's answer was lost")

        return self._ask(arrive)

    def watch(self, prefix: str, changed: Callable[[str], None]) -> IWatch:
        """Tell of changes at or below the prefix."""
        check_prefix(prefix)
        return self.watches.add(prefix, changed)

    def epoch(self) -> Deferred[int]:
        """The highest epoch that has begun."""
        return self._ask(lambda: self._ensemble.epoch)

    def stand(self, candidate: ICandidate, endpoint: str, above: int = 0) -> ICandidacy:
        """Stand for election."""
        candidacy = _Candidacy(self, candidate, endpoint, above)
        self._candidacies.append(candidacy)
        self._ensemble.stand(candidacy)
        return candidacy

    def watch_leader(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell of the leader."""
        return self.leaders.add(changed)

    def unreachable(self, endpoint: str) -> None:
        """Do nothing: the ensemble knows better."""

    def close(self) -> Deferred[None]:
        """Resign, stop watches, let what was asked for finish."""
        done: Deferred[None] = Deferred()
        if not self.gone:
            for candidacy in list(self._candidacies):
                self.resign(candidacy)
            self.watches.stop()
            self.leaders.stop()
            self.gone = True
            if self.connected:
                self._ensemble.leave(self)
        self.clock.callLater(self._ensemble.latency_s, done.callback, None)
        return done

    def resign(self, candidacy: _Candidacy) -> Deferred[None]:
        """
        Take a candidate back. Cut off, the reign ends all the same, but the
        ensemble learns it late: when the session ends.
        """
        done: Deferred[None] = Deferred()
        if not candidacy.resigned:
            candidacy.resigned = True
            self._candidacies.remove(candidacy)
            self._leaving.append(candidacy)
        self._resigning.append(done)
        if self.connected:
            self.let_go()
        return done

    def others(self, candidacy: _Candidacy) -> Deferred[tuple[str, ...]]:
        """Where the other candidates listen."""
        return self._ask(lambda: self._ensemble.standing(candidacy))

    def let_go(self) -> None:
        """The ensemble knows now who has resigned here."""
        for candidacy in self._leaving:
            self._ensemble.withdraw(candidacy)
        self._ensemble.settle()
        for done in self._resigning:
            self.clock.callLater(self._ensemble.latency_s, done.callback, None)
        self._leaving, self._resigning = [], []

    def forget_expiry(self) -> None:
        """The session does not end by itself any more."""
        if self.expiry is not None and self.expiry.active():
            self.expiry.cancel()
        self.expiry = None

    def doubt(self) -> None:
        """The ensemble does not answer: whoever stands here does not know who reigns."""
        for candidacy in self._candidacies:
            if not candidacy.doubtful:
                candidacy.doubtful = True
                candidacy.tell(candidacy.candidate.suspended, "the ensemble does not answer")

    def reconnect(self) -> None:
        """The ensemble answers: go on with the old session, or begin a new one."""
        lost, self.session_lost = self.session_lost, False
        self.let_go()
        for candidacy in list(self._candidacies):
            reigned = bool(candidacy.epoch)
            if lost:
                candidacy.epoch = 0
                if reigned:
                    candidacy.tell(candidacy.candidate.deposed, "the session has expired")
            if candidacy.doubtful and not (lost and reigned):
                candidacy.tell(candidacy.candidate.resumed)
            if lost:
                self._ensemble.stand(candidacy)
            candidacy.doubtful = False
        self.watches.tell_unknown()
        self.leaders.tell(self._ensemble.leader)

    def _ask(self, what: Callable[[], T]) -> Deferred[T]:
        if self.gone:
            return fail(Unavailable("this nexus has been closed"))
        answer: Deferred[T] = Deferred()

        def arrive() -> None:
            if not self.connected:
                answer.errback(Unavailable("the ensemble does not answer"))
                return
            try:
                result = what()
            except (Conflict, StaleEpoch, OutcomeUnknown):
                answer.errback()
            else:
                answer.callback(result)

        self.clock.callLater(self._ensemble.latency_s, arrive)
        return answer
