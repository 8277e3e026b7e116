"""
The machine's cache of packages: each is fetched once, however many pods wait.

A package is known by the sha256 of its content (`galaxy.agent.delivery.shelf`); two URLs, two
jobs, or a URL and inline bytes that come to the same share one file. A URL without a sha256 is
asked once a version of the pod; a later version asks whether it still leads to the same.

Whoever wants a package that is being fetched joins those who wait; when the last of them
gives up, so does the fetch, and what had come is kept for the next (`galaxy.agent.delivery.part`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.complaint import Complaint
from galaxy.agent.delivery.downloads import Downloads
from galaxy.agent.delivery.fetch import FetchError, ISource, Tag
from galaxy.agent.delivery.packages import Bound, Package, bound
from galaxy.agent.delivery.part import Part, boot_id
from galaxy.agent.delivery.shelf import Link, Shelf, digest
from galaxy.agent.inthread import InThread


@define
class _Fetching:
    """A fetch that goes on, and those who wait for it, with what their directories may hold."""

    work: Deferred[Path] = field(factory=Deferred)
    waiting: list[tuple[Deferred[Path], int]] = field(factory=list)


class Artifacts:
    """Packages on this machine: those on the shelf, and those on their way to it."""

    _log = Logger()

    def __init__(
        self,
        shelf: Shelf,
        downloads: Downloads,
        *,
        bound_of: Callable[[Iterable[int]], Bound],
        wanted: Callable[[], Collection[str]],
        in_thread: InThread,
        clock: IReactorTime,
    ) -> None:
        self._shelf = shelf
        self._downloads = downloads
        self._bound_of = bound_of
        self._wanted = wanted
        self._in_thread = in_thread
        self._clock = clock
        self._fetching: dict[str, _Fetching] = {}
        self._unable = Complaint(self._log, "what came of packages cannot be let go of: {error}")

    @classmethod
    def below(
        cls,
        directory: Path,
        *,
        most_bytes: int,
        package_bytes: int,
        in_use: Callable[[], Iterable[Package]],
        wanted: Callable[[], Collection[str]],
        sources: Mapping[str, ISource],
        in_thread: InThread,
        clock: IReactorTime,
        rng: Random,
    ) -> Artifacts:
        """
        A cache in a directory of `most_bytes`, and of what is `in_use`, each package of
        `package_bytes` at most. `wanted`: the names of those that somebody may yet wait for.
        """

        def used() -> set[str]:
            return {artifacts.sha256(package) for package in in_use()}

        shelf = Shelf(directory, most_bytes, used)
        parts = directory / "parts"
        downloads = Downloads(
            parts,
            most_bytes=most_bytes,
            sources=sources,
            trim=shelf.trim,
            give=shelf.give,
            in_thread=in_thread,
            clock=clock,
            rng=rng,
            boot=boot_id(),
        )
        bound_of = partial(bound, package_bytes, most_bytes)
        artifacts = cls(
            shelf,
            downloads,
            bound_of=bound_of,
            wanted=wanted,
            in_thread=in_thread,
            clock=clock,
        )
        return artifacts

    def prepare(self) -> None:
        """Know what is there. Raises `OSError`."""
        self._shelf.prepare()
        self._downloads.prepare()

    def sweep(self) -> None:
        """Let go of what came of packages that nobody wants any more."""
        try:
            self._downloads.sweep(self._wanted())
        except OSError as error:
            self._unable.make(error)
        else:
            self._unable.withdraw()

    def path(self, package: Package) -> Path | None:
        """Where a package is; None: it is not, or not any more as it was."""
        sha256 = self.sha256(package)
        return self._shelf.path(sha256) if sha256 and self._shelf.looks_whole(sha256) else None

    def progress(self, package: Package) -> str:
        """How far a package has come that is on its way."""
        return self._downloads.progress(package.name)

    def fetch(
        self, package: Package, workspace_bytes: int, *, doubted: bool = False
    ) -> Deferred[Path]:
        """
        Fire with the package's path once it is there; fails with `FetchError`, also if it
        has more than `workspace_bytes`, and nobody else who waits has more to unpack it in.

        `doubted`: there is reason to think that what is there was damaged.
        """
        waiter: Deferred[Path] = Deferred(lambda given_up: self._leave(package, given_up))
        fetching = self._fetching.get(package.name)
        if fetching is not None:
            fetching.waiting.append((waiter, workspace_bytes))
            return waiter
        fetching = self._fetching[package.name] = _Fetching(waiting=[(waiter, workspace_bytes)])
        work = Deferred.fromCoroutine(self._bring(package, fetching, doubted=doubted))
        fetching.work = work
        work.addBoth(lambda result: self._finish(package, fetching, result))
        return waiter

    def _finish(self, package: Package, fetching: _Fetching, result: Failure | Path) -> None:
        self._fetching.pop(package.name, None)
        self._downloads.done(package)
        for waiter, _workspace_bytes in fetching.waiting:
            if isinstance(result, Failure):
                waiter.errback(result)
            else:
                waiter.callback(result)

    def _leave(self, package: Package, given_up: Deferred[Path]) -> None:
        fetching = self._fetching[package.name]
        fetching.waiting = [each for each in fetching.waiting if each[0] is not given_up]
        if not fetching.waiting:
            fetching.work.cancel()

    def sha256(self, package: Package) -> str:
        """Which content a package is known to have; "" if it is not known."""
        if package.content_known:
            return package.name
        link = self._shelf.link(package.name)
        return link.sha256 if link is not None else ""

    async def _bring(self, package: Package, fetching: _Fetching, *, doubted: bool) -> Path:
        shelf = self._shelf
        sha256 = "" if doubted and self._is_unsure(package) else self.sha256(package)
        if sha256 and await self._is_whole(sha256, doubted=doubted):
            shelf.touch(sha256, self._clock.seconds())
            return shelf.path(sha256)
        known = shelf.latest(package.url) if package.url and not package.content_known else None
        if known is not None and not await self._is_whole(known.sha256, doubted=doubted):
            known = None

        def most() -> Bound:
            return self._bound_of(size for _waiter, size in fetching.waiting)

        tag = known.tag if known is not None else Tag()
        part = await self._downloads.bring(package, tag, most)
        if part is None and known is not None:
            shelf.put_link(package.name, known)
            shelf.touch(known.sha256, self._clock.seconds())
            return shelf.path(known.sha256)
        assert part is not None
        return await self._take(package, part)

    def _is_unsure(self, package: Package) -> bool:
        """Whether nobody said what a package should be, so that it may have come by half."""
        link = None if package.content_known else self._shelf.link(package.name)
        return link is not None and link.tag == Tag()

    async def _is_whole(self, sha256: str, *, doubted: bool) -> bool:
        now = self._clock.seconds()
        there = self._shelf.path(sha256).exists()
        if there and await self._in_thread(
            lambda: self._shelf.is_whole(sha256, now, doubted=doubted)
        ):
            return True
        if there:
            self._log.error("package {sha256} in the cache was damaged", sha256=sha256)
            self._shelf.drop(sha256)
        return False

    async def _take(self, package: Package, part: Part) -> Path:
        """Put what came on the shelf, if it is what was to come."""
        try:
            sha256 = await self._in_thread(lambda: digest(part.path))
            in_pieces = part.resumed
            if package.sha256 and sha256 != package.sha256:
                part.drop()
                raise FetchError(
                    f"the package was to have the sha256 {package.sha256}, what came has {sha256}",
                    final=not in_pieces,  # which may not belong together
                )
            size = part.received
            path = self._shelf.put(part.path, sha256, self._clock.seconds())
            if not package.content_known:
                # Without a size, a connection that broke looks like the end.
                tag = part.tag if part.total is not None else Tag()
                link = Link(package.url, sha256, tag.etag, tag.modified)
                self._shelf.put_link(package.name, link)
            part.drop()
            self._shelf.trim()
        except OSError as error:
            raise FetchError(f"the package cannot be kept: {error}") from error
        self._log.info("package {sha256} came, {size} bytes", sha256=sha256, size=size)
        return path
