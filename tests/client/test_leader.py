"""The leader is followed; what cannot be answered is said with its cause."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.leader import Leader, Unreachable
from galaxy.client.whereabouts import Whereabouts
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import GetStatusRequest, GetStatusResponse
from galaxy.protocol.statuses import GalaxyError
from tests.client.memory import Answer, MemoryCluster, MemoryPeer, refuse


def status_of(name: str) -> Answer:
    """A master that says who it is."""
    return lambda _: GetStatusResponse(leader=name)


def in_turn(answers: list[Answer]) -> Answer:
    """Another answer each time."""

    def answer(request: Any) -> Any:
        return answers.pop(0)(request)

    return answer


class LeaderTests(SynchronousTestCase):
    """One question to a cluster of masters."""

    def ask(self, cluster: MemoryCluster, *masters: str) -> str:
        """Who answers."""
        leader = Leader(Whereabouts(masters, "--master"), cluster.dial, cluster.sleep)
        return leader.ask(lambda master: master.get_status(GetStatusRequest())).leader

    def test_the_first_that_can_be_reached_is_asked(self) -> None:
        cluster = MemoryCluster({"b:1": MemoryPeer({"get_status": status_of("b")})})
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "b")

    def test_a_standby_names_the_leader(self) -> None:
        standby = refuse(pb.kNotLeader, "this master does not reign, b:1 does")
        cluster = MemoryCluster(
            {
                "a:1": MemoryPeer({"get_status": standby}),
                "b:1": MemoryPeer({"get_status": status_of("b")}),
            }
        )
        self.assertEqual(self.ask(cluster, "a:1"), "b")
        self.assertEqual(cluster.dialled, ["a:1", "b:1"])

    def test_a_connection_that_breaks_is_tried_again(self) -> None:
        answers: list[Answer] = [refuse(pb.kRpcError, "lost"), status_of("a")]
        peer = MemoryPeer({"get_status": in_turn(answers)})
        self.assertEqual(self.ask(MemoryCluster({"a:1": peer}), "a:1"), "a")
        self.assertEqual(peer.closed, 1)

    def test_a_named_leader_that_is_gone_sends_back_to_the_start(self) -> None:
        answers: list[Answer] = [refuse(pb.kNotLeader, "ask b:1"), status_of("a")]
        peer = MemoryPeer({"get_status": in_turn(answers)})
        self.assertEqual(self.ask(MemoryCluster({"a:1": peer}), "a:1"), "a")

    def test_a_refusal_is_not_repeated(self) -> None:
        peer = MemoryPeer({"get_status": refuse(pb.kPermission, "no")})
        error = self.assertRaises(GalaxyError, self.ask, MemoryCluster({"a:1": peer}), "a:1")
        self.assertEqual((error.status, len(peer.asked)), (pb.kPermission, 1))

    def test_no_leader_for_long_is_an_answer_too(self) -> None:
        peer = MemoryPeer({"get_status": refuse(pb.kNotLeader, "nobody reigns")})
        cluster = MemoryCluster({"a:1": peer})
        error = self.assertRaises(GalaxyError, self.ask, cluster, "a:1")
        self.assertEqual(error.status, pb.kNotLeader)
        self.assertGreater(cluster.now, 1003)

    def test_nobody_there_names_address_setting_and_remedy(self) -> None:
        error = self.assertRaises(Unreachable, self.ask, MemoryCluster(), "a:1", "b:1")
        for word in ("a:1, b:1", "--master", "Connection refused", "galaxy up"):
            self.assertIn(word, str(error))
