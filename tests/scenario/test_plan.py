"""`galaxy plan`: what a job file would do, told before it is done."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import PlanJobRequest, PlanJobResponse
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import JobDescriptor, Status
from tests.scenario.cluster import GIB, Cluster
from tests.scenario.jobs import job


def plan(cluster: Cluster, asked: JobDescriptor) -> PlanJobResponse:
    """As `galaxy plan -f FILE`."""
    return cluster.ask(lambda master: master.plan_job(PlanJobRequest(job=asked)))


def refusal(cluster: Cluster, asked: JobDescriptor) -> GalaxyError:
    """Why there is no plan."""
    refused: list[GalaxyError] = []

    def ask(master: MasterStub) -> Deferred[None]:
        answer = master.plan_job(PlanJobRequest(job=asked))
        return answer.addCallbacks(
            lambda _: cluster.case.fail("it was planned"),
            lambda failure: refused.append(failure.value),
        )

    cluster.ask(ask)
    return refused[0]


def places(answer: PlanJobResponse) -> list[tuple[str, int, bool]]:
    """Where how many pods would go."""
    return [(one.endpoint, one.count, one.in_place) for one in answer.placements]


class PlanTests(SynchronousTestCase):
    """Nothing is done, all is told."""

    def test_a_new_job(self) -> None:
        """Where its pods would go, and why some would not."""
        cluster = Cluster.started(self, agents=2)
        answer = plan(cluster, job(replica=9, millicores=1000))
        self.assertEqual(answer.job_id, "")
        self.assertEqual(places(answer), [("10.0.0.1:8221", 4, False), ("10.0.0.2:8221", 4, False)])
        (unplaced,) = answer.unplaced
        self.assertIn("2 of 2 agents lack cpu", unplaced.reason)
        self.assertEqual((unplaced.count, cluster.jobs()), (1, []))

    def test_what_is_so_already(self) -> None:
        cluster = Cluster.started(self, agents=2)
        job_id = cluster.submit(job(replica=2))
        cluster.advance(2)
        answer = plan(cluster, job(replica=2))
        self.assertEqual(answer, PlanJobResponse(job_id=job_id))

    def test_another_version_stays_where_it_fits(self) -> None:
        """A pod whose machine has room for the new version does not move."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=2, max_per_host=1))
        cluster.advance(2)
        answer = plan(cluster, job(replica=2, max_per_host=1, version="v2", command="better"))
        self.assertEqual(places(answer), [("10.0.0.1:8221", 1, True), ("10.0.0.2:8221", 1, True)])
        self.assertEqual(
            [(one.path, one.before, one.after) for one in answer.differences],
            [("pod.tasks[0].start_command", "serve", "better"), ("pod.version", "v1", "v2")],
        )

    def test_more_and_fewer_pods(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.submit(job(replica=2))
        cluster.advance(2)
        more, fewer = plan(cluster, job(replica=5)), plan(cluster, job(replica=1))
        self.assertEqual((places(more), more.stops), ([("10.0.0.1:8221", 3, False)], 0))
        self.assertEqual((places(fewer), fewer.stops), ([], 1))
        self.assertEqual(
            [(one.path, one.before, one.after) for one in fewer.differences],
            [("replica", "2", "1")],
        )

    def test_a_version_that_nothing_can_hold(self) -> None:
        """Said before the pods that run are touched."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=2))
        cluster.advance(2)
        answer = plan(cluster, job(replica=2, version="v2", memory=64 * GIB))
        self.assertEqual(places(answer), [])
        self.assertIn("2 of 2 agents lack memory", answer.unplaced[0].reason)

    def test_a_file_that_would_be_refused_is_refused(self) -> None:
        """As submitting or updating would refuse it."""
        cluster = Cluster.started(self, agents=1)
        cluster.submit(job())
        self.assertEqual(refusal(cluster, job("", replica=-1)).status, Status.kInputError)
        other = job(command="another body of the same version")
        self.assertEqual(refusal(cluster, other).status, Status.kJobUpdateFail)

    def test_without_a_scheduler_nobody_can_say(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.kill_scheduler()
        self.assertIn("no scheduler is connected", refusal(cluster, job()).reason)
