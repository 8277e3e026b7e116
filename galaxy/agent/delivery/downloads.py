"""
Brings packages to this machine: again where that may help, on from where it broke off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from galaxy.agent.delivery.fetch import FetchError, ISource, StalePart, Tag
from galaxy.agent.delivery.packages import Bound, Package, fetched, pause_s
from galaxy.agent.delivery.part import OF, Part
from galaxy.agent.inthread import InThread
from galaxy.resources import format_size

TRIES = 5  # in a row without a byte
RESERVE_SHARE = 0.05  # of the disk: left to others
UNWANTED_S = 60.0  # for so long a part is kept that nobody wants any more


class Downloads:
    """
    Packages on their way, in `directory`, of `most_bytes` together. `sources` by URL scheme.

    `trim` lets go of packages that are not used, so that so many bytes more have room in
    the cache; `give` of some that have so many, for want of room on the disk.
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        *,
        most_bytes: int,
        sources: Mapping[str, ISource],
        trim: Callable[[int], None],
        give: Callable[[int], None],
        in_thread: InThread,
        clock: IReactorTime,
        rng: Random,
        boot: str,
    ) -> None:
        self._directory = directory
        self._sources = sources
        self._most_bytes = most_bytes
        self._trim = trim
        self._give = give
        self._in_thread = in_thread
        self._clock = clock
        self._rng = rng
        self._boot = boot
        self._parts: dict[str, Part] = {}
        self._trouble: dict[str, str] = {}
        self._unwanted: dict[str, float] = {}

    def prepare(self) -> None:
        """Make the directory. Raises `OSError`."""
        self._directory.mkdir(parents=True, exist_ok=True)

    def sweep(self, wanted: Container[str]) -> None:
        """Let go of the parts of packages that were not wanted for a while."""
        now = self._clock.seconds()
        there = [name for name in self._left() if name not in wanted]
        self._unwanted = {name: self._unwanted.get(name, now) for name in there}
        for name, since in self._unwanted.items():
            if now - since >= UNWANTED_S:
                self._drop(name)

    def progress(self, name: str) -> str:
        """How far a package has come; "" when it is not on its way."""
        part = self._parts.get(name)
        return fetched(part.received, part.total, self._trouble.get(name, "")) if part else ""

    async def bring(self, package: Package, whole: Tag, bound: Callable[[], Bound]) -> Part | None:
        """
        All of a package, on disk; None: it is still what `whole` names.

        Raises `FetchError`. What came stays when it is broken off, but not if it is too much.
        """
        path = self._directory / package.name
        part = Part(path, package.url, self._boot, self._make_room, bound)
        part.resume(checked=bool(package.sha256))
        self._parts[package.name] = part
        try:
            came = await self._try(package, part, whole)
            if not came:
                return None
            await self._in_thread(part.sync)
        except CancelledError:
            raise
        except FetchError as error:
            if error.final:
                part.drop()
            raise
        except OSError as error:
            raise FetchError(f"the package cannot be kept: {error}") from error
        except Exception as error:
            self._log.failure("fetching {url} failed in an unknown way", url=package.url)
            raise FetchError(f"the package could not be fetched: {error!r}") from error
        finally:
            part.end()
            self._trouble.pop(package.name, None)
        return part

    def done(self, package: Package) -> None:
        """Know of a package that it is on the shelf, or that nobody goes on with it now."""
        self._parts.pop(package.name, None)

    async def _try(self, package: Package, part: Part, whole: Tag) -> bool:
        if not package.url:
            await self._in_thread(lambda: _write(part, package.content))
            return True
        source = self._source(package.url)
        if part.complete:
            part.check_size(part.received)
            return True
        failures = 0
        while True:
            before = part.received
            try:
                return await source.fetch(package.url, part.have(whole), part)
            except FetchError as error:
                failures = 1 if part.received > before else failures + 1
                if error.final or failures >= TRIES:
                    raise
                if isinstance(error, StalePart):
                    part.drop()
                self._trouble[package.name] = error.reason
            finally:
                part.close()
            await deferLater(self._clock, pause_s(failures, self._rng))
            self._trouble.pop(package.name)

    def _source(self, url: str) -> ISource:
        source = self._sources.get(urlsplit(url).scheme.lower())
        if source is None:
            known = ", ".join(sorted(self._sources))
            raise FetchError(f"{url!r} is no URL of a known kind ({known})", final=True)
        return source

    def _make_room(self, part: Part, in_all: int, wanted: int) -> int:
        others = [each for each in list(self._parts.values()) if each is not part]
        promised = max(in_all, part.total or 0) + sum(each.promised_bytes for each in others)
        if promised + self._left_bytes() > self._most_bytes:
            for name in self._left():
                self._drop(name)
        if promised > self._most_bytes:
            raise FetchError(
                f"packages on their way take {format_size(promised)}, more than there is room"
                " for (agent.package_cache_bytes)"
            )
        self._trim(promised + self._left_bytes())
        free = self._free()
        if free < wanted:
            self._give(wanted - free)
            free = self._free()
        return free

    def _free(self) -> int:
        disk = os.statvfs(self._directory)
        reserve = int(disk.f_blocks * disk.f_frsize * RESERVE_SHARE)
        return max(0, disk.f_bavail * disk.f_frsize - reserve)

    def _left(self) -> set[str]:
        """The packages of which something came, and that are not on their way now."""
        there = {name.removesuffix(OF) for name in os.listdir(self._directory)}
        return there - self._parts.keys()

    def _left_bytes(self) -> int:
        sizes = 0
        for name in self._left():
            try:
                sizes += (self._directory / name).stat().st_size
            except FileNotFoundError:
                continue  # only what it is of is there
        return sizes

    def _drop(self, name: str) -> None:
        for path in (self._directory / name, self._directory / (name + OF)):
            path.unlink(missing_ok=True)


def _write(part: Part, content: bytes) -> None:
    part.begin(0, len(content), Tag())
    part.write(content)
