"""A master whose nexus knows which cluster it is of, and agents that know it, too."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from galaxy.nexus.interfaces import Unavailable
from galaxy.protocol.master_pb2 import HeartBeatRequest, SwitchSafeModeRequest, TerminateJobRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from tests.master.examples import facts
from tests.master.fakes import FakeAgent
from tests.master.test_service import ADDRESS, MasterTests


class IdentityTests(MasterTests):
    """Which cluster the nexus is of."""

    def rejoin(self) -> None:
        """Another reign; the agents find it."""
        self.world.restart_master()
        for agent in self.world.agents:
            self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(1)

    def stranger(self, *, epoch: int, bound: bool) -> FakeAgent:
        """An agent of another cluster comes."""
        said = facts()
        said.cluster, said.epoch, said.bound = "another", epoch, bound
        return self.world.agent("stranger", said=said)

    def beat(self, agent: FakeAgent) -> HeartBeatRequest:
        """What it says of itself."""
        return HeartBeatRequest(endpoint=agent.endpoint, instance="i1", facts=agent.said)

    def test_it_is_made_once_and_told_with_every_command(self) -> None:
        agent = self.world.agent("a")
        identity = self.world.cluster().identity
        self.assertRegex(identity, r"\A[0-9a-f]{16}\Z")
        self.assertEqual(agent.obeyed, {identity})
        job_id = self.world.run()
        self.rejoin()
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id=job_id)))
        self.world.advance(1)
        self.assertEqual({"run", "kill", "query"} - set(agent.commands), set())
        self.assertEqual(agent.obeyed, {identity})
        self.assertEqual(self.world.cluster().identity, identity)

    def test_a_nexus_without_one_is_of_the_cluster_of_the_agent_that_comes(self) -> None:
        """It was lost, or is as a release wrote it that knew of none."""
        self.stranger(epoch=0, bound=True)
        self.assertEqual(self.world.cluster().identity, "another")
        self.rejoin()
        self.assertEqual(self.world.cluster().identity, "another")

    def test_of_two_that_come_at_once_the_first_says_which_it_is(self) -> None:
        agents = []
        for name in ("one", "other"):
            said = facts()
            said.cluster, said.bound = name, True
            agents.append(FakeAgent(self.world.clock, f"{name}:8221", said=said))
        joining = [Deferred.fromCoroutine(a.connect(self.world.network, ADDRESS)) for a in agents]
        self.world.do(gatherResults(joining))
        self.world.advance(1)
        self.assertEqual([agent.obeyed for agent in agents], [{"one"}, set()])

    def test_an_agent_with_pods_of_another_cluster_is_turned_away(self) -> None:
        """And nothing else comes of it: no safe mode, though its reigns were more."""
        self.world.agent("a")
        agent = self.stranger(epoch=99, bound=True)
        with self.assertRaises(GalaxyError) as caught:
            self.world.do(self.world.stub.heart_beat(self.beat(agent)))
        self.assertEqual(caught.exception.status, Status.kConflict)
        self.assertRegex(caught.exception.reason, "agent stranger:8221 has pods of cluster another")
        self.assertEqual(agent.commands, [])
        self.assertEqual([each.endpoint for each in self.world.cluster().fleet], ["a:8221"])
        self.assertFalse(self.world.cluster().safe_mode.on)

    def test_an_agent_of_another_cluster_without_pods_is_taken(self) -> None:
        """What it has obeyed there says nothing of this nexus."""
        self.world.agent("a")
        agent = self.stranger(epoch=99, bound=False)
        self.assertEqual(agent.obeyed, {self.world.cluster().identity})
        self.assertFalse(self.world.cluster().safe_mode.on)
        self.world.do(self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=True)))
        epoch = self.world.cluster().epoch
        self.world.do(self.world.stub.switch_safe_mode(SwitchSafeModeRequest(enter=False)))
        self.assertEqual(self.world.cluster().epoch, epoch)

    def test_as_long_as_it_cannot_be_written_down_agents_are_not_told(self) -> None:
        """They are commanded all the same, as by a master of the release before."""
        agent = self.world.agent("a")
        self.world.stop_master()
        del self.world.ensemble.entries["cluster"]
        self.world.master, self.world.nexus = self.world.start_master(ADDRESS)
        self.world.nexus.break_("commit", Unavailable("the disk is full"))
        agent.obeyed.clear()
        self.world.do(agent.connect(self.world.network, ADDRESS))
        self.world.advance(2)
        self.assertEqual(agent.obeyed, {""})
        self.world.nexus.mend()
        self.world.advance(2)
        self.assertNotEqual(self.world.cluster().identity, "")
