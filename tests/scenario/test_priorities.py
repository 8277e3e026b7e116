"""Who comes first when there is not enough for all."""

from __future__ import annotations

from collections import Counter

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.memory_machine import Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.protocol.master_pb2 import ExplainRequest, PodOverview
from galaxy.protocol.types_pb2 import JobDescriptor, kBatch, kStagePending, kSystem
from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job


def batch(name: str = "crunch", replica: int = 8, **more: object) -> JobDescriptor:
    """A batch of pods of one core that take for ever."""
    more = {"priority": 25, "millicores": 1000, "command": "sleep 100000", **more}
    return job(name, replica=replica, kind=kBatch, **more)  # type: ignore[arg-type]


def service(
    name: str = "web", replica: int = 1, cores: int = 1, priority: int = 70, user: str = "ada"
) -> JobDescriptor:
    """A service."""
    return job(name, replica=replica, millicores=1000 * cores, priority=priority, user=user)


def running(cluster: Cluster) -> Counter[str]:
    """How many pods of each job have a machine, by the names of the jobs."""
    return Counter(
        {
            overview.name: count
            for overview in cluster.jobs()
            if (count := len(cluster.placed(overview.job_id)))
        }
    )


def waiting(cluster: Cluster, job_id: str) -> list[PodOverview]:
    """The pods of a job that wait."""
    return [pod for pod in cluster.pods(job_id) if pod.stage == kStagePending]


class PreemptionStories(SynchronousTestCase):
    """A job that ranks higher gets room at the cost of lower ones."""

    def test_a_service_displaces_a_batch(self) -> None:
        """As few as will do leave, say why, and come back when there is room again."""
        cluster = Cluster.started(self, agents=2)
        crunch = cluster.submit(batch())
        cluster.advance(3)
        self.assertEqual(running(cluster), {"crunch": 8})
        web = cluster.submit(service(replica=2, cores=2))
        cluster.advance(5)
        self.assertEqual(running(cluster), {"crunch": 4, "web": 2})
        displaced = waiting(cluster, crunch)
        self.assertEqual(len(displaced), 4)
        self.assertEqual(len(cluster.processes()), 6)
        question = ExplainRequest(target=displaced[0].pod_id)
        said = cluster.ask(lambda master: master.explain(question)).sentence
        self.assertIn("before that: displaced by job web", said)
        cluster.kill_job(web)
        cluster.advance(5)
        self.assertEqual(running(cluster), {"crunch": 8})

    def test_of_the_same_priority_only_batches_leave(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.submit(service("first", replica=2, priority=50))
        cluster.submit(batch(replica=2, priority=50))
        cluster.advance(3)
        cluster.submit(service("second", replica=4, priority=50))
        cluster.advance(5)
        self.assertEqual(running(cluster), {"first": 2, "second": 2})

    def test_nobody_leaves_for_what_would_not_fit_all_the_same(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.submit(batch(replica=4))
        cluster.advance(3)
        cluster.submit(service(cores=64))
        cluster.advance(10)
        self.assertEqual(running(cluster), {"crunch": 4})

    def test_schedulers_that_race_displace_no_more_than_one_would(self) -> None:
        cluster = Cluster.started(self, agents=4)
        for number in (1, 2):
            cluster.start_scheduler(number)
        cluster.submit(batch(replica=16))
        cluster.advance(5)
        cluster.submit(service(replica=3, cores=2))
        cluster.advance(10)
        self.assertEqual(running(cluster), {"crunch": 10, "web": 3})
        self.assertEqual(cluster.launches(), 16 + 3)

    def test_a_system_job_gets_room_on_every_machine(self) -> None:
        """One pod on each, and on each one batch pod less; no machine gives up more."""
        cluster = Cluster.started(self, agents=3)
        crunch = cluster.submit(batch(replica=12))
        cluster.advance(3)
        cluster.submit(job("probe", kind=kSystem, replica=0, millicores=500, priority=100))
        cluster.advance(5)
        self.assertEqual(running(cluster), {"crunch": 9, "probe": 3})
        there = Counter(cluster.placed(crunch).values())
        self.assertEqual(sorted(there.values()), [3, 3, 3])

    def test_a_claim_outlives_the_scheduler_that_asked_for_it(self) -> None:
        """The master places what it made room for, with nobody's help."""
        cluster = Cluster.started(
            self,
            agents=1,
            behave=lambda process, spec: evolve(usual(process, spec), term_s=3.0),
        )
        cluster.submit(batch(replica=4))
        cluster.advance(3)
        cluster.submit(service(cores=4))
        cluster.advance(1)
        cluster.kill_scheduler()
        cluster.advance(8)
        self.assertEqual(running(cluster), {"web": 1})

    def test_the_lowest_leave_first(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.submit(batch("better", replica=2, priority=40))
        cluster.submit(batch("worst", replica=2, priority=5))
        cluster.advance(3)
        cluster.submit(service(replica=3))
        cluster.advance(6)
        self.assertEqual(running(cluster), {"better": 1, "web": 3})

    def test_priority_inversion(self) -> None:
        """
        Room that is made for the high is not taken by the middle.

        The low take their time to leave; the room of the first to go would do for the
        middle, which is there all the while.
        """

        def reluctant(process: ProcessId, spec: Spec) -> Behaviour:
            if spec.command == "sleep 100000":
                return Behaviour(run_s=None, term_s=5.0 if process.container[-2] == "0" else 1.0)
            return usual(process, spec)

        cluster = Cluster.started(self, agents=1, behave=reluctant)
        cluster.submit(batch("low", replica=4, priority=10))
        cluster.advance(3)
        cluster.submit(service("high", cores=4, priority=90))
        cluster.advance(1)
        cluster.submit(service("middle", replica=4, priority=50))
        for _ in range(30):
            cluster.advance(0.5)
            self.assertNotIn("middle", running(cluster))
        self.assertEqual(running(cluster), {"high": 1})


class QueueStories(SynchronousTestCase):
    """Whose turn it is."""

    def test_twelve_that_cannot_be_placed_ahead_of_one_that_can(self) -> None:
        """Galaxy 2 looked at the first ten jobs only (fault 12.2.11)."""
        cluster = Cluster.started(self, agents=1)
        for number in range(12):
            cluster.submit(service(f"big-{number}", cores=64, priority=90))
        cluster.advance(1)
        cluster.submit(service("small", priority=10))
        cluster.advance(2)
        self.assertEqual(running(cluster), {"small": 1})

    def test_priority_orders_the_queue(self) -> None:
        cluster = Cluster.started(self, agents=1)
        cluster.kill_scheduler()
        cluster.submit(service("low", replica=4, priority=60))
        cluster.submit(service("high", replica=3, priority=80))
        cluster.start_scheduler()
        cluster.advance(2)
        self.assertEqual(running(cluster), {"low": 1, "high": 3})

    def test_users_of_equal_priority_share(self) -> None:
        """However many jobs one of them submits, and however early."""
        cluster = Cluster.started(self, agents=2)
        cluster.kill_scheduler()
        for number in range(3):
            cluster.submit(service(f"ann-{number}", replica=8, user="ann"))
        cluster.submit(service("bob", replica=8, user="bob"))
        cluster.start_scheduler()
        cluster.advance(2)
        self.assertEqual(running(cluster)["bob"], 4)

    def test_what_a_user_has_already_counts(self) -> None:
        """Also of jobs that wait for nothing."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(service("ann-has", replica=4, user="ann"))
        cluster.advance(2)
        cluster.kill_scheduler()
        cluster.submit(service("ann-wants", replica=4, user="ann"))
        cluster.submit(service("bob", replica=4, user="bob"))
        cluster.start_scheduler()
        cluster.advance(2)
        self.assertEqual(running(cluster), {"ann-has": 4, "bob": 4})
