"""
One candidate that stands for election in ZooKeeper.

Everybody who stands has an ephemeral node, numbered by ZooKeeper in the order of coming;
the first reigns, each other watches the one before it. The reign begins with one
transaction: my node is there, the epoch goes up by one, and `leader` names me. Whoever
commits with an epoch checks that it has not gone up since, so that a leader which has not
noticed its end can change nothing.

    standing --first--> reigning --no connection--> in doubt --the same session--> reigning
       ^                    `-----session lost, or `leader` names another-----> standing

Who reigns watches `leader` and its own node, and looks at both whenever one of them has
changed: what was deleted by hand ends the reign, as no other master would know of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.nexus.interfaces import ICandidacy, ICandidate, Leader, Unavailable
from galaxy.nexus.operations import Check, Create, Operation, Refused, Remove, SetData
from galaxy.nexus.session import Link
from galaxy.nexus.session import ZooKeeperSession as Session
from galaxy.nexus.znodes import Damaged, Layout, leader_data, next_epoch, parse_leader

RETRY_S = 0.5


@implementer(ICandidacy)
class ZooKeeperCandidacy:
    """
    A candidate, from standing to resigning; `linked` tells it of its session.

    `prepare` makes the nodes that elections need; `begun` is called at the
    beginning of each reign.
    """

    log = Logger()

    def __init__(
        self,
        session: Session,
        layout: Layout,
        *,
        prepare: Callable[[], Awaitable[None]],
        begun: Callable[[], None],
        candidate: ICandidate,
        endpoint: str,
        above: int,
        clock: Any,
    ) -> None:
        self._session = session
        self._layout = layout
        self._prepare = prepare
        self._begun = begun
        self._candidate = candidate
        self._endpoint = endpoint
        self._above = above
        self._name = _new_name()  # one for each session, known to nobody else
        self._clock = clock
        self._epoch = 0  # of the reign that the candidate was told of
        self._doubtful = False
        self._resigned = False
        self._running = False
        self._again = False
        self._retry: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self.over = False  # resigned, and the ensemble knows
        self._gone: list[Deferred[None]] = []

    def linked(self, link: Link) -> None:
        """The session is connected, suspended or lost."""
        if link is Link.CONNECTED:
            self._step()
        elif link is Link.LOST:
            self._name = _new_name()
            self._depose("the session with ZooKeeper has expired")
            if self._resigned:
                self._left()
        elif not (self._doubtful or self._resigned):
            self._doubtful = True
            self._candidate.suspended("no ZooKeeper server answers")

    def resign(self) -> Deferred[None]:
        """
        Give up. Waits no longer than the session without servers would have lasted; if it
        has lasted all the same, the ensemble is told as soon as one answers.
        """
        done: Deferred[None] = Deferred()
        self._gone.append(done)
        self._resigned = True
        self._epoch = 0
        if self.over:
            self._left()
            return done
        if self._deadline is None:
            self._deadline = self._clock.callLater(self._session.session_s, self._waited)
        self._step()
        return done

    def others(self) -> Deferred[tuple[str, ...]]:
        """Where the others that stand listen, as their nodes say."""
        return Deferred.fromCoroutine(self._others())

    async def _others(self) -> tuple[str, ...]:
        endpoints: list[str] = []
        try:
            names = await self._names()
        except NoNodeError:  # nobody ever stood here, and this one is about to
            return ()
        for name in names:
            if not name.startswith(self._name):
                with suppress(NoNodeError):  # it left meanwhile
                    data, _ = await self._session.get(f"{self._layout.election}/{name}")
                    endpoints.append(data.decode("utf-8", "replace"))
        return tuple(endpoints)

    def abandon(self) -> None:
        """Resign without a word: the session is about to end, and ends the candidacy with it."""
        self._resigned = True
        self._epoch = 0
        self._left()

    def _step(self) -> None:
        """Do what is next to do, unless that is being done."""
        if self.over or self._session.link is not Link.CONNECTED:
            return
        if self._running:
            self._again = True
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._running, self._again = True, False
        Deferred.fromCoroutine(self._go_on()).addBoth(self._stepped)

    async def _go_on(self) -> None:
        if self._resigned:
            await self._withdraw()
        elif self._epoch:
            await self._verify()
        else:
            if self._doubtful:
                self._resume()
            await self._stand()

    def _stepped(self, failure: Failure | None) -> None:
        self._running = False
        if failure is not None:
            if failure.check(Unavailable, NoNodeError) is None:
                self.log.failure("an election failed", failure=failure)
            if not self.over and self._retry is None:
                self._retry = self._clock.callLater(RETRY_S, self._try_again)
        elif self._again:
            self._step()

    def _try_again(self) -> None:
        self._retry = None
        self._step()

    async def _nodes(self) -> tuple[list[str], str | None]:
        """Who stands, first come first, and which of them is this one."""
        names = await self._names()
        mine = [name for name in names if name.startswith(self._name)]
        return names, mine[0] if mine else None

    async def _names(self) -> list[str]:
        """The nodes of those who stand, first come first."""
        names = await self._session.children(self._layout.election)
        return sorted(names, key=lambda name: name[-10:])

    async def _stand(self) -> None:
        await self._prepare()
        names, mine = await self._nodes()
        if mine is None:  # also looked for when the answer to an earlier creation was lost
            path = f"{self._layout.election}/{self._name}"
            await self._session.create(path, self._endpoint.encode(), ephemeral=True, sequence=True)
            names, mine = await self._nodes()
        if self._resigned or mine is None:
            self._again = True
            return
        at = names.index(mine)
        if at == 0:
            await self._begin(mine)
            return
        before = f"{self._layout.election}/{names[at - 1]}"
        if await self._session.exists(before, self._step) is None:
            self._again = True

    async def _begin(self, mine: str) -> None:
        """Begin a reign; what stands in the way is looked at in another step."""
        name = self._name
        data, stat = await self._session.get(self._layout.epoch)
        base, epoch = next_epoch(data, stat.version, self._above)
        leader = Leader(self._endpoint, epoch)
        operations: list[Operation] = [
            Check(f"{self._layout.election}/{mine}", 0),
            SetData(self._layout.epoch, base, stat.version),
            Create(self._layout.leader, leader_data(leader, mine), ephemeral=True),
        ]
        try:
            await self._session.transaction(operations)
        except Refused as refused:
            if not isinstance(refused.error, NoNodeError | BadVersionError | NodeExistsError):
                raise
            if refused.index == 2:
                # Nobody before me stands: whoever it names stands no more, or its words
                # are my own, of a transaction whose answer was lost. Its epoch is over.
                await self._remove(self._layout.leader)
            self._again = True
            return
        if self._resigned or self._name != name:
            self._again = True  # it ended before it was known
            return
        self._epoch = epoch
        self._candidate.elected(epoch)
        self._begun()
        self._again = True  # watch over it
        if self._session.link is not Link.CONNECTED:
            self.linked(self._session.link)

    async def _verify(self) -> None:
        """The same session again, or something has changed: is the reign still mine?"""
        epoch = self._epoch
        reigns = await self._reigns()
        if self._resigned or self._epoch != epoch:
            return
        if not reigns:
            self._depose("the leader's node was taken away")
            self._again = True
        elif self._doubtful and self._session.link is Link.CONNECTED:
            self._resume()

    def _resume(self) -> None:
        self._doubtful = False
        self._candidate.resumed()

    async def _reigns(self) -> bool:
        """Whether `leader` names me and my node is there; from now on both are watched."""
        try:
            data, _ = await self._session.get(self._layout.leader, self._step)
            leader, candidate = parse_leader(data)
        except (NoNodeError, Damaged):
            return False
        if not candidate.startswith(self._name) or leader.epoch != self._epoch:
            return False
        mine = f"{self._layout.election}/{candidate}"
        return await self._session.exists(mine, self._step) is not None

    def _depose(self, reason: str) -> None:
        if self._epoch:
            self._epoch = 0
            self._doubtful = False
            self._candidate.deposed(reason)

    async def _withdraw(self) -> None:
        """Take away my node and, if it is mine, the leader's; both at once when there are both."""
        try:
            _, mine = await self._nodes()
        except NoNodeError:
            mine = None
        if mine is not None:
            operations: list[Operation] = [Remove(f"{self._layout.election}/{mine}")]
            try:
                data, stat = await self._session.get(self._layout.leader)
                if parse_leader(data)[1] == mine:
                    operations.append(Remove(self._layout.leader, stat.version))
            except (NoNodeError, Damaged):
                pass  # there is no reign of mine to end
            try:
                await self._session.transaction(operations)
            except Refused:
                self._again = True  # something changed meanwhile: look again
                return
        self._left()

    async def _remove(self, path: str) -> None:
        try:
            await self._session.delete(path)
        except NoNodeError:
            return

    def _left(self) -> None:
        """The candidacy is over, for the ensemble too."""
        self.over = True
        for timer in (self._retry, self._deadline):
            if timer is not None and timer.active():
                timer.cancel()
        self._retry = self._deadline = None
        self._tell()

    def _waited(self) -> None:
        """Whoever waits has waited long enough."""
        self._deadline = None
        self._tell()

    def _tell(self) -> None:
        gone, self._gone = self._gone, []
        for done in gone:
            done.callback(None)


def _new_name() -> str:
    return uuid4().hex + "-"  # ZooKeeper adds the number
