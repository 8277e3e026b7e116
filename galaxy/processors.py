"""Lists of processors as the kernel and job files write them: "0,2-3". Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

_PART = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", re.ASCII)


def parse_processors(text: str) -> frozenset[int]:
    """The numbers in a list of numbers and ranges; ValueError if it is none."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise ValueError(f"{text!r} is no list of processors: write it like 0,2-3")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def format_processors(numbers: Collection[int]) -> str:
    """The shortest list of them."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
