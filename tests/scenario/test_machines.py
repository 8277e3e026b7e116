"""What operators order of machines, and machines that fail many at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import (
    AgentOverview,
    GetStatusRequest,
    GetStatusResponse,
    LabelAgentsRequest,
    ListAgentsRequest,
    OfflineAgentRequest,
    OnlineAgentRequest,
    SwitchSafeModeRequest,
    kLabelSet,
)
from galaxy.protocol.types_pb2 import kAlive, kDead, kOffline
from tests.scenario.cluster import Cluster, Machine
from tests.scenario.jobs import job


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
