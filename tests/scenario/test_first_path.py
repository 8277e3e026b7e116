"""The life of a job as long as nothing but daemons and machines go wrong."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.types_pb2 import kBatch, kJobFinished
from tests.scenario.cluster import Cluster
from tests.scenario.jobs import job


class FirstPathTests(SynchronousTestCase):
    """A job is submitted and runs."""

    def test_submit_and_run(self) -> None:
        """Two replicas run, one on each of two agents, as soon as they are submitted."""
        cluster = Cluster.started(self, agents=2)
        job_id = cluster.submit(job(replica=2, max_per_host=1))
        cluster.advance(1)
        self.assertEqual(len(set(cluster.placed(job_id).values())), 2)
        self.assertEqual(len(cluster.processes()), 2)

    def test_kill(self) -> None:
        """A terminated job leaves no process and, soon, no trace, also without a scheduler."""
        cluster = Cluster.started(self)
        job_id = cluster.submit(job(replica=4))
        cluster.advance(1)
        cluster.kill_scheduler()
        cluster.kill_job(job_id)
        cluster.advance(5)
        self.assertEqual((cluster.processes(), cluster.jobs()), ([], []))

    def test_batch(self) -> None:
        """Every index of a batch runs once, and the job is finished."""
        cluster = Cluster.started(self)
        cluster.submit(job("count", replica=5, kind=kBatch, command="sleep 3"))
        cluster.advance(10)
        (overview,) = cluster.jobs()
        self.assertEqual((overview.state, overview.finished), (kJobFinished, 5))
        self.assertEqual(cluster.launches(), 5)


class MachinesThatDieTests(SynchronousTestCase):
    """Machines come and go."""

    def test_agent_dies(self) -> None:
        """The pods of a machine that died run elsewhere ten seconds later."""
        cluster = Cluster.started(self, agents=3)
        job_id = cluster.submit(job(replica=6))
        cluster.advance(2)
        lost = next(iter(cluster.machines.values()))
        cluster.lose_machine(lost)
        cluster.advance(10)
        placed = cluster.placed(job_id)
        self.assertEqual(len(placed), 6)
        self.assertNotIn(lost.endpoint, placed.values())
        self.assertEqual(len(cluster.processes()), 6)

    def test_tasks_outlive_the_agent(self) -> None:
        """An agent that is killed and started again finds its tasks as they were."""
        cluster = Cluster.started(self, agents=1)
        job_id = cluster.submit(job(replica=3))
        cluster.advance(2)
        (machine,) = cluster.machines.values()
        before = cluster.processes()
        cluster.kill_agent(machine)
        cluster.advance(1)
        cluster.start_agent(machine)
        cluster.advance(3)
        self.assertEqual(cluster.processes(), before)
        self.assertEqual((len(cluster.placed(job_id)), cluster.launches()), (3, 3))

    def test_flapping_agent(self) -> None:
        """An agent away for less than the time-out loses nothing, however often."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=4))
        cluster.advance(2)
        machine = next(iter(cluster.machines.values()))
        for _ in range(5):
            cluster.kill_agent(machine)
            cluster.advance(2)
            cluster.start_agent(machine)
            cluster.advance(3)
        self.assertEqual((len(cluster.processes()), cluster.launches()), (4, 4))

    def test_agent_returns(self) -> None:
        """A lost agent that comes back with pods that run elsewhere by now stops its own."""
        cluster = Cluster.started(self, agents=2)
        job_id = cluster.submit(job(replica=4))
        cluster.advance(2)
        machine = next(iter(cluster.machines.values()))
        cluster.network.cut(machine.endpoint)
        cluster.advance(10)
        self.assertEqual(len(cluster.placed(job_id)), 4)
        cluster.network.heal()
        cluster.advance(10)
        self.assertEqual(len(cluster.processes()), 4)
        running = {(process.container.rsplit(".", 2)[0]) for _, process in cluster.processes()}
        self.assertEqual(len(running), 4, "one copy of each")


class MastersThatDieTests(SynchronousTestCase):
    """The master is killed and another takes its place."""

    def test_master_restarts(self) -> None:
        """A new master starts nothing twice and stops nothing."""
        cluster = Cluster.started(self, agents=3)
        job_id = cluster.submit(job(replica=6))
        cluster.advance(2)
        before = cluster.processes()
        cluster.kill_master()
        cluster.advance(3)
        cluster.start_master()
        cluster.advance(20)
        self.assertEqual(cluster.processes(), before)
        self.assertEqual((len(cluster.placed(job_id)), cluster.launches()), (6, 6))

    def test_finished_stays_finished(self) -> None:
        """An index of a batch that is done does not run again under another master."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job("count", replica=4, kind=kBatch, command="sleep 2"))
        cluster.advance(6)
        cluster.kill_master()
        cluster.start_master()
        cluster.advance(20)
        self.assertEqual((cluster.jobs()[0].state, cluster.launches()), (kJobFinished, 4))

    def test_agent_dies_while_there_is_no_master(self) -> None:
        """A machine lost during the interregnum is noticed by the next master."""
        cluster = Cluster.started(self, agents=3)
        job_id = cluster.submit(job(replica=6))
        cluster.advance(2)
        cluster.kill_master()
        cluster.lose_machine(next(iter(cluster.machines.values())))
        cluster.advance(2)
        cluster.start_master()
        cluster.advance(30)
        self.assertEqual((len(cluster.placed(job_id)), len(cluster.processes())), (6, 6))

    def test_standby(self) -> None:
        """A standby takes over when the leader's session ends, and starts nothing twice."""
        cluster = Cluster.started(self, agents=2)
        cluster.start_master(1)
        job_id = cluster.submit(job(replica=4))
        cluster.advance(2)
        cluster.kill_master(0)
        cluster.advance(20)
        self.assertEqual((len(cluster.placed(job_id)), cluster.launches()), (4, 4))
