"""What users hold, as schedulers are told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.holdings import holdings
from galaxy.protocol.master_pb2 import PendingGroup
from galaxy.protocol.types_pb2 import JobDescriptor
from tests.master.examples import descriptor, machine, picture, placed, submitted


def of(user: str, name: str) -> JobDescriptor:
    """A job of that user, whose pods ask for 100 millicores."""
    asked = descriptor(name)
    asked.user = user
    return asked


class HoldingsTests(SynchronousTestCase):
    """All jobs of those who wait are counted, whether they wait or not."""

    def test_jobs_that_wait_for_nothing_count(self) -> None:
        cluster = picture()
        agent = machine(cluster)
        for user, name, count in (
            ("ann", "a", 3),
            ("ann", "b", 2),
            ("bob", "c", 1),
            ("eve", "d", 1),
        ):
            placed(cluster, submitted(cluster, of(user, name)), agent, count)
        told = holdings(cluster.jobs, [PendingGroup(user="ann"), PendingGroup(user="bob")])
        self.assertEqual(
            [(one.user, one.millicores, one.memory) for one in told],
            [("ann", 500, 5 * (64 << 20)), ("bob", 100, 64 << 20)],
        )

    def test_who_waits_alone_is_not_counted(self) -> None:
        cluster = picture()
        self.assertEqual(holdings(cluster.jobs, [PendingGroup(user="ann")] * 2), [])
