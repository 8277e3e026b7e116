"""
What a key, a prefix and a commit may look like; the same for every provider. Pure.

A broken rule is a mistake of the caller's code, never of the nexus: `ValueError`,
raised before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from galaxy.nexus.interfaces import Change

LONGEST_KEY = 256
MOST_CHANGES = 1000  # with keys of the longest kind, still one ZooKeeper transaction

_KEY = re.compile(r"[!-.0-~]+(/[!-.0-~]+)*")


def check_key(key: str) -> None:
    """Raise ValueError unless `key` can be one."""
    if len(key) > LONGEST_KEY:
        raise ValueError(f"a key of {len(key)} characters; {LONGEST_KEY} are allowed")
    if not _KEY.fullmatch(key):
        raise ValueError(
            f'{key!r} is not a key: parts of printable ASCII without spaces, joined by "/"'
        )


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless `prefix` is a key or "", which stands for all keys."""
    if prefix:
        check_key(prefix)


def check_changes(changes: Sequence[Change]) -> None:
    """Raise ValueError unless the changes can be one commit."""
    if len(changes) > MOST_CHANGES:
        raise ValueError(f"{len(changes)} changes in one commit; {MOST_CHANGES} are allowed")
    seen = set()
    for change in changes:
        check_key(change.key)
        if change.key in seen:
            raise ValueError(f"{change.key} is changed twice in one commit")
        if change.expect is not None and change.expect < 0:
            raise ValueError(f"{change.key} is expected at version {change.expect}")
        seen.add(change.key)


def is_below(key: str, prefix: str) -> bool:
    """Whether a scan of `prefix` finds `key`."""
    return not prefix or key.startswith(prefix + "/")


def is_at_or_below(key: str, prefix: str) -> bool:
    """Whether a watch of `prefix` tells of `key`."""
    return key == prefix or is_below(key, prefix)
