"""The names of what is counted on the wire, also of what another release counts. Pure."""

from __future__ import annotations

from typing import Any


def word(enum: Any, number: int) -> str:
    """
    The name of an enum's value, such as JobState's; of one that this build does not know,
    the enum's name and the number.
    """
    known = enum.DESCRIPTOR.values_by_number.get(number)
    return known.name if known is not None else f"{enum.DESCRIPTOR.name} {number}"
