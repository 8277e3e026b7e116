"""What operators order of machines, and machines that fail many at a time."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.wellness import Reading
from galaxy.gce.memory_machine import Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    GetStatusRequest,
    GetStatusResponse,
    LabelAgentsRequest,
    ListAgentsRequest,
    OfflineAgentRequest,
    OnlineAgentRequest,
    PreemptRequest,
    SwitchSafeModeRequest,
    kLabelSet,
)
from galaxy.protocol.types_pb2 import UpdatePolicy, kAlive, kBatch, kDead, kOffline
from tests.scenario.cluster import Cluster, Machine
from tests.scenario.jobs import job

MASTER = "10.0.1.1:7828"


class MachineStories(SynchronousTestCase):
    """How to order something, and what is shown."""

    def status(self, cluster: Cluster) -> GetStatusResponse:
        return cluster.ask(lambda master: master.get_status(GetStatusRequest()))

    def agents(self, cluster: Cluster) -> dict[str, AgentOverview]:
        answer = cluster.ask(lambda master: master.list_agents(ListAgentsRequest()))
        return {agent.endpoint: agent for agent in answer.agents}

    def label(self, cluster: Cluster, label: str, endpoints: list[str]) -> None:
        request = LabelAgentsRequest(label=label, change=kLabelSet, endpoints=endpoints)
        cluster.ask(lambda master: master.label_agents(request))

    def offline(self, cluster: Cluster, machine: Machine) -> None:
        request = OfflineAgentRequest(endpoint=machine.endpoint)
        cluster.ask(lambda master: master.offline_agent(request))

    def online(self, cluster: Cluster, machine: Machine) -> None:
        request = OnlineAgentRequest(endpoint=machine.endpoint)
        cluster.ask(lambda master: master.online_agent(request))

    def switch_safe_mode(self, cluster: Cluster, *, enter: bool) -> None:
        request = SwitchSafeModeRequest(enter=enter)
        cluster.ask(lambda master: master.switch_safe_mode(request))


class OrderStories(MachineStories):
    """Labels and offline marks."""

    def test_labels(self) -> None:
        """A job asks for two labels; it runs where both are, once there is such a machine."""
        cluster = Cluster.started(self, agents=3)
        job_id = cluster.submit(job(replica=2, labels=("ssd", "row-7")))
        cluster.advance(2)
        self.assertEqual(cluster.placed(job_id), {})
        first, second, third = cluster.machines
        for label, endpoints in (("ssd", [first, second]), ("row-7", [second, third])):
            self.label(cluster, label, endpoints)
        cluster.advance(2)
        self.assertEqual(set(cluster.placed(job_id).values()), {second})

    def test_an_offline_machine_that_dies_and_returns_stays_offline(self) -> None:
        """Whatever the machine thinks (Galaxy 2: §12.4, 24), under another master too."""
        cluster = Cluster.started(self, agents=2)
        machine = next(iter(cluster.machines.values()))
        self.offline(cluster, machine)
        cluster.lose_machine(machine)
        cluster.advance(6)
        self.assertEqual(self.agents(cluster)[machine.endpoint].state, kDead)
        cluster.kill_master()
        cluster.start_agent(machine)
        cluster.start_master()
        cluster.advance(15)
        self.assertEqual(self.agents(cluster)[machine.endpoint].state, kOffline)
        job_id = cluster.submit(job(replica=4))
        cluster.advance(2)
        self.assertNotIn(machine.endpoint, cluster.placed(job_id).values())
        self.online(cluster, machine)
        self.assertEqual(self.agents(cluster)[machine.endpoint].state, kAlive)


class UnwellStories(MachineStories):
    """A machine falls ill (Galaxy 2 looked at one disk, and killed all at once: §12.4, 24)."""

    def setUp(self) -> None:
        self.cluster = Cluster.started(self, agents=3)
        self.job_id = self.cluster.submit(job(replica=6, deploy_step=1, max_per_host=3))
        self.cluster.advance(10)
        self.machine = next(iter(self.cluster.machines.values()))

    def here(self) -> int:
        """How many pods are on the machine."""
        return list(self.cluster.placed(self.job_id).values()).count(self.machine.endpoint)

    def reason(self) -> str:
        return self.agents(self.cluster)[self.machine.endpoint].reason

    def test_it_is_closed_then_emptied_and_comes_back(self) -> None:
        before = self.here()
        self.assertGreater(before, 0)
        self.machine.condition = Reading(disk=0.99)
        self.cluster.advance(90)
        self.assertEqual(self.reason(), "unwell: its disk is 99% full")
        self.assertEqual(self.here(), before)
        self.cluster.advance(600)
        self.assertEqual((self.here(), len(self.cluster.placed(self.job_id))), (0, 6))
        self.assertEqual(self.reason(), "unwell: its disk is 99% full; drained")
        self.machine.condition = Reading(disk=0.5)
        self.cluster.advance(90)
        self.assertEqual(self.reason(), "")
        self.cluster.submit(job(name="other", replica=9, max_per_host=3))
        self.cluster.advance(10)
        self.assertEqual(len(self.machine.gce.running()), 3)

    def test_its_directory_vanishes(self) -> None:
        """From the next look on it takes no pods, and says why; those that it has run on."""
        before = self.here()
        self.machine.condition = Reading(gone="/data")
        self.cluster.advance(6)
        self.assertEqual(self.reason(), "unwell: its directory /data has vanished")
        self.cluster.submit(job(name="other", replica=4))
        self.cluster.advance(10)
        self.assertEqual((self.here(), len(self.machine.gce.running())), (before, before))

    def test_an_operators_word_outlasts_its_recovery(self) -> None:
        self.machine.condition = Reading(disk=0.99)
        self.cluster.advance(90)
        self.offline(self.cluster, self.machine)
        self.machine.condition = Reading(disk=0.5)
        self.cluster.advance(90)
        self.assertEqual(self.reason(), "drained")


class DrainStories(MachineStories):
    """A machine is emptied (Galaxy 2 killed all that was there at once: §12.4, 24)."""

    def drained(self, cluster: Cluster, machine: Machine) -> list[str]:
        """What `agents` says of it, until it is empty; never more than one pod is out."""
        said: list[str] = []
        for _ in range(120):
            reason = self.agents(cluster)[machine.endpoint].reason
            if not said or said[-1] != reason:
                said.append(reason)
            if reason == "drained":
                break
            (overview,) = cluster.jobs()
            self.assertGreaterEqual(overview.healthy, overview.replica - overview.deploy_step)
            cluster.advance(0.25)
        return said

    def test_by_steps(self) -> None:
        """One after the other its pods run elsewhere, and it says how far it is."""
        cluster = Cluster.started(self, agents=3)
        job_id = cluster.submit(job(replica=9, deploy_step=1, max_per_host=5))
        cluster.advance(15)
        ((endpoint, there),) = Counter(cluster.placed(job_id).values()).most_common(1)
        machine = cluster.machines[endpoint]
        self.assertGreater(there, 2)
        self.offline(cluster, machine)
        said = self.drained(cluster, machine)
        left = [f"draining: {count} left" for count in range(there, 0, -1)]
        # The first is on its way before we can ask.
        self.assertIn(said, ([*left, "drained"], [*left[1:], "drained"]))
        self.assertEqual(machine.gce.running(), [])
        self.assertEqual(len(cluster.placed(job_id)), 9)

    def test_without_room_elsewhere_nothing_more_than_the_step_is_out(self) -> None:
        """It waits, and goes on when there is room."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=8, deploy_step=1, millicores=1000))
        cluster.advance(15)
        machine = next(iter(cluster.machines.values()))
        self.offline(cluster, machine)
        cluster.advance(20)
        self.assertEqual(self.agents(cluster)[machine.endpoint].reason, "draining: 3 left")
        cluster.add_machine()
        self.assertEqual(self.drained(cluster, machine)[-1], "drained")
        self.assertEqual(len(cluster.processes()), 8)

    def test_through_the_death_of_the_master(self) -> None:
        """The next one goes on where it was."""
        cluster = Cluster.started(self, agents=3)
        cluster.submit(job(replica=6, deploy_step=1, max_per_host=3))
        cluster.advance(10)
        machine = next(iter(cluster.machines.values()))
        self.offline(cluster, machine)
        cluster.kill_master()
        cluster.start_master()
        cluster.advance(20)
        self.assertEqual(self.drained(cluster, machine)[-1], "drained")
        self.assertEqual(machine.gce.running(), [])

    def test_online_before_it_is_empty(self) -> None:
        """What is still there stays there."""
        cluster = Cluster.started(self, agents=2)
        cluster.submit(job(replica=8, deploy_step=1, millicores=1000))
        cluster.advance(15)
        machine = next(iter(cluster.machines.values()))
        self.offline(cluster, machine)
        cluster.advance(10)
        launches = cluster.launches()
        self.online(cluster, machine)
        cluster.advance(10)
        self.assertEqual((len(cluster.processes()), cluster.launches()), (8, launches + 1))


class PreemptionStories(MachineStories):
    """By hand, and what becomes of claims. How schedulers do it: `test_priorities`."""

    def full(self, agents: int = 1) -> tuple[Cluster, str, str]:
        """Machines full of a batch, whose pods take five seconds to stop; a service that waits."""

        def reluctant(process: ProcessId, spec: Spec) -> Behaviour:
            if spec.command == "crunch":
                return Behaviour(run_s=None, term_s=5.0)
            return usual(process, spec)

        cluster = Cluster.started(self, agents=agents, behave=reluctant)
        low = cluster.submit(
            job(
                "low",
                kind=kBatch,
                replica=4 * agents,
                millicores=1000,
                command="crunch",
                priority=10,
            )
        )
        cluster.advance(3)
        self.assertEqual(len(cluster.placed(low)), 4 * agents)
        cluster.kill_scheduler()
        high = cluster.submit(job("high", replica=1, millicores=2000, priority=60))
        return cluster, low, high

    def preempt(self, cluster: Cluster, pod_id: str, *victims: str) -> None:
        (endpoint, *_) = cluster.machines
        request = PreemptRequest(endpoint=endpoint, pod_id=pod_id, victim_ids=victims)
        cluster.ask(lambda master: master.preempt(request))

    def test_by_hand(self) -> None:
        """The named ones leave, and the master itself places the pod: no scheduler lives."""
        cluster, low, high = self.full()
        self.preempt(cluster, f"{high}.0", f"{low}.1", f"{low}.3")
        cluster.advance(2)
        self.assertEqual(cluster.placed(high), {}, "they take five seconds")
        cluster.advance(8)
        self.assertEqual(set(cluster.placed(low)), {0, 2})
        self.assertEqual(len(cluster.placed(high)), 1)
        self.assertEqual(len(cluster.processes()), 3)

    def test_the_master_dies_while_room_is_being_made(self) -> None:
        """A claim ends with its reign: victims leave once, and all are placed as they rank."""
        cluster, low, high = self.full()
        self.preempt(cluster, f"{high}.0", f"{low}.1", f"{low}.3")
        cluster.advance(1)
        cluster.kill_master()
        cluster.start_master()
        cluster.start_scheduler()
        cluster.advance(25)
        self.assertEqual((len(cluster.placed(low)), len(cluster.placed(high))), (2, 1))
        self.assertEqual(len(cluster.processes()), 3)

    def test_the_machine_dies_while_room_is_being_made(self) -> None:
        """The pod waits as others do, and finds another machine."""
        cluster, low, high = self.full()
        self.preempt(cluster, f"{high}.0", f"{low}.1", f"{low}.3")
        cluster.advance(1)
        cluster.lose_machine(next(iter(cluster.machines.values())))
        cluster.add_machine()
        cluster.start_scheduler()
        cluster.advance(15)
        self.assertEqual((len(cluster.placed(low)), len(cluster.placed(high))), (2, 1))

    def test_victims_that_do_not_leave(self) -> None:
        """Their machine is cut off for less than its time-out, again and again: nothing is lost."""
        cluster, low, high = self.full()
        (endpoint,) = cluster.machines
        self.preempt(cluster, f"{high}.0", f"{low}.1", f"{low}.3")
        for _ in range(4):
            cluster.network.cut(endpoint)
            cluster.advance(2)
            cluster.network.drop(endpoint)
            cluster.network.heal()
            cluster.advance(4)
        self.assertEqual((len(cluster.placed(low)), len(cluster.placed(high))), (2, 1))
        self.assertEqual(len(cluster.processes()), 3)


class LossStories(MachineStories):
    """Many machines at once."""

    def test_a_mass_loss_of_agents(self) -> None:
        """
        Half the fleet is cut off: nothing is placed anew, and when it is back all is as it was.

        Galaxy 2 placed all of it elsewhere, as fast as it could.
        """
        cluster = Cluster.started(self, agents=4)
        job_id = cluster.submit(job(replica=8, max_per_host=2))
        cluster.advance(2)
        before = cluster.processes()
        lost = list(cluster.machines)[:2]
        for endpoint in lost:
            cluster.network.cut(endpoint)
        cluster.advance(30)
        status = self.status(cluster)
        self.assertTrue(status.safe_mode)
        self.assertIn("2 of 4 agents fell silent at once", status.safe_mode_reason)
        self.assertEqual((status.agents_alive, status.agents_dead), (2, 0))
        self.assertEqual(len(cluster.placed(job_id)), 8)
        cluster.network.heal()
        cluster.advance(10)
        self.assertFalse(self.status(cluster).safe_mode)
        self.assertEqual((cluster.processes(), cluster.launches()), (before, 8))

    def test_a_mass_loss_for_good(self) -> None:
        """Half the fleet has burnt down: somebody says so, and its pods run elsewhere."""
        cluster = Cluster.started(self, agents=4)
        job_id = cluster.submit(job(replica=8))
        cluster.advance(2)
        lost = list(cluster.machines.values())[:2]
        for machine in lost:
            cluster.lose_machine(machine)
        cluster.advance(10)
        self.assertTrue(self.status(cluster).safe_mode)
        self.switch_safe_mode(cluster, enter=False)
        cluster.advance(10)
        self.assertEqual((len(cluster.placed(job_id)), len(cluster.processes())), (8, 8))
        self.assertEqual(self.status(cluster).agents_dead, 2)

    def test_safe_mode_by_hand(self) -> None:
        """Entered by hand it outlives the master, and a job waits until it is left."""
        cluster = Cluster.started(self, agents=2)
        self.switch_safe_mode(cluster, enter=True)
        cluster.kill_master()
        cluster.advance(3)
        cluster.start_master()
        cluster.advance(15)
        job_id = cluster.submit(job(replica=4))
        cluster.advance(5)
        self.assertEqual(cluster.processes(), [])
        self.switch_safe_mode(cluster, enter=False)
        cluster.advance(3)
        self.assertEqual(len(cluster.placed(job_id)), 4)


class LateStories(MachineStories):
    """Machines and commands that take their time."""

    def test_a_late_agent_after_a_master_restart(self) -> None:
        """
        It is heard long after safe mode has ended, and loses nothing.

        Galaxy 2 killed the pods of agents that were not heard in time (§12.3, 16).
        """
        cluster = Cluster.started(self, agents=10)
        job_id = cluster.submit(job(replica=10, max_per_host=1))
        cluster.advance(2)
        before = cluster.processes()
        late = next(iter(cluster.machines))
        cluster.kill_master()
        cluster.network.cut(late)
        cluster.advance(3)
        cluster.start_master()
        cluster.advance(5)
        status = self.status(cluster)
        self.assertEqual((status.safe_mode, status.agents_alive), (False, 9))
        self.assertEqual(cluster.launches(), 10, "it may still have what seems to be missing")
        cluster.network.heal()
        cluster.advance(10)
        self.assertEqual((cluster.processes(), len(cluster.placed(job_id))), (before, 10))
        self.assertEqual(cluster.launches(), 10)

    def test_a_machine_that_returns_before_its_pods_are_well_elsewhere(self) -> None:
        """Given up, and back: what it has is taken back, and what was to succeed it goes."""
        cluster = Cluster.started(self, agents=2)
        slow = UpdatePolicy(min_healthy_s=20)
        job_id = cluster.submit(job(replica=4, update=slow))
        cluster.advance(25)
        before = cluster.processes()
        endpoint, *_ = cluster.machines
        there = list(cluster.placed(job_id).values()).count(endpoint)
        cluster.network.cut(endpoint)
        cluster.advance(10)
        self.assertNotIn(endpoint, cluster.placed(job_id).values())
        cluster.network.heal()
        cluster.advance(10)
        self.assertEqual(cluster.processes(), before)
        self.assertEqual((cluster.jobs()[0].healthy, cluster.launches()), (4, 4 + there))

    def lose(self, cluster: Cluster, source: str, target: str) -> None:
        """What was on its way from one to the other is lost; then they meet again."""
        cluster.network.drop(source, target)
        cluster.advance(0.1)
        cluster.network.heal()
        cluster.advance(8)

    def test_a_launch_that_gets_lost_is_repeated(self) -> None:
        """The master says it again, once it hears the machine."""
        cluster = Cluster.started(self, agents=1)
        (endpoint,) = cluster.machines
        cluster.network.cut_one_way(MASTER, endpoint)
        job_id = cluster.submit(job(replica=2))
        cluster.advance(2)
        self.assertEqual((cluster.jobs()[0].deploying, cluster.processes()), (2, []))
        self.lose(cluster, MASTER, endpoint)
        self.assertEqual(len(cluster.placed(job_id)), 2)
        self.assertEqual((len(cluster.processes()), cluster.launches()), (2, 2))

    def test_a_launch_whose_answer_gets_lost_is_not_done_twice(self) -> None:
        """The repeat is answered with what is so."""
        cluster = Cluster.started(self, agents=1)
        (endpoint,) = cluster.machines
        job_id = cluster.submit(job(replica=2))
        cluster.network.cut_one_way(endpoint, MASTER)
        cluster.advance(2)
        self.lose(cluster, endpoint, MASTER)
        self.assertEqual(len(cluster.placed(job_id)), 2)
        self.assertEqual((len(cluster.processes()), cluster.launches()), (2, 2))

    def test_a_stop_that_gets_lost_is_repeated(self) -> None:
        """Galaxy 2 sent KillPod once: lost, the pod was never killed (§12.1, 3)."""
        cluster = Cluster.started(self, agents=1)
        (endpoint,) = cluster.machines
        job_id = cluster.submit(job(replica=2))
        cluster.advance(2)
        cluster.network.cut_one_way(MASTER, endpoint)
        cluster.kill_job(job_id)
        cluster.advance(2)
        self.assertEqual(len(cluster.processes()), 2)
        self.lose(cluster, MASTER, endpoint)
        self.assertEqual((cluster.processes(), cluster.jobs()), ([], []))
