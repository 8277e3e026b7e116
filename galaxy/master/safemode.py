"""
Safe mode: the master knows that it does not know enough. Pure.

While it is on, the master answers, and starts and kills nothing. A reign begins
in it, because what runs where is known to the agents alone. It ends when most of
the agents that were ever admitted have reported, or were missing for too long.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Cause(Enum):
    """Why safe mode is on."""

    START = "the reign has begun"


@frozen
class SafeMode:
    """Safe mode, as it stands. `cause` None: it is off. `reason` is a sentence for people."""

    cause: Cause | None
    reason: str

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
    )
