"""
Where what a pod wrote is to be read: its machines, one after the other. Pure.

What a slot wrote stays on the machine where it did. The last stop of a trail is the
machine that has the pod now, if one has; each machine tells all that it keeps of
the slot, so it is one stop however often the pod was there.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from galaxy.protocol.master_pb2 import PodOverview


@frozen
class Stop:
    """A machine, and the latest attempt that is known of there."""

    incarnation: int
    endpoint: str
    live: bool = False


@frozen
class Trail:
    """
    A slot, and its stops in the order of the attempts.

    `wanted`: there is a pod of it, though perhaps on no machine yet.
    """

    pod_id: str
    stops: tuple[Stop, ...]
    wanted: bool = False

    @property
    def live(self) -> Stop | None:
        """The machine that has the pod."""
        return self.stops[-1] if self.stops and self.stops[-1].live else None

    @property
    def earlier(self) -> tuple[Stop, ...]:
        """The machines that had it."""
        return tuple(stop for stop in self.stops if not stop.live)


def trails(pods: Iterable[PodOverview]) -> list[Trail]:
    """The trails of these pods, dead or not, in the order of their indexes."""
    found: dict[tuple[int, str], dict[str, Stop]] = {}
    wanted: set[str] = set()
    for pod in pods:
        stops = found.setdefault((pod.index, pod.pod_id), {})
        if not pod.dead:
            wanted.add(pod.pod_id)
        if pod.endpoint:
            stop = Stop(pod.incarnation, pod.endpoint, not pod.dead)
            stops[pod.endpoint] = max(stop, stops.get(pod.endpoint, stop), key=_late)
    return [
        Trail(pod_id, tuple(sorted(stops.values(), key=_late)), pod_id in wanted)
        for (_, pod_id), stops in sorted(found.items())
    ]


def _late(stop: Stop) -> tuple[bool, int]:
    return stop.live, stop.incarnation
