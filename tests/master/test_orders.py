"""What operators order: done, kept through restarts, taken back."""

from __future__ import annotations

from galaxy.master.safemode import Cause
from galaxy.nexus.interfaces import Unavailable
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    GetStatusRequest,
    GetStatusResponse,
    LabelAgentsRequest,
    ListAgentsRequest,
    OfflineAgentRequest,
    OnlineAgentRequest,
    SwitchSafeModeRequest,
    TerminateJobRequest,
    kLabelRemove,
    kLabelSet,
)
from galaxy.protocol.types_pb2 import Status, kAlive, kDead, kInit, kOffline
from tests.master.examples import descriptor
from tests.master.test_service import ADDRESS, MasterTests


class OrderTests(MasterTests):
    """A world, and how to order something."""

    def label(self, *endpoints: str, label: str = "ssd") -> None:
        request = LabelAgentsRequest(label=label, change=kLabelSet, endpoints=endpoints)
        self.world.do(self.world.stub.label_agents(request))

    def offline(self, endpoint: str = "a:8221") -> None:
        self.world.do(self.world.stub.offline_agent(OfflineAgentRequest(endpoint=endpoint)))

    def online(self, endpoint: str = "a:8221") -> None:
        self.world.do(self.world.stub.online_agent(OnlineAgentRequest(endpoint=endpoint)))

    def safe_mode(self, *, enter: bool) -> None:
        self.world.do(self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=enter)))

    def overview(self, endpoint: str = "a:8221") -> AgentOverview:
        agents = self.world.do(self.world.stub.list_agents(ListAgentsRequest())).agents
        return next(agent for agent in agents if agent.endpoint == endpoint)

    def status(self) -> GetStatusResponse:
        return self.world.do(self.world.stub.get_status(GetStatusRequest()))

    def rejoin(self) -> None:
        """Another master; the agents find it."""
        self.world.restart_master()
        for agent in self.world.agents:
            self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(1)


class LabelTests(OrderTests):
    """LabelAgents."""

    def test_a_pod_that_waits_for_a_label_is_placed_when_an_agent_gets_it(self) -> None:
        agent = self.world.agent("a")
        self.world.run(descriptor(labels=("ssd", "arm"), replica=1))
        self.assertEqual(agent.pods, {})
        self.label("a:8221")
        self.label("a:8221", label="arm")
        self.world.schedule()
        self.assertEqual(len(agent.pods), 1)

    def test_labels_outlive_the_master_also_those_of_agents_that_never_came(self) -> None:
        self.world.agent("a")
        self.label("a:8221", "late:8221")
        self.rejoin()
        self.world.agent("late")
        self.assertEqual(list(self.overview().labels), ["ssd"])
        self.assertEqual(list(self.overview("late:8221").labels), ["ssd"])

    def test_a_label_that_was_removed_stays_removed(self) -> None:
        self.world.agent("a")
        self.label("a:8221")
        request = LabelAgentsRequest(label="ssd", change=kLabelRemove)
        self.world.do(self.world.stub.label_agents(request))
        self.rejoin()
        self.assertEqual(list(self.overview().labels), [])
        self.assertFalse(any(key.startswith("labels/") for key in self.world.stored()))

    def test_what_cannot_be_written_is_not_so(self) -> None:
        self.world.agent("a")
        self.world.nexus.break_("commit", Unavailable("disk full"), times=1)
        request = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=["a:8221"])
        self.assert_refused(Status.kPersistenceError, self.world.stub.label_agents(request))
        self.assertEqual(list(self.overview().labels), [])

    def test_orders_are_carried_out_in_the_order_in_which_they_came(self) -> None:
        """Galaxy 2 could store two changes the other way round (§12.3, 17)."""
        self.world.agent("a")
        first = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=["b:8221"])
        second = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=["a:8221"])
        answers = [self.world.stub.label_agents(each) for each in (first, second)]
        for answer in answers:
            self.world.do(answer)
        self.rejoin()
        self.assertEqual(list(self.overview().labels), ["ssd"])

    def test_nobody_is_an_error(self) -> None:
        request = LabelAgentsRequest(label="ssd", change=kLabelSet)
        self.assert_refused(Status.kInputError, self.world.stub.label_agents(request))


class OfflineTests(OrderTests):
    """OfflineAgent and OnlineAgent."""

    def test_it_takes_no_more_pods(self) -> None:
        a, b = self.world.agent("a"), self.world.agent("b")
        self.offline()
        self.world.run()
        self.assertEqual((len(a.pods), len(b.pods)), (0, 3))
        self.assertEqual((self.overview().state, self.overview().reason), (kOffline, "drained"))
        self.assertEqual(self.status().agents_offline, 1)

    def test_it_says_how_many_are_left(self) -> None:
        """What was there is not killed at once, as Galaxy 2 did (§12.4, 24)."""
        agent = self.world.agent("a")
        self.world.run()
        self.offline()
        self.world.advance(1)
        self.assertEqual(self.overview().reason, "draining: 2 left")
        self.assertEqual(len(agent.pods), 2)

    def test_online_takes_it_back(self) -> None:
        agent = self.world.agent("a")
        self.offline()
        self.online()
        self.world.run()
        self.assertEqual((self.overview().state, len(agent.pods)), (kAlive, 3))

    def test_the_mark_outlives_the_master(self) -> None:
        agent = self.world.agent("a")
        self.offline()
        self.rejoin()
        self.world.run()
        self.assertEqual((self.overview().state, agent.pods), (kOffline, {}))

    def test_it_outlives_the_death_and_the_return_of_the_agent(self) -> None:
        """A machine's own opinion never undoes it, as it could in Galaxy 2 (§12.4, 24)."""
        agent = self.world.agent("a")
        self.offline()
        agent.hang_up()
        self.world.advance(6)
        self.assertEqual(self.overview().state, kDead)
        agent.restart()
        self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(1)
        self.world.run()
        self.assertEqual((self.overview().state, agent.pods), (kOffline, {}))

    def test_a_dead_agent_may_be_marked_too(self) -> None:
        agent = self.world.agent("a")
        agent.hang_up()
        self.world.advance(6)
        self.offline()
        self.assertEqual(self.overview().state, kDead)
        self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(1)
        self.assertEqual(self.overview().state, kOffline)

    def test_one_that_was_not_heard_yet_may_be_marked_too(self) -> None:
        self.world.agent("a").hang_up()
        self.world.restart_master()
        self.offline()
        self.assertEqual(self.overview().state, kInit)
        self.online()
        self.world.do(self.world.agents[0].connect(self.world.network, ADDRESS))
        self.world.advance(1)
        self.assertEqual(self.overview().state, kAlive)

    def test_nobody_knows_that_agent(self) -> None:
        request = OfflineAgentRequest(endpoint="x:1")
        self.assert_refused(Status.kAgentNotFound, self.world.stub.offline_agent(request))


class SafeModeTests(OrderTests):
    """SwitchSafeMode."""

    def test_nothing_is_started_until_it_is_left(self) -> None:
        agent = self.world.agent("a")
        self.safe_mode(enter=True)
        self.world.submit()
        self.world.schedule()
        status = self.status()
        self.assertTrue(status.safe_mode)
        self.assertIn("ada@h entered it", status.safe_mode_reason)
        self.assertEqual(agent.pods, {})
        self.safe_mode(enter=False)
        self.world.schedule()
        self.assertEqual(len(agent.pods), 3)

    def test_nothing_is_stopped_until_it_is_left(self) -> None:
        agent = self.world.agent("a")
        job_id = self.world.run()
        self.safe_mode(enter=True)
        request = TerminateJobRequest(job_id=job_id)
        self.world.do(self.world.stub.terminate_job(request))
        self.world.advance(3)
        self.assertEqual(len(agent.pods), 3)
        self.safe_mode(enter=False)
        self.world.advance(3)
        self.assertEqual(agent.pods, {})

    def test_it_outlives_the_master(self) -> None:
        self.world.agent("a")
        self.safe_mode(enter=True)
        self.rejoin()
        self.assertTrue(self.status().safe_mode)
        self.safe_mode(enter=False)
        self.rejoin()
        self.assertFalse(self.status().safe_mode)

    def test_the_automatic_one_can_be_left_by_hand(self) -> None:
        """Galaxy 2 refused that (§12.3, 16). What nobody has reported is still not run twice."""
        agent = self.world.agent("a")
        self.world.run()
        self.world.restart_master()
        self.assertTrue(self.status().safe_mode)
        self.safe_mode(enter=False)
        self.assertFalse(self.status().safe_mode)
        self.world.agent("b")
        self.world.schedule()
        self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(1)
        self.assertEqual((len(agent.launches), self.world.agents[1].launches), (3, []))

    def test_in_an_empty_nexus_it_is_entered_when_an_agent_comes_from_another(self) -> None:
        """The one before was lost, or this is the wrong one: what runs is not to be stopped."""
        agent = self.world.agent("a")
        self.world.run()
        agent.said.epoch = agent.epoch
        self.world.stop_master()
        self.world.ensemble.entries.clear()
        for again in range(2):
            self.rejoin()
            status = self.status()
            self.assertIn("is this the right nexus?", status.safe_mode_reason)
            self.assertNotIn("kill", agent.commands, again)
        self.safe_mode(enter=False)
        self.world.advance(2)
        self.assertIn("kill", agent.commands)

    def test_in_a_nexus_that_is_not_that_of_the_agents_it_is_entered_and_nobody_climbs(
        self,
    ) -> None:
        """One with jobs of its own, or an old copy: the epochs that agents obeyed are above."""
        agent = self.world.agent("a")
        self.world.run()
        self.world.restart_master()
        self.world.stop_master()
        self.world.ensemble.epoch = 20
        self.rejoin()
        self.world.run(descriptor(name="late", replica=1))
        pods = dict(agent.pods)
        for key in [key for key in self.world.ensemble.entries if "late" in key]:
            del self.world.ensemble.entries[key]
        agent.said.epoch = agent.epoch
        self.world.stop_master()
        self.world.ensemble.epoch = 3
        for epoch in (4, 5):
            self.rejoin()
            self.world.advance(30)
            status = self.status()
            self.assertIn("has obeyed reign 21", status.safe_mode_reason)
            self.assertIn(f"begun none above {epoch}", status.safe_mode_reason)
            self.assertEqual((status.epoch, agent.pods), (epoch, pods))
            self.world.stop_master()
        self.rejoin()
        other, _ = self.world.start_master("127.0.0.1:1")  # elected next, it stands again, too
        self.safe_mode(enter=False)
        self.world.advance(10)
        reigns = [each.leadership.reign for each in (self.world.master, other)]
        (reign,) = filter(None, reigns)
        self.assertEqual((reign.epoch, self.world.ensemble.epoch), (22, 22))
        self.assertNotEqual(reign.cluster.safe_mode.cause, Cause.MANUAL)

    def test_what_cannot_be_written_is_not_so(self) -> None:
        self.world.nexus.break_("commit", Unavailable("disk full"), times=1)
        request = SwitchSafeModeRequest(enter=True)
        self.assert_refused(Status.kPersistenceError, self.world.stub.switch_safe_mode(request))
        self.assertFalse(self.status().safe_mode)

    def test_entering_and_leaving_twice_is_harmless(self) -> None:
        for enter in (True, True, False, False):
            self.safe_mode(enter=enter)
            self.assertEqual(self.status().safe_mode, enter)

    def test_it_says_how_far_it_is(self) -> None:
        self.world.agent("a")
        self.world.agent("b")
        self.world.restart_master()
        self.world.do(self.world.agents[0].connect(self.world.network, ADDRESS))
        self.world.advance(1)
        self.assertEqual(self.status().safe_mode_share, 0.5)
