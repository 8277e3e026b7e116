"""
The machine's cache of packages: each is fetched once, however many pods wait.

A package lies in the cache under `Package.name`, and is there whole or not at all:
it is written beside, checked, synced and renamed. Whoever wants one that is being
fetched joins those who wait; when the last of them gives up, so does the fetch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface

from galaxy.agent.packages import Package

InThread = Callable[[Callable[[], Any]], Deferred[Any]]
Write = Callable[[bytes], object]


class FetchError(Exception):
    """A package could not be had; the sentence says why. `final`: it will not be otherwise."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class ISource(Interface):
    """Where packages of some kinds of URL come from."""

    def fetch(url: str, write: Write) -> Deferred[None]:
        """
        Pass what the URL leads to to `write`, piece by piece; perhaps in a thread,
        never in two at once. Fails with `FetchError`. May be cancelled.
        """


@define
class _Fetching:
    """A fetch that goes on, and those who wait for it."""

    work: Deferred[None]
    waiting: list[Deferred[Path]] = field(factory=list)


class Artifacts:
    """Packages on this machine, in `directory`. `sources` by URL scheme."""

    _log = Logger()

    def __init__(
        self, directory: Path, sources: Mapping[str, ISource], in_thread: InThread
    ) -> None:
        self._directory = directory
        self._sources = sources
        self._in_thread = in_thread
        self._fetching: dict[str, _Fetching] = {}

    def prepare(self) -> None:
        """Make the directory, and drop what an interrupted fetch has left. Raises `OSError`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        for left in self._directory.glob("*.part"):
            left.unlink()

    def path(self, package: Package) -> Path:
        """Where a package is, once it has been fetched."""
        return self._directory / package.name

    def fetch(self, package: Package) -> Deferred[Path]:
        """Fire with the package's path once it is there; fails with `FetchError`."""
        waiter: Deferred[Path] = Deferred(lambda given_up: self._leave(package, given_up))
        if self.path(package).exists():
            waiter.callback(self.path(package))
            return waiter
        fetching = self._fetching.get(package.name)
        if fetching is not None:
            fetching.waiting.append(waiter)
            return waiter
        work = Deferred.fromCoroutine(self._bring(package))
        fetching = self._fetching[package.name] = _Fetching(work, [waiter])
        work.addBoth(lambda result: self._finish(package, fetching, result))
        return waiter

    def _finish(self, package: Package, fetching: _Fetching, result: Failure | None) -> None:
        self._fetching.pop(package.name, None)
        for waiter in fetching.waiting:
            if isinstance(result, Failure):
                waiter.errback(result)
            else:
                waiter.callback(self.path(package))

    def _leave(self, package: Package, given_up: Deferred[Path]) -> None:
        fetching = self._fetching[package.name]
        fetching.waiting.remove(given_up)
        if not fetching.waiting:
            fetching.work.cancel()

    async def _bring(self, package: Package) -> None:
        part = self._directory / f"{package.name}.part"
        try:
            with part.open("wb") as file:
                digest = hashlib.sha256()
                await self._pour(package, file, digest.update)
                _check(package, digest.hexdigest())
                await self._in_thread(lambda: _sync(file))
            part.replace(self.path(package))
        except (FetchError, CancelledError):
            raise
        except OSError as error:
            raise FetchError(f"the package cannot be kept: {error}") from error
        except Exception as error:
            self._log.failure("fetching {url} failed in an unknown way", url=package.url)
            raise FetchError(f"the package could not be fetched: {error!r}") from error
        finally:
            part.unlink(missing_ok=True)

    async def _pour(self, package: Package, file: BinaryIO, also: Write) -> None:
        def write(data: bytes) -> None:
            file.write(data)
            also(data)

        if not package.url:
            write(package.content)
            return
        scheme = urlsplit(package.url).scheme.lower()
        source = self._sources.get(scheme)
        if source is None:
            known = ", ".join(sorted(self._sources))
            raise FetchError(f"{package.url!r} is no URL of a known kind ({known})", final=True)
        await source.fetch(package.url, write)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _check(package: Package, found: str) -> None:
    if package.sha256 and found != package.sha256:
        raise FetchError(
            f"the package was to have the sha256 {package.sha256}, what came has {found}",
            final=True,
        )
