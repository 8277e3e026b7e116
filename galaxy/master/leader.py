"""
Election: when this master reigns, and who does when it does not.

The nexus elects; each election begins a reign with a fresh picture. In doubt
(`suspended`) the reign answers what it knows and decides nothing; deposed, it
ends at once, and the candidacy goes on by itself. When it is not known what the
nexus holds, the reign is given up, and this master stands anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.master.reign import Reign
from galaxy.master.store import Loaded, Store
from galaxy.master.stored import Incomplete
from galaxy.master.waiting import Waiting
from galaxy.master.work import Work
from galaxy.nexus.interfaces import (
    ICandidacy,
    ICandidate,
    INexus,
    IWatch,
    Leader,
    NexusError,
    Unavailable,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status

SUCCESSION_S = 5.0
"""How long one who steps down waits to see who follows."""

AGAIN_S, AGAIN_AT_MOST_S = 1.0, 8.0
"""Before standing again, or reading the nexus again, after it went wrong."""

MakeReign = Callable[[int, Store, Loaded, Callable[[str], None]], Reign]
"""(epoch, store, loaded, let_go) -> a reign that has not begun; `let_go` has us stand again."""


@implementer(ICandidate)
class Leadership:
    """
    Stands for election for as long as the master runs.

    `reign` is the present one, once it has begun; None otherwise. `doubted(reason)`
    is called when it is no longer certain who leads, and with "" when it is again.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        make_reign: MakeReign,
        doubted: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.reign: Reign | None = None
        self.leader: Leader | None = None  # as the nexus says
        self._clock = clock
        self._nexus: INexus | None = None
        self._make_reign = make_reign
        self._doubted = doubted
        self.endpoint = ""  # where this master listens
        self._candidacy: ICandidacy | None = None
        self._watch: IWatch | None = None
        self._loading = 0  # the epoch of the reign that is about to begin
        self._above = 0  # as of the nexus, how high the next epoch is to be at least
        self._unfit = ""  # why it cannot begin with what the nexus holds
        self._doubt = ""  # whether and why it is not certain who leads
        self._again_s = AGAIN_S
        self._reading: IDelayedCall | None = None  # when it will be read again
        self._standing: IDelayedCall | None = None  # when we will stand again
        self._waiting: list[Deferred[None]] = []
        self._leader_news = Waiting(clock)
        self._stopped = False

    def start(self, nexus: INexus, endpoint: str) -> None:
        """Stand; `endpoint` is where this master listens."""
        self._nexus = nexus
        self.endpoint = endpoint
        self._watch = nexus.watch_leader(self._leader_changed)
        self._stand()

    async def stop(self) -> None:
        """Give up reign and candidacy."""
        self._stopped = True
        if self._watch is not None:
            self._watch.stop()
        for timer in (self._reading, self._standing):
            if timer is not None and timer.active():
                timer.cancel()
        self._end("the master stops")
        if self._candidacy is not None:
            await self._candidacy.resign()
            self._candidacy = None

    # -- for those who want something ------------------------------------------------

    async def reigning(self) -> Reign:
        """
        The present reign, if it may decide. One that is just beginning is waited for.

        GalaxyError(kNotLeader), with the leader's address where it is known.
        """
        reign = await self.informed()
        if reign.suspended:
            raise GalaxyError(Status.kNotLeader, f"it is not certain who leads: {reign.suspended}")
        return reign

    async def informed(self) -> Reign:
        """
        The present reign, if only for what it knows.

        GalaxyError as `reigning`, or kUnfit if none can begin until somebody mends the nexus.
        """
        while self.reign is None and self._loading and not self._unfit:
            waiter: Deferred[None] = Deferred(self._forget_waiter)
            self._waiting.append(waiter)
            await waiter
        if self.reign is not None:
            return self.reign
        if self._loading:
            raise GalaxyError(Status.kUnfit, self._unfit)
        if self.leader is not None and self.leader.endpoint != self.endpoint:
            known = f"the leader is {self.leader.endpoint}"
        else:
            known = "there is no leader at the moment"
        doubt = f"; that is not certain: {self._doubt}" if self._doubt else ""
        raise GalaxyError(Status.kNotLeader, known + doubt)

    async def standbys(self) -> tuple[str, ...]:
        """Where the other masters listen that stand; none while that cannot be known."""
        if self._candidacy is None or self._doubt:
            return ()
        try:
            return await self._candidacy.others()
        except NexusError as error:
            self._log.info("it is not known who else stands: {error}", error=error)
            return ()

    async def step_down(self, epoch: int) -> Leader | None:
        """
        Let another master lead; who does then, None if that takes long.

        GalaxyError: as `reigning`; kConflict if nobody else stands. A reign that
        is over already is not ended twice.
        """
        reign = await self.reigning()
        others = await self.standbys()
        if reign is not self.reign or reign.epoch != epoch or self._candidacy is None:
            return self.leader
        if not others:
            raise GalaxyError(
                Status.kConflict,
                "no other master stands for election: start one first, or nobody would lead",
            )
        await Work(Deferred.fromCoroutine(self._stand_back(self._candidacy))).wait()
        return await self._successor(epoch)

    async def _stand_back(self, candidacy: ICandidacy) -> None:
        """Resign, and stand behind the others."""
        self._candidacy = None
        self._end("it steps down")
        await candidacy.resign()
        if not self._stopped:
            self._stand()

    async def _successor(self, epoch: int) -> Leader | None:
        enough = self._clock.seconds() + SUCCESSION_S
        while self.leader is None or self.leader.epoch <= epoch:
            left_s = enough - self._clock.seconds()
            if left_s <= 0:
                return None
            await self._leader_news.wait(left_s)
        return self.leader

    def _forget_waiter(self, waiter: Deferred[None]) -> None:
        self._waiting.remove(waiter)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)

    # -- ICandidate ------------------------------------------------------------------

    def elected(self, epoch: int) -> None:
        """Begin a reign."""
        self._end("another election was held")
        self._log.info("elected, epoch {epoch}", epoch=epoch)
        self._load(epoch)

    def suspended(self, reason: str) -> None:
        """Decide nothing until it is clear who leads."""
        self._log.warn("it is in doubt who leads: {reason}", reason=reason)
        self._doubt = reason
        self._doubted(reason)
        if self.reign is not None:
            self.reign.suspended = reason

    def resumed(self) -> None:
        """Go on."""
        self._log.info("the doubt is over")
        self._doubt = ""
        self._doubted("")
        if self.reign is not None:
            self.reign.resume()

    def deposed(self, reason: str) -> None:
        """End the reign; the candidacy goes on."""
        self._end(reason)

    # -- reigns ----------------------------------------------------------------------

    def _load(self, epoch: int) -> None:
        assert self._nexus is not None
        self._loading = epoch
        store = Store(
            self._nexus, epoch, partial(self._overtaken, epoch), partial(self._lost, epoch)
        )
        Deferred.fromCoroutine(store.load()).addCallbacks(
            self._loaded, self._not_loaded, (epoch, store), {}, (epoch,), {}
        )

    def _loaded(self, loaded: Loaded, epoch: int, store: Store) -> None:
        if epoch != self._loading:
            return
        self._loading, self._unfit, self._again_s = 0, "", AGAIN_S
        self._above = loaded.above
        if epoch <= loaded.above:
            self._stand_again(f"the next reign is to be above epoch {loaded.above}")
            return
        reign = self._make_reign(epoch, store, loaded, partial(self._lost, epoch))
        reign.suspended = self._doubt
        reign.begin()
        self.reign = reign
        self._log.info(
            "reign {reign} has begun: {jobs} jobs, {agents} agents known",
            reign=reign.cluster.reign,
            jobs=len(loaded.jobs),
            agents=len(loaded.agents),
        )
        self._wake()

    def _not_loaded(self, failure: Failure, epoch: int) -> None:
        if epoch != self._loading:
            return
        reason = failure.getErrorMessage()
        if failure.check(Unavailable) is not None:
            self._log.warn("the nexus could not be read, again soon: {reason}", reason=reason)
        elif reason != self._unfit:
            if failure.check(Incomplete, NexusError) is None:
                self._log.failure("what the nexus holds could not be understood", failure)
            self._unfit = reason
            self._log.error("no reign can begin: {reason}", reason=reason)
            self._wake()
        self._reading = self._clock.callLater(self._again_s, self._load_again, epoch)
        self._again_s = min(2 * self._again_s, AGAIN_AT_MOST_S) if self._unfit else AGAIN_S

    def _load_again(self, epoch: int) -> None:
        if epoch == self._loading:
            self._load(epoch)

    def _end(self, reason: str) -> None:
        self._loading, self._unfit, self._again_s = 0, "", AGAIN_S
        self._doubt = ""
        self._doubted("")
        reign, self.reign = self.reign, None
        if reign is not None:
            reign.end(reason)
            self._log.info(
                "the reign of epoch {epoch} is over: {reason}", epoch=reign.epoch, reason=reason
            )
        self._wake()

    def _overtaken(self, epoch: int, reason: str) -> None:
        """Somebody knows of a later reign than this: if it is ours, give it up, and stand anew."""
        if self.reign is None or self.reign.epoch != epoch:
            return
        self._end(reason)
        self._above = max(self._above, epoch)  # the nexus may have lost count
        candidacy, self._candidacy = self._candidacy, None
        if candidacy is not None and not self._stopped:
            candidacy.resign().addErrback(
                lambda failure: self._log.failure("could not resign", failure)
            )
            self._standing = self._clock.callLater(AGAIN_S, self._stand)

    def _lost(self, epoch: int, reason: str) -> None:
        """Let a later reign, perhaps ours, read what the nexus holds."""
        if self.reign is None or self.reign.epoch != epoch or self.reign.given_up:
            return
        self._log.warn("the reign is given up: {reason}", reason=reason)
        self.reign.give_up(reason)
        self._stand_again(reason)

    def _stand_again(self, reason: str) -> None:
        """Resign; when that has taken effect, end the reign, if there is one, and stand."""
        candidacy = self._candidacy
        if candidacy is None:
            return

        def resigned(_: None) -> None:
            if self._candidacy is candidacy and not self._stopped:
                self._end(reason)
                self._stand()

        candidacy.resign().addCallback(resigned).addErrback(
            lambda failure: self._log.failure("could not resign", failure)
        )

    def _stand(self) -> None:
        assert self._nexus is not None
        self._candidacy = self._nexus.stand(self, self.endpoint, self._above)

    def _leader_changed(self, leader: Leader | None) -> None:
        self.leader = leader
        self._leader_news.wake()
