"""
Which pod is ended when a disk is all but full, whatever quotas say. Pure.

A pod may hold what nobody sees, and all together may hold more than there is. So below
the floor pods are ended one at a time until there is room again: the one that wrote most
of what cannot be seen or, if that is more, holds most of what can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from attrs import frozen

from galaxy.resources import format_size

K = TypeVar("K")

PAUSE_S = 15.0
"""Until what the last one held is given back to the disk."""


@frozen
class Account:
    """What a pod wrote to disks since it began, and what of it can be seen to be there."""

    written_bytes: int
    held_bytes: int

    @property
    def unseen_bytes(self) -> int:
        """What it may hold beyond what is seen, or have overwritten or deleted."""
        return max(0, self.written_bytes - self.held_bytes)

    @property
    def blame(self) -> int:
        """By how much it may have filled the disk."""
        return max(self.unseen_bytes, self.held_bytes)


def blamed(accounts: Mapping[K, Account]) -> K | None:
    """Who is to go first; None: nobody has anything to do with it."""
    worst = max(accounts, key=lambda key: accounts[key].blame, default=None)
    return None if worst is None or not accounts[worst].blame else worst


def sentence(account: Account, free_share: float) -> str:
    """Why it was that one."""
    return (
        f"the disk of its machine is full but for {free_share:.1%} of its space or inodes, and of"
        f" all pods it has most to do with it: it wrote {format_size(account.written_bytes)}"
        f" and is seen to hold {format_size(account.held_bytes)}"
    )
