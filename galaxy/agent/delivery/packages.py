"""
Which package a task needs, and what it is called in the machine's cache. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from random import Random

from attrs import frozen

from galaxy.protocol.types_pb2 import TaskDescriptor, kSourceTypeFTP
from galaxy.resources import format_size

_MIB = 1 << 20
_LONGEST_PAUSE_S = 30.0


@frozen
class Package:
    """
    An archive: its bytes, or where they are to be had (one of the two is empty).

    `name` is the same for the same content: the sha256 where it is known, else a
    hash of URL and version, for what a URL leads to may change between versions.
    """

    name: str
    url: str = ""
    content: bytes = b""
    sha256: str = ""

    @property
    def content_known(self) -> bool:
        """Whether the name is the sha256 of the content."""
        return bool(self.sha256 or self.content)


def package_of(task: TaskDescriptor, version: str) -> Package:
    """The package of a task whose files come as one."""
    sha256 = task.sha256.strip().lower()
    if task.source_type != kSourceTypeFTP:
        return Package(hashlib.sha256(task.binary).hexdigest(), content=task.binary, sha256=sha256)
    url = task.binary.decode("utf-8", "replace").strip()
    if sha256:
        return Package(sha256, url=url, sha256=sha256)
    return Package("u" + hashlib.sha256(f"{version}\n{url}".encode()).hexdigest(), url=url)


@frozen(order=True)
class Bound:
    """How large a package may be, and what says so."""

    most_bytes: int
    what: str

    def refusal(self, size_bytes: int) -> str:
        """Why it is not had that has so many bytes or more; "" if it may be."""
        if size_bytes <= self.most_bytes:
            return ""
        return f"the package is larger than {format_size(self.most_bytes)}, {self.what}"


def bound(package_bytes: int, cache_bytes: int, workspaces: Iterable[int]) -> Bound:
    """For those who want it: what fits in none of their directories cannot be unpacked in any."""
    return min(
        Bound(package_bytes, "which is agent.package_bytes"),
        Bound(cache_bytes, "which is agent.package_cache_bytes"),
        Bound(max(workspaces, default=0), "which its pod's directory may hold"),
    )


def fetched(received: int, total: int | None, trouble: str = "") -> str:
    """How far a fetch has come, in words; `trouble`: why it waits."""
    of = f"{received / _MIB:.1f}" + ("" if total is None else f" of {total / _MIB:.1f}")
    return f"{of} MiB fetched" + (f", tried again soon: {trouble}" if trouble else "")


def pause_s(failures: int, rng: Random) -> float:
    """Seconds before a fetch is tried again: doubling, bounded, a quarter either way."""
    return min(_LONGEST_PAUSE_S, 2.0 ** min(failures - 1, 8)) * (0.75 + 0.5 * rng.random())
