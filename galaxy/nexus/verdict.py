"""
What becomes of a commit, where one process decides it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from galaxy.nexus.interfaces import Change, Conflict, StaleEpoch


def versions_after(
    changes: Sequence[Change], epoch: int, begun: int, version_of: Callable[[str], int]
) -> list[int]:
    """
    The version that each change gives its key. Raises `Conflict` or `StaleEpoch`.

    `begun`: the highest epoch so far; `version_of`: before the commit, 0 if a key is absent.
    """
    if epoch and epoch < begun:
        raise StaleEpoch(epoch, begun)
    versions = [version_of(change.key) for change in changes]
    for change, version in zip(changes, versions, strict=True):
        if change.expect not in (None, version):
            raise Conflict(change.key, version)
    return [version + 1 for version in versions]
