"""A moment as people write it: seconds since the epoch, or how long ago. Pure."""

from __future__ import annotations

import math
import re

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)([smhd])")


def moment_in(text: str, now: float) -> float:
    """The time that is meant by "1790000000.5", "10m", "2h" or "1d"; ValueError by others."""
    if ago := _AGO.fullmatch(text.strip()):
        return max(0.0, now - float(ago[1]) * _UNITS_S[ago[2]])
    try:
        moment = float(text)
    except ValueError:
        moment = math.nan
    if not (math.isfinite(moment) and moment >= 0):
        raise ValueError(
            f"{text!r} is no moment: give seconds since the epoch, or how long ago, as 90s, 10m,"
            " 2h or 1d"
        )
    return moment
