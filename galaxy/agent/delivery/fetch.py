"""
The boundary between the cache of packages and where packages come from.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from zope.interface import Interface


class FetchError(Exception):
    """A package could not be had; the sentence says why. `final`: it will not be otherwise."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class StalePart(FetchError):
    """The server has nothing that would go on from what is there: to be had from the start."""


@frozen
class Tag:
    """What a server calls the present content of a URL; both empty: nothing."""

    etag: str = ""
    modified: str = ""

    @property
    def strong(self) -> str:
        """The name that only the very same bytes have; empty: there is none."""
        return self.modified if self.etag.startswith("W/") or not self.etag else self.etag


@frozen
class Have:
    """
    What is there already of what a URL leads to: the first `offset` bytes of what `part`
    names, and, under `whole`, all of an earlier content.
    """

    offset: int = 0
    part: Tag = Tag()
    whole: Tag = Tag()


def abandonable(work: Deferred[bool], give_up: Callable[[], object]) -> Deferred[bool]:
    """
    The same, for one who may lose interest: to cancel it is to hear so at once.

    `work` itself is told by `give_up`, and may end as it likes, then or later.
    """

    def cancel(done: Deferred[bool]) -> None:
        done.errback(CancelledError())
        give_up()

    def pass_on(result: bool | Failure) -> None:
        if not done.called:
            done.callback(result)

    done: Deferred[bool] = Deferred(cancel)
    work.addBoth(pass_on)
    return done


class ISink(Interface):
    """Where a source puts what comes. Called perhaps in a thread, never in two at once."""

    def begin(offset: int, total: int | None, tag: Tag) -> None:
        """
        What comes begins at `offset`, which is that of `Have` or 0, and ends at `total`, if that is
        known. Raises `FetchError`: it is not wanted.
        """

    def write(data: bytes) -> None:
        """The next piece. Raises `FetchError`, `OSError`."""


class ISource(Interface):
    """Where packages of some kinds of URL come from."""

    def fetch(url: str, have: Have, sink: ISink) -> Deferred[bool]:
        """
        Bring what the URL leads to. Fires with True when all has come, with False when
        it is still what `have.whole` names. Fails with `FetchError`. May be cancelled.
        """
