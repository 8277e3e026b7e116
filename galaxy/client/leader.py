"""
The master that reigns, as a command sees it: asked, followed, asked again.

Note: what is asked again
    While one leader follows another, calls fail for as long as ZooKeeper holds on to
    the session of the one that died. All that is safe to repeat is repeated until then:
    what only reads; what says how things shall be (a scale, a label); and what
    carries an id by which the master knows it again (a submission, a restart, an
    update). A change names its job by id, found out before (`job_id`): asked again, a
    name may mean another job. The rest is asked once. Whoever asked for a change and was
    not answered is told that it may have been carried out, and where to look.

Note: what is said when nobody decides
    Without ZooKeeper a leader answers what it knows and decides nothing, while standbys
    may still name it. So whoever has asked in vain for long is told of doubt, if any
    master, or else ZooKeeper itself, gives cause for it, before of anything else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from galaxy.client.ensemble import EnsembleFailure
from galaxy.client.whereabouts import Whereabouts
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.greeting import who
from galaxy.protocol.master_pb2 import GetStatusRequest, ShowJobRequest
from galaxy.protocol.services import BlockingMasterStub
from galaxy.protocol.statuses import GalaxyError

if TYPE_CHECKING:
    from galaxy.protocol.interfaces import IBlockingPeer

Answer = TypeVar("Answer")

PATIENCE_S = 20.0
"""How long a command asks again: longer than a session with ZooKeeper usually lasts."""

_DIAL_S = 5.0
_SHORT_DIAL_S = 1.0  # where there are others to try
_PAUSES_S = (0.1, 0.2, 0.25)  # the last one again and again
_DEAF_S = 2.0
_TELL_S = 1.0  # of asking again, before that is said
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}\b")
_LOST = (pb.kRpcError, pb.kDeadline, pb.kPersistenceError)


class Dial(Protocol):
    """Connects to an address, or raises `GalaxyError(kRpcError)`."""

    def __call__(self, address: str, timeout_s: float = _DIAL_S) -> IBlockingPeer:
        """Connect, or give up after so long."""


class Unreachable(Exception):
    """Nobody answered, or nobody who may decide; the sentence says who, and what to do."""


class Doubtful(GalaxyError):
    """A refusal of what was asked before, without an answer: that may be why it is refused."""


class Leader:
    """
    Asks whoever reigns.

    `ensemble(url)` says where the leader listens, as the nexus knows it. `tell` is
    for the person who waits. With a `patience_s` of 0 nothing is asked again.
    """

    def __init__(
        self,
        whereabouts: Whereabouts,
        dial: Dial,
        sleep: Callable[[float], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        ensemble: Callable[[str], str | None] = lambda _: None,
        tell: Callable[[str], object] = lambda _: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._whereabouts = whereabouts
        self._dial = dial
        self._sleep = sleep
        self._clock = clock
        self._ensemble = ensemble
        self._tell = tell
        self._patience_s = patience_s
        self._peer: IBlockingPeer | None = None
        self._address = ""
        self._first = 0  # which of the addresses is tried first
        self._named = False  # the one that is asked was named by a standby
        self._tries = 0
        self._deaf: dict[str, float] = {}  # when an address was last dialled in vain
        self._doubts: dict[str, str] = {}  # what the master of an address said when it was reached

    def ask(
        self,
        call: Callable[[BlockingMasterStub], Answer],
        *,
        look: str = "",
        once: bool = False,
    ) -> Answer:
        """
        The leader's answer to one call; the call may be made more than once.

        Raises `GalaxyError` when it refuses, `Unreachable` when there is none
        to be found. `look`: the call changes something, and this command shows
        whether it did; where that is not known, `Doubtful` is raised. `once`: it
        must not be carried out twice.
        """
        begun, lost, told = self._clock(), False, False
        self._tries, self._named = 0, False
        while True:
            sent = False
            try:
                master = self._stub()
                sent = True
                return call(master)
            except GalaxyError as error:
                lost = lost or (sent and error.status in _LOST)
                waited = self._clock() - begun
                pause = None if once and lost else self._pause_after(error)
                if pause is None or waited >= self._patience_s:
                    why = None
                    if error.status == pb.kNotLeader and pause is not None and self._patience_s:
                        why = self._why_nobody_decides()
                    raise _doubted(why or error, look if lost else "") from error
                if not told and waited > _TELL_S:
                    told = True
                    self._tell(f"galaxy: {self._their_doubt or error}; asking again")
            except Unreachable as error:
                raise Unreachable(f"{error}{_doubt(look if lost else '')}") from error
            if pause:
                self._sleep(pause)

    def job_id(self, word: str) -> str:
        """The id of the job that a word means now. Raises as `ask`."""
        request = ShowJobRequest(job_id=word)
        return self.ask(lambda master: master.show_job(request)).job.job_id

    def close(self) -> None:
        """Hang up."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    @property
    def _their_doubt(self) -> str:
        """Why it is not certain who leads, as any of the masters said."""
        return next(filter(None, self._doubts.values()), "")

    def _why_nobody_decides(self) -> Unreachable | None:
        """
        What to say of doubt, once it was asked in vain for long; None: there is none.

        The masters are asked once more, for what they know: who answers that is
        still of use for reading.
        """
        doubt = self._their_doubt
        for address in dict.fromkeys((*self._doubts, *self._whereabouts.masters)):
            try:
                self._reach(address, _SHORT_DIAL_S)
                known = self._stub().get_status(GetStatusRequest())
            except GalaxyError:
                continue
            finally:
                self.close()
            if known.doubt:
                return Unreachable(
                    "what runs goes on, and commands that read (status, jobs, logs, exec, ...) are"
                    f" answered, but no master can decide now: {known.doubt}"
                )
        if not doubt and self._whereabouts.nexus:
            try:
                self._ensemble(self._whereabouts.nexus)
            except EnsembleFailure as failure:
                doubt = str(failure)
        if not doubt:
            return None
        return Unreachable(f"what runs goes on, but no master can decide now: {doubt}")

    def _pause_after(self, error: GalaxyError) -> float | None:
        """How long to wait before asking again, perhaps somebody else; None: do not."""
        match error.status:
            case pb.kBusy:
                pass
            case pb.kRpcError:
                self.close()
            case pb.kNotLeader:
                if self._is_sent_on(error.reason):
                    return 0.0
            case pb.kDeadline if self._several:
                self.close()
                self._first += 1
            case pb.kPersistenceError if self._whereabouts.nexus:
                pass  # an ensemble did not answer; soon it does, or another master leads
            case _:
                return None
        self._tries += 1
        return _PAUSES_S[min(self._tries, len(_PAUSES_S)) - 1]

    @property
    def _several(self) -> bool:
        return len(self._whereabouts.masters) > 1 or bool(self._whereabouts.nexus)

    def _is_sent_on(self, reason: str) -> bool:
        """Whether a standby named another master, which answers; it is asked next."""
        before = self._address
        self.close()
        named = [address for address in _ADDRESS.findall(reason) if address != before]
        if named and not self._named and not self._is_deaf(named[-1]):
            self._named = True
            try:
                self._reach(named[-1], _SHORT_DIAL_S if self._several else _DIAL_S)
            except GalaxyError:
                pass  # it is gone; whoever follows it is found by asking all again
            else:
                return True
        self._named = False
        self._first += 1
        return False

    def _stub(self) -> BlockingMasterStub:
        if self._peer is None:
            self._find()
        assert self._peer is not None
        return BlockingMasterStub(self._peer)

    def _reach(self, address: str, timeout_s: float) -> None:
        try:
            peer = self._dialled(address, timeout_s)
        except GalaxyError:
            self._deaf[address] = self._clock()
            self._doubts.pop(address, None)
            raise
        self._peer = peer
        self._address = address
        self._doubts[address] = self._peer.hello.doubt

    def _dialled(self, address: str, timeout_s: float) -> IBlockingPeer:
        peer = self._dial(address, timeout_s)
        if peer.hello.role != "master":
            peer.close()
            raise GalaxyError(pb.kRpcError, f"{address}: there is no master, but {who(peer.hello)}")
        return peer

    def _is_deaf(self, address: str) -> bool:
        """Whether it was dialled in vain just now: to wait for it again would cost others."""
        return self._clock() - self._deaf.get(address, -_DEAF_S) < _DEAF_S

    def _find(self) -> None:
        """Connect to a master; Unreachable, or GalaxyError if one may answer soon."""
        reasons = self._tried(self._whereabouts.masters)
        if reasons is None:
            return
        where = self._whereabouts
        said = f"no master answers at {', '.join(where.masters)} (said by {where.origin})"
        if where.nexus:
            try:
                endpoint = self._ensemble(where.nexus)
            except EnsembleFailure as failure:
                if not where.masters:
                    raise
                raise Unreachable(f"{said}: {'; '.join(reasons)}. {failure}") from failure
            if endpoint is None:
                raise GalaxyError(pb.kNotLeader, "masters stand for election, and none leads yet")
            try:
                self._reach(endpoint, _DIAL_S)
            except GalaxyError as error:
                raise GalaxyError(
                    pb.kNotLeader, f"{error.reason}; the nexus still has it for the leader"
                ) from error
            return
        raise Unreachable(
            f"{said}: {'; '.join(reasons)}."
            " `galaxy up` starts what is missing of a cluster on this machine;"
            " --master HOST:PORT names another"
        )

    def _tried(self, addresses: Sequence[str]) -> list[str] | None:
        """Why none of the addresses answers; None: one does, and is connected."""
        first = self._first % len(addresses) if addresses else 0
        reasons: list[str] = []
        doubtful: list[str] = []
        for timeout_s in (_SHORT_DIAL_S, _DIAL_S) if len(addresses) > 1 else (_DIAL_S,):
            begun, reasons = self._clock(), []
            for address in sorted((*addresses[first:], *addresses[:first]), key=self._is_deaf):
                try:
                    self._reach(address, timeout_s)
                except GalaxyError as error:
                    reasons.append(error.reason)
                    continue
                if not (self._several and self._peer and self._peer.hello.doubt):
                    return None
                doubtful.append(address)
                self.close()
            if doubtful:
                self._reach(doubtful[0], timeout_s)  # its reads are better than nothing
                return None
            if self._clock() - begun < _SHORT_DIAL_S:
                break  # all have refused: nobody is just slow
        return reasons


def _doubted(error: GalaxyError | Unreachable, look: str) -> GalaxyError | Unreachable:
    if not look:
        return error
    if isinstance(error, Unreachable):
        return Unreachable(f"{error}{_doubt(look)}")
    return Doubtful(error.status, error.reason + _doubt(look))


def _doubt(look: str) -> str:
    """What is to be said of a change that was asked for, and not answered."""
    if not look:
        return ""
    return f". It is not known whether it was carried out: look with `{look}`"
