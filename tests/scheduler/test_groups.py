"""What the master tells of waiting pods becomes a group and a shape."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import AgentCount, PendingGroup
from galaxy.protocol.types_pb2 import Port, Resource
from galaxy.scheduler.groups import Shape, group_from_message

GIB = 1 << 30


class GroupTests(SynchronousTestCase):
    """Everything that placing looks at is in the shape, and nothing else."""

    def message(self, **more: object) -> PendingGroup:
        message = PendingGroup(
            job_id="j",
            version="1",
            count=3,
            requirement=Resource(
                millicores=500,
                memory=GIB + 1,
                ports=[Port(name="b", port=90), Port(name="a", port=80), Port(dynamic=True)],
            ),
            labels=["ssd", "gpu", "ssd"],
            needs_isolation=True,
            occupied=[AgentCount(agent=4, count=2)],
            user="ann",
            priority=7,
        )
        for name, value in more.items():
            setattr(message, name, value)
        return message

    def test_a_shape_is_in_a_normal_form(self) -> None:
        """Memory rounded up, ports and labels in order, dynamic ports left to the agent."""
        shape = group_from_message(self.message()).shape
        self.assertEqual(shape, Shape(500, 1025, (80, 90), ("gpu", "ssd"), True))

    def test_pods_of_other_jobs_can_have_the_same_shape(self) -> None:
        one = group_from_message(self.message())
        other = group_from_message(self.message(job_id="k", version="2", count=9, user="bob"))
        self.assertEqual(one.shape, other.shape)
        self.assertEqual(hash(one.shape), hash(other.shape))

    def test_what_is_occupied_is_kept_where_it_matters(self) -> None:
        self.assertEqual(group_from_message(self.message()).occupied, ())
        self.assertEqual(group_from_message(self.message(max_per_host=2)).occupied, ((4, 2),))

    def test_whose_it_is_and_how_urgent(self) -> None:
        group = group_from_message(self.message(running=5, pending_since=12.5))
        self.assertEqual((group.user, group.priority, group.count), ("ann", 7, 3))
        self.assertEqual((group.running, group.pending_since), (5, 12.5))
