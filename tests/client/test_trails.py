"""Where what pods wrote is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.trails import Stop, Trail, trails
from galaxy.protocol.master_pb2 import PodOverview


def pod(index: int, incarnation: int, endpoint: str, *, dead: bool = False) -> PodOverview:
    """A pod, or what is left of one."""
    return PodOverview(
        pod_id=f"x_1.{index}", index=index, incarnation=incarnation, endpoint=endpoint, dead=dead
    )


class TrailTests(SynchronousTestCase):
    """From rows to stops."""

    def test_order(self) -> None:
        """Slots by their numbers; of each, one machine after the other, the present one last."""
        dead = [pod(2, 2, "c:1", dead=True), pod(2, 1, "a:1", dead=True)]
        found = trails([pod(10, 1, "a:1"), pod(2, 3, "b:1"), *dead])
        self.assertEqual([trail.pod_id for trail in found], ["x_1.2", "x_1.10"])
        self.assertEqual(
            found[0].stops, (Stop(1, "a:1"), Stop(2, "c:1"), Stop(3, "b:1", live=True))
        )
        self.assertEqual(found[0].live, Stop(3, "b:1", live=True))
        self.assertEqual([stop.endpoint for stop in found[0].earlier], ["a:1", "c:1"])

    def test_one_machine(self) -> None:
        """A machine is one stop, however often the pod was there."""
        rows = [pod(0, 1, "a:1", dead=True), pod(0, 3, "a:1"), pod(0, 2, "b:1", dead=True)]
        (trail,) = trails(rows)
        self.assertEqual(trail.stops, (Stop(2, "b:1"), Stop(3, "a:1", live=True)))

    def test_nowhere(self) -> None:
        """A pod that waits is wanted, and has no stops; one that is gone is not wanted."""
        self.assertEqual(trails([pod(0, 0, "")]), [Trail("x_1.0", (), wanted=True)])
        (gone,) = trails([pod(0, 1, "a:1", dead=True)])
        self.assertEqual((gone.live, gone.wanted), (None, False))
