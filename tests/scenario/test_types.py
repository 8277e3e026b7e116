"""What each type of job means by being run."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import JobOverview, OfflineAgentRequest
from galaxy.protocol.types_pb2 import (
    kBatch,
    kJobFailed,
    kJobFinished,
    kJobNormal,
    kRestartOnFailure,
    kSystem,
)
from tests.scenario.cluster import Cluster, Machine
from tests.scenario.jobs import job


class SystemStories(SynchronousTestCase):
    """kSystem: one pod on every machine that matches."""

    def setUp(self) -> None:
        self.cluster = Cluster.started(self, agents=3)
        self.job_id = self.cluster.submit(job("log", kind=kSystem, replica=0))
        self.cluster.advance(2)

    def machines(self) -> list[Machine]:
        return list(self.cluster.machines.values())

    def assert_on(self, *machines: Machine) -> None:
        """One pod on each of these, and no other."""
        endpoints = sorted(machine.endpoint for machine in machines)
        self.assertEqual(sorted(self.cluster.placed(self.job_id).values()), endpoints)
        running = [endpoint for endpoint, _ in self.cluster.processes()]
        self.assertEqual(sorted(running), endpoints)

    def test_one_on_each_and_on_each_new_one(self) -> None:
        self.assert_on(*self.machines())
        self.cluster.add_machine()
        self.cluster.advance(3)
        self.assert_on(*self.machines())
        self.assertEqual(self.cluster.jobs()[0].replica, 4)

    def test_the_slot_of_a_lost_machine_is_given_up(self) -> None:
        """It is not placed elsewhere, and does not wait."""
        lost, *others = self.machines()
        self.cluster.lose_machine(lost)
        self.cluster.advance(10)
        self.assert_on(*others)
        (overview,) = self.cluster.jobs()
        self.assertEqual((overview.replica, overview.pending), (2, 0))

    def test_a_machine_that_was_silent_keeps_its_pod(self) -> None:
        """Given up by the master, and taken back when the machine is."""
        silent = self.machines()[0]
        self.cluster.network.cut(silent.endpoint)
        self.cluster.advance(10)
        self.assertEqual(self.cluster.jobs()[0].replica, 2)
        self.cluster.network.heal()
        self.cluster.advance(10)
        self.assert_on(*self.machines())
        self.assertEqual(self.cluster.launches(), 3)

    def test_a_machine_that_is_drained_is_drained_of_it_too(self) -> None:
        drained, *others = self.machines()
        request = OfflineAgentRequest(endpoint=drained.endpoint)
        self.cluster.ask(lambda master: master.offline_agent(request))
        self.cluster.advance(5)
        self.assert_on(*others)

    def test_labels_say_where(self) -> None:
        with_label = self.cluster.add_machine(labels=("ssd",))
        self.cluster.advance(2)
        job_id = self.cluster.submit(job("scrub", kind=kSystem, replica=0, labels=("ssd",)))
        self.cluster.advance(3)
        self.assertEqual(list(self.cluster.placed(job_id).values()), [with_label.endpoint])

    def test_another_master_finds_them_and_starts_none(self) -> None:
        self.cluster.kill_master()
        self.cluster.start_master()
        self.cluster.advance(20)
        self.assert_on(*self.machines())
        self.assertEqual(self.cluster.launches(), 3)


class EndStories(SynchronousTestCase):
    """How slots end, by type, restart policy and exit code."""

    def setUp(self) -> None:
        self.cluster = Cluster.started(self)

    def overview(self) -> JobOverview:
        (overview,) = self.cluster.jobs()
        return overview

    def test_exit_0_does_not_end_a_long_run(self) -> None:
        """Galaxy 2 finished the pod of any type, and shrank the job (§12.1, 1)."""
        self.cluster.submit(job(replica=2, command="sleep 3"))
        self.cluster.advance(40)
        overview = self.overview()
        self.assertEqual((overview.state, overview.replica, overview.finished), (kJobNormal, 2, 0))
        self.assertGreater(self.cluster.launches(), 4)

    def test_a_long_run_may_end_if_its_owner_says_so(self) -> None:
        self.cluster.submit(job(replica=2, command="sleep 3", restart=kRestartOnFailure))
        self.cluster.advance(20)
        self.assertEqual((self.overview().state, self.cluster.launches()), (kJobFinished, 2))

    def test_an_index_that_fails_too_often_has_failed_for_good(self) -> None:
        """The job ends, and says why; no later master runs the index again (§12.1, 1)."""
        self.cluster.submit(job("count", replica=3, kind=kBatch, command="exit 1", retries=1))
        self.cluster.advance(60)
        overview = self.overview()
        self.assertEqual((overview.state, overview.failed), (kJobFailed, 3))
        self.assertIn("3 of 3 indexes have failed; index", overview.reason)
        launches = self.cluster.launches()
        self.assertEqual(launches, 6)
        self.cluster.kill_master()
        self.cluster.start_master()
        self.cluster.advance(30)
        self.assertEqual((self.overview().state, self.overview().failed), (kJobFailed, 3))
        self.assertEqual((self.cluster.launches(), self.cluster.processes()), (launches, []))
