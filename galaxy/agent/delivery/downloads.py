"""
Brings packages to this machine: again where that may help, on from where it broke off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from galaxy.agent.delivery.fetch import FetchError, ISource, StalePart, Tag
from galaxy.agent.delivery.packages import Package, fetched, pause_s
from galaxy.agent.delivery.part import Part

TRIES = 5  # in a row without a byte
RESERVE_BYTES = 64 << 20  # or a twentieth of the disk: left to others
FORGOTTEN_S = 86400.0  # a part that nobody went on with for so long

InThread = Callable[[Callable[[], Any]], Deferred[Any]]


class Downloads:
    """
    Packages on their way, in `directory`. `sources` by URL scheme.

    `spare` is called when the disk is too full, to have others' packages let go of.
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        *,
        sources: Mapping[str, ISource],
        spare: Callable[[], None],
        in_thread: InThread,
        clock: IReactorTime,
        rng: Random,
        boot: str,
    ) -> None:
        self._directory = directory
        self._sources = sources
        self._spare = spare
        self._in_thread = in_thread
        self._clock = clock
        self._rng = rng
        self._boot = boot
        self._parts: dict[str, Part] = {}
        self._trouble: dict[str, str] = {}

    def prepare(self, now: float) -> None:
        """Make the directory; forget the parts that nobody went on with. Raises `OSError`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in self._directory.iterdir():
            if now - path.stat().st_mtime > FORGOTTEN_S:
                path.unlink()

    def progress(self, name: str) -> str:
        """How far a package has come; "" when it is not on its way."""
        part = self._parts.get(name)
        return fetched(part.received, part.total, self._trouble.get(name, "")) if part else ""

    async def bring(self, package: Package, whole: Tag) -> Part | None:
        """
        All of a package, on disk; None: it is still what `whole` names.

        Raises `FetchError`. What came stays when it is broken off.
        """
        part = Part(self._directory / package.name, package.url, self._boot, self._make_room)
        part.resume(checked=bool(package.sha256))
        self._parts[package.name] = part
        try:
            came = await self._try(package, part, whole)
            if not came:
                return None
            await self._in_thread(part.sync)
        except (FetchError, CancelledError):
            raise
        except OSError as error:
            raise FetchError(f"the package cannot be kept: {error}") from error
        except Exception as error:
            self._log.failure("fetching {url} failed in an unknown way", url=package.url)
            raise FetchError(f"the package could not be fetched: {error!r}") from error
        finally:
            part.end()
            del self._parts[package.name]
            self._trouble.pop(package.name, None)
        return part

    async def _try(self, package: Package, part: Part, whole: Tag) -> bool:
        if not package.url:
            await self._in_thread(lambda: _write(part, package.content))
            return True
        source = self._source(package.url)
        if part.complete:
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

    def _make_room(self, wanted: int) -> int:
        free = self._free()
        if free < wanted:
            self._spare()
            free = self._free()
        return free

    def _free(self) -> int:
        disk = os.statvfs(self._directory)
        reserve = min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 20)
        return max(0, disk.f_bavail * disk.f_frsize - reserve)


def _write(part: Part, content: bytes) -> None:
    part.begin(0, len(content), Tag())
    part.write(content)
