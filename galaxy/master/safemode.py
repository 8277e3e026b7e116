"""
Safe mode: the master knows that it does not know enough. Pure.

While it is on, the master answers, and starts and kills nothing. A reign begins
in it, because what runs where is known to the agents alone; it then ends when most
of the agents that were ever admitted have reported, or were missing for too long.
It is entered when so many agents vanish at once that it is rather the network
that failed (`losses`), and by hand. By hand it can be left, whatever the cause.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Cause(Enum):
    """Why safe mode is on."""

    START = "the reign has begun"
    LOSS = "many agents vanished at once"
    MANUAL = "somebody entered it"


@frozen
class SafeMode:
    """
    Safe mode, as it stands. `cause` None: it is off. `reason` is a sentence for people.

    `heard`: of the agents that are waited for, the share that was heard.
    """

    cause: Cause | None
    reason: str
    heard: float = 0.0

    @property
    def on(self) -> bool:
        """Whether it holds everything back."""
        return self.cause is not None


OFF = SafeMode(None, "")


def at_start(known: int) -> SafeMode:
    """Safe mode as a reign begins, with so many agents known from the nexus."""
    if not known:
        return OFF
    return SafeMode(Cause.START, f"none of {known} agents has reported yet")


def by_hand(actor: str) -> SafeMode:
    """Safe mode until somebody leaves it."""
    return SafeMode(Cause.MANUAL, f"{actor} entered it; it lasts until somebody leaves it")


def revised(mode: SafeMode, known: int, reported: int, missing: int, share: float) -> SafeMode:
    """
    Safe mode after something was heard.

    `reported`: agents whose pods are known in this reign. `missing`: those given
    up by time-out. `share`: of the known agents, what must have reported.
    """
    if mode.cause != Cause.START:
        return mode
    if reported + missing >= known or reported >= share * known:
        return OFF
    return SafeMode(
        Cause.START,
        f"{reported} of {known} agents have reported, {missing} are missing;"
        f" it ends at {share:.0%} or when the others are given up",
        reported / known,
    )
