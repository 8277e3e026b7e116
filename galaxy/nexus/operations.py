"""
What a transaction in ZooKeeper is made of. Values: `session` carries them out.
"""

from __future__ import annotations

from attrs import frozen
from kazoo.exceptions import KazooException


@frozen
class Create:
    """Make a node that must not exist."""

    path: str
    data: bytes
    ephemeral: bool = False


@frozen
class SetData:
    """Write a node that exists, at a version (-1: any)."""

    path: str
    data: bytes
    version: int = -1


@frozen
class Remove:
    """Remove a node that exists, at a version (-1: any)."""

    path: str
    version: int = -1


@frozen
class Check:
    """Do nothing, but only if a node exists at a version."""

    path: str
    version: int


Operation = Create | SetData | Remove | Check


class Refused(Exception):
    """A transaction was not carried out because of its operation number `index`."""

    def __init__(self, index: int, error: KazooException) -> None:
        super().__init__(f"operation {index}: {error!r}")
        self.index = index
        self.error = error
