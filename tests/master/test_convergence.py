"""
Whatever befalls agents and masters: afterwards every slot runs, once.

Random histories over the wire of `test_service`, on one clock.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.types_pb2 import kBatch, kJobFinished, kPodError, kPodFinish
from tests.master.examples import descriptor, facts
from tests.master.fakes import FakeAgent
from tests.master.test_pods import check_counts
from tests.master.test_service import ADDRESS, World

EVENTS = (
    "hang up", "return", "restart agent", "restart master", "lose", "error", "deaf", "hear",
    "wait", "wait long", "schedule", "run",
)  # fmt: skip


class History:
    """A world, and what befalls it."""

    def __init__(self) -> None:
        self.world = World()
        for name in "abc":
            self.world.agent(name, said=facts(millicores=1000))

    def befall(self, event: str, number: int) -> None:
        """One event; `number` says to whom."""
        world = self.world
        agent = world.agents[number % len(world.agents)]
        if event == "hang up":
            agent.hang_up()
        elif event == "return":
            world.do(agent.connect(world.network, ADDRESS))
        elif event == "restart agent":
            agent.restart()
            world.do(agent.connect(world.network, ADDRESS))
        elif event == "restart master":
            world.restart_master()
        elif event == "lose" and agent.pods:
            agent.lose(*sorted(agent.pods)[number % len(agent.pods)])
        elif event == "error":
            agent.advance(kPodError)
        elif event == "deaf":
            agent.deaf = {"run", "kill", "query"}
        elif event == "hear":
            agent.deaf = set()
        elif event == "schedule":
            world.schedule()
        elif event == "run":
            agent.run_all()
        world.advance({"wait": 1.0, "wait long": 8.0}.get(event, 0.1))

    def heal(self) -> None:
        """Everybody hears and is heard."""
        for agent in self.world.agents:
            agent.deaf = set()
            self.world.do(agent.connect(self.world.network, ADDRESS))
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
        """Safety: once the master has taken note of it. And liveness: the job finishes."""
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
            for index in world.cluster().jobs.resolve("web").finished:
                self.assertEqual(done.setdefault(index, launched[index]), launched[index])
        story.heal()
        for _ in range(8):
            world.schedule()
            for agent in world.agents:
                agent.advance(kPodFinish)
            world.advance(3)
        self.assertEqual((world.job().state, world.job().finished), (kJobFinished, 6))
        self.assertEqual(self.attempts(world.agents), Counter())
