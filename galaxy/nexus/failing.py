"""
A nexus that fails when a test says so, wrapped around another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from galaxy.nexus.interfaces import (
    Change,
    Entry,
    ICandidacy,
    ICandidate,
    INexus,
    IWatch,
    Leader,
    NexusError,
)

T = TypeVar("T")
OPERATIONS = ("get", "scan", "commit")


@define
class _Fault:
    error: NexusError
    times: int | None  # None: until mended
    carried_out: bool


@implementer(INexus)
class FailingNexus:
    """
    Passes everything on, but for the operations (`OPERATIONS`) told to fail.

    `commits` holds every commit that was asked for, with its epoch, in order.
    """

    def __init__(self, nexus: INexus) -> None:
        self._nexus = nexus
        self._faults: dict[str, _Fault] = {}
        self.commits: list[tuple[tuple[Change, ...], int]] = []

    def break_(
        self,
        operation: str,
        error: NexusError,
        *,
        times: int | None = None,
        carried_out: bool = False,
    ) -> None:
        """
        Let an operation fail, so many times or until mended. `carried_out`: it
        takes effect all the same, as when the answer is lost.
        """
        if operation not in OPERATIONS:
            raise ValueError(f"{operation!r} is none of {', '.join(OPERATIONS)}")
        self._faults[operation] = _Fault(error, times, carried_out)

    def mend(self, *operations: str) -> None:
        """Let these operations work again; without any, all of them."""
        for operation in operations or OPERATIONS:
            self._faults.pop(operation, None)

    def get(self, key: str) -> Deferred[Entry | None]:
        """The value of a key."""
        return self._do("get", lambda: self._nexus.get(key))

    def scan(self, prefix: str) -> Deferred[dict[str, Entry]]:
        """Every key below the prefix."""
        return self._do("scan", lambda: self._nexus.scan(prefix))

    def commit(self, changes: Sequence[Change], epoch: int = 0) -> Deferred[None]:
        """All of the changes or none."""
        self.commits.append((tuple(changes), epoch))
        return self._do("commit", lambda: self._nexus.commit(changes, epoch))

    def watch(self, prefix: str, changed: Callable[[str], None]) -> IWatch:
        """Tell of changes at or below the prefix."""
        return self._nexus.watch(prefix, changed)

    def epoch(self) -> Deferred[int]:
        """The highest epoch that has begun."""
        return self._nexus.epoch()

    def stand(self, candidate: ICandidate, endpoint: str, above: int = 0) -> ICandidacy:
        """Stand for election."""
        return self._nexus.stand(candidate, endpoint, above)

    def watch_leader(self, changed: Callable[[Leader | None], None]) -> IWatch:
        """Tell of the leader."""
        return self._nexus.watch_leader(changed)

    def unreachable(self, endpoint: str) -> None:
        """Pass it on."""
        self._nexus.unreachable(endpoint)

    def close(self) -> Deferred[None]:
        """Close the other."""
        return self._nexus.close()

    def _do(self, operation: str, do: Callable[[], Deferred[T]]) -> Deferred[T]:
        fault = self._faults.get(operation)
        if fault is None:
            return do()
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                del self._faults[operation]
        if not fault.carried_out:
            return fail(fault.error)

        def lose(_: T) -> T:
            raise fault.error

        return do().addCallback(lose)
