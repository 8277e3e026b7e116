"""How two descriptions differ, in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.differences import differences
from galaxy.protocol.types_pb2 import (
    HealthCheck,
    JobDescriptor,
    PodDescriptor,
    Port,
    Resource,
    TaskDescriptor,
    UpdatePolicy,
    kBatch,
    kLongRun,
)


def said(before: JobDescriptor, after: JobDescriptor) -> list[tuple[str, str, str]]:
    """Path, before and after."""
    return [(one.path, one.before, one.after) for one in differences(before, after)]


class DifferencesTests(SynchronousTestCase):
    """Each field that is not the same, once."""

    def test_plain_fields(self) -> None:
        before = JobDescriptor(name="web", type=kLongRun, replica=3)
        after = JobDescriptor(name="web", type=kBatch, replica=4)
        self.assertEqual(
            said(before, after), [("type", "kLongRun", "kBatch"), ("replica", "3", "4")]
        )

    def test_units_are_left_out_of_paths(self) -> None:
        """As the fields are called in job files."""
        after = JobDescriptor(update=UpdatePolicy(min_healthy_s=2.5, auto_revert=True))
        self.assertEqual(
            said(JobDescriptor(), after),
            [("update.min_healthy", "0", "2.5"), ("update.auto_revert", "false", "true")],
        )

    def test_items_that_come_and_go(self) -> None:
        port = Resource(ports=[Port(name="http", port=80)])
        one = JobDescriptor(pod=PodDescriptor(labels=["ssd"], requirement=port))
        self.assertEqual(
            said(one, JobDescriptor()),
            [
                ("pod.requirement.ports[0].name", "http", ""),
                ("pod.requirement.ports[0].port", "80", "0"),
                ("pod.labels", "ssd", ""),
            ],
        )

    def test_a_package_is_told_by_its_hash(self) -> None:
        """Nobody wants its bytes on a terminal."""
        packed = JobDescriptor(pod=PodDescriptor(tasks=[TaskDescriptor(binary=b"\x00" * 1000)]))
        ((path, before, after),) = said(JobDescriptor(), packed)
        self.assertEqual((path, before), ("pod.tasks[0].binary", ""))
        self.assertEqual(after, "1000 bytes, sha256 541b3e9daa09")

    @given(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["", "true"]))
    def test_none_exactly_when_they_are_equal(self, one: int, other: int, health: str) -> None:
        tasks = [TaskDescriptor(start_command="x", health=HealthCheck(command=health))]
        before, after = (
            JobDescriptor(replica=count, pod=PodDescriptor(tasks=tasks * count))
            for count in (one, other)
        )
        self.assertEqual(said(before, after) == [], before == after)
