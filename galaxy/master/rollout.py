"""
Where an update of a job stands. Pure.

An update goes from one version of the pods to another; a rolling restart is an
update to the same version. Which pods it moves: `moves.py`. What people may ask
of it: `update.py`. What becomes of it by itself: `progress.py`.
"""

from __future__ import annotations

from attrs import frozen

from galaxy.protocol.types_pb2 import (
    JobUpdateState,
    kUpdateNone,
    kUpdateNormal,
    kUpdateReverting,
    kUpdateSuspend,
)

UPDATE_STATES: dict[JobUpdateState, frozenset[JobUpdateState]] = {
    kUpdateNone: frozenset({kUpdateNormal}),
    kUpdateNormal: frozenset({kUpdateNone, kUpdateNormal, kUpdateSuspend, kUpdateReverting}),
    kUpdateSuspend: frozenset({kUpdateNone, kUpdateNormal}),
    kUpdateReverting: frozenset({kUpdateNone, kUpdateNormal, kUpdateSuspend}),
}
"""The states that may follow each. Another update may begin at any time."""

MOVING = frozenset({kUpdateNormal, kUpdateReverting})
"""The states in which pods are taken to the wanted version."""


@frozen
class Update:
    """
    An update as it stands, or how the last one ended.

    `back_to`: the version to which it goes back if it fails; empty: it does not.
    `breakpoint`: it pauses when so many pods have the wanted version; 0: it does not.
    """

    state: JobUpdateState = kUpdateNone
    back_to: str = ""
    breakpoint: int = 0
    reason: str = ""
    time: float = 0.0  # when it began, or went on
    later: bytes = b""  # what a later build has on record of it besides


NO_UPDATE = Update()
