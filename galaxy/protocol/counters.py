"""
What is counted on the wire. One object per process or per network, handed in;
the metrics page reads it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from attrs import Factory, define

# Upper bounds of the latency buckets, in seconds; the last bucket has none.
BUCKETS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip


@define
class Latency:
    """How long calls took: a count per bucket, not cumulative."""

    counts: list[int] = Factory(lambda: [0] * (len(BUCKETS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.total_s += seconds


@define
class WireCounters:
    """
    Plain numbers that only grow.

    `refusals`: what came that could not be taken, by reason (the `Refused`
    names of `galaxy.protocol.calls`). `called` and `served`: finished calls by
    method and status, seen from the caller and from the callee.
    """

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connections: int = 0
    failures: int = 0  # handlers that raised something other than GalaxyError
    refusals: Counter[str] = Factory(Counter)
    called: Counter[tuple[str, int]] = Factory(Counter)
    served: Counter[tuple[str, int]] = Factory(Counter)
    latency: Latency = Factory(Latency)
