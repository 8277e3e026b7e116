"""
Whatever befalls agents and masters: afterwards every slot runs, once.

Random histories over the wire of `test_service`, on one clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.master_pb2 import (
    OfflineAgentRequest,
    OnlineAgentRequest,
    SwitchSafeModeRequest,
)
from galaxy.protocol.types_pb2 import kBatch, kJobFailed, kJobFinished, kPodError, kPodFinish
from tests.master.examples import descriptor, facts
from tests.master.fakes import FakeAgent
from tests.master.test_pods import check_counts
from tests.master.test_service import ADDRESS, World

EVENTS = (
    "hang up", "return", "restart agent", "restart master", "miss a restart", "die", "lose",
    "error", "deaf", "hear", "wait", "schedule", "run", "offline", "online", "hold", "go on",
)  # fmt: skip


class History:
    """A world, and what befalls it."""

    def __init__(self) -> None:
        self.world = World()
        for name in "abc":
            self.world.agent(name, said=facts(millicores=1000))

    def befall(self, event: str, number: int) -> None:
        """One event; `number` says to whom."""
        agent = self.world.agents[number % len(self.world.agents)]
        happen: dict[str, Callable[[], None]] = {
            "hang up": agent.hang_up,
            "return": lambda: self.join(agent),
            "restart agent": lambda: self.restart(agent),
            "restart master": lambda: self.restart_master(but=None),
            "miss a restart": lambda: self.restart_master(but=agent),
            "die": lambda: self.die(agent),
            "lose": lambda: self.lose_one(agent),
            "error": lambda: agent.advance(kPodError),
            "deaf": lambda: agent.deaf.update({"run", "kill", "query"}),
            "hear": agent.deaf.clear,
            "wait": lambda: self.world.advance(1),
            "schedule": self.world.schedule,
            "run": agent.run_all,
            "offline": lambda: self.order_offline(agent),
            "online": lambda: self.order_online(agent),
            "hold": lambda: self.switch_safe_mode(enter=True),
            "go on": lambda: self.switch_safe_mode(enter=False),
        }
        happen[event]()
        self.world.advance(0.1)

    def join(self, agent: FakeAgent) -> None:
        """The agent finds the master."""
        self.world.do(agent.connect(self.world.network, ADDRESS))

    def restart(self, agent: FakeAgent) -> None:
        """The agent is another instance."""
        agent.restart()
        self.join(agent)

    def lose_one(self, agent: FakeAgent) -> None:
        """One of the agent's pods is gone."""
        if agent.pods:
            agent.lose(*min(agent.pods))

    def die(self, agent: FakeAgent) -> None:
        """The agent is silent for so long that its pods are placed elsewhere."""
        agent.hang_up()
        self.world.advance(6)
        self.world.schedule()

    def restart_master(self, but: FakeAgent | None) -> None:
        """Those who were connected find the new one; `but` is late, until it is given up."""
        there = [agent for agent in self.world.agents if agent.peer is not None]
        self.world.restart_master()
        for agent in there:
            if agent is not but:
                self.join(agent)
        if but is not None:
            but.hang_up()
            self.world.advance(12)
            self.world.schedule()

    def order_offline(self, agent: FakeAgent) -> None:
        """An operator wants the machine empty."""
        request = OfflineAgentRequest(endpoint=agent.endpoint)
        self.world.do(self.world.stub.offline_agent(request))

    def order_online(self, agent: FakeAgent) -> None:
        """An operator wants it back."""
        request = OnlineAgentRequest(endpoint=agent.endpoint)
        self.world.do(self.world.stub.online_agent(request))

    def switch_safe_mode(self, *, enter: bool) -> None:
        """An operator holds everything, or lets it go on."""
        request = SwitchSafeModeRequest(enter=enter)
        self.world.do(self.world.stub.switch_safe_mode(request))

    def heal(self) -> None:
        """Everybody hears and is heard, and nothing is ordered any more."""
        self.switch_safe_mode(enter=False)
        for agent in self.world.agents:
            self.order_online(agent)
            agent.deaf.clear()
            self.join(agent)
        self.world.advance(25)


histories = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5)), max_size=14)


class ConvergenceLaws(SynchronousTestCase):
    """For any history."""

    def attempts(self, agents: list[FakeAgent]) -> Counter[int]:
        """How many copies there are of each slot."""
        return Counter(index for agent in agents for _, index in agent.pods)

    @settings(deadline=None, max_examples=40)
    @given(history=histories)
    def test_in_the_end_every_slot_runs_once(self, history: list[tuple[str, int]]) -> None:
        """Liveness, and safety: no copy is left over."""
        story = History()
        story.world.run(descriptor(replica=6))
        for event, number in history:
            story.befall(event, number)
        story.heal()
        for _ in range(4):
            story.world.schedule()
            for agent in story.world.agents:
                agent.run_all()
            story.world.advance(3)
        job = story.world.job()
        self.assertEqual((job.running, job.healthy), (6, 6))
        self.assertEqual(self.attempts(story.world.agents), Counter(range(6)))
        check_counts(self, story.world.cluster())

    @settings(deadline=None, max_examples=30)
    @given(history=histories)
    def test_an_index_that_finished_is_not_launched_again(
        self, history: list[tuple[str, int]]
    ) -> None:
        """Safety: once the master has taken note of it. And liveness: the job ends."""
        story = History()
        world = story.world
        world.submit(descriptor(type=kBatch, replica=6, deploy_step=2))
        done: dict[int, int] = {}
        for event, number in history:
            story.befall(event, number)
            if event == "run":
                world.agents[number % 3].advance(kPodFinish)
                world.advance(1)
            launched = Counter(index for agent in world.agents for _, index, _ in agent.launches)
            job = world.cluster().jobs.resolve("web")
            for index in job.finished | job.failed:
                self.assertEqual(done.setdefault(index, launched[index]), launched[index])
        story.heal()
        for _ in range(8):
            world.schedule()
            for agent in world.agents:
                agent.advance(kPodFinish)
            world.advance(3)
        ended = world.job()
        self.assertEqual(ended.finished + ended.failed, 6)
        self.assertEqual(ended.state, kJobFailed if ended.failed else kJobFinished)
        self.assertEqual(self.attempts(world.agents), Counter())
