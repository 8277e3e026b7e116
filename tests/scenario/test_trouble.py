"""What people read of tasks that fail."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import Event, WatchEventsRequest
from galaxy.protocol.services import MasterStub
from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job


class TroubleStories(SynchronousTestCase):
    """`galaxy events` of a task."""

    def events(self, cluster: Cluster, job_id: str) -> list[Event]:
        """Those of the job that are kept."""

        async def read(master: MasterStub) -> list[Event]:
            request = WatchEventsRequest(job_id=job_id)
            return [event async for item in master.watch_events(request) for event in item.events]

        return cluster.ask(lambda master: Deferred.fromCoroutine(read(master)))

    def test_a_crash_loop(self) -> None:
        """Each attempt that failed is an event of the task, with its evidence, and each start."""
        cluster = Cluster.started(self, agents=1)
        job_id = cluster.submit(job(replica=1, command="exit 3"))
        cluster.advance(6)
        told = [event for event in self.events(cluster, job_id) if event.kind == "task"]
        first = told[0]
        self.assertEqual((first.task_id, first.after), (f"{job_id}.0.0", "kTaskSuspend"))
        self.assertIn("exited with 3", first.reason)
        self.assertEqual((first.level, first.endpoint), ("warning", "10.0.0.1:8221"))
        self.assertGreater(len(told), 2)

    def test_a_quiet_life(self) -> None:
        """A task that starts and runs is told of by its pod alone."""
        cluster = Cluster.started(self, agents=1)
        job_id = cluster.submit(job(replica=1))
        cluster.advance(3)
        self.assertEqual({event.kind for event in self.events(cluster, job_id)}, {"job", "pod"})
