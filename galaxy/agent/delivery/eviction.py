"""
Which packages the cache lets go of. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from attrs import frozen


@frozen
class Kept:
    """A package in the cache, by its sha256."""

    name: str
    size: int
    used_at: float


def superfluous(kept: Iterable[Kept], in_use: Container[str], most_bytes: int) -> list[str]:
    """Those to let go so that the rest is `most_bytes` or less: the longest unused, none in use."""
    packages = sorted(kept, key=lambda package: (package.used_at, package.name))
    beyond = sum(package.size for package in packages) - most_bytes
    gone: list[str] = []
    for package in packages:
        if beyond <= 0:
            break
        if package.name not in in_use:
            gone.append(package.name)
            beyond -= package.size
    return gone


def spared(kept: Iterable[Kept], in_use: Container[str], wanted_bytes: int) -> list[str]:
    """Those to let go so that as many bytes are given back; none, if all were not enough."""
    packages = list(kept)
    idle = [package for package in packages if package.name not in in_use]
    size = sum(package.size for package in idle)
    return superfluous(idle, (), size - wanted_bytes) if size >= wanted_bytes else []
