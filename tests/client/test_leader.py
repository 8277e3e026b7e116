"""The leader is followed; what cannot be answered is said with its cause."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.ensemble import EnsembleFailure
from galaxy.client.leader import PATIENCE_S, Doubtful, Leader, Unreachable
from galaxy.client.whereabouts import Whereabouts
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import (
    GetStatusRequest,
    GetStatusResponse,
    ScaleJobRequest,
    ScaleJobResponse,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello
from tests.client.memory import Answer, MemoryCluster, MemoryPeer, X, refuse


def status_of(name: str) -> Answer:
    """A master that says who it is."""
    return lambda _: GetStatusResponse(leader=name)


def in_turn(answers: list[Answer]) -> Answer:
    """Another answer each time."""

    def answer(request: Any) -> Any:
        return answers.pop(0)(request)

    return answer


class LeaderTestCase(SynchronousTestCase):
    """One question to a cluster of masters."""

    def leader(self, cluster: MemoryCluster, *masters: str, nexus: str = "") -> Leader:
        """A leader to be asked."""
        return Leader(
            Whereabouts(masters, "--master", nexus),
            cluster.dial,
            cluster.sleep,
            clock=lambda: cluster.now,
            ensemble=lambda url: cluster.ensemble[url],
            tell=self.told.append,
        )

    def setUp(self) -> None:
        self.told: list[str] = []

    def ask(self, cluster: MemoryCluster, *masters: str) -> str:
        """Who answers."""
        leader = self.leader(cluster, *masters)
        return leader.ask(lambda master: master.get_status(GetStatusRequest())).leader


class LeaderTests(LeaderTestCase):
    """Found, and followed."""

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

    def test_who_is_no_master_is_not_asked(self) -> None:
        agent = MemoryPeer({}, hello=Hello(role="agent", name="a:1"))
        error = self.assertRaises(Unreachable, self.ask, MemoryCluster({"a:1": agent}), "a:1")
        self.assertIn("a:1: there is no master, but agent a:1", str(error))
        self.assertEqual((agent.asked, agent.closed), ([], 1))

    def test_a_master_that_does_not_know_the_leader_is_left_for_another(self) -> None:
        """It may be cut off from the nexus: the next one is asked."""
        cluster = MemoryCluster(
            {
                "a:1": MemoryPeer({"get_status": refuse(pb.kNotLeader, "no leader")}),
                "b:1": MemoryPeer({"get_status": status_of("b")}),
            }
        )
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "b")

    def test_a_leader_in_doubt_is_asked_if_nobody_knows_another(self) -> None:
        """Cut off from the nexus, what it says may be of yesterday."""
        doubtful = MemoryPeer(
            {"get_status": status_of("a")}, hello=Hello(role="master", doubt="cut off")
        )
        cluster = MemoryCluster(
            {"a:1": doubtful, "b:1": MemoryPeer({"get_status": status_of("b")})}
        )
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "b")
        cluster.peers["b:1"].answers = {"get_status": refuse(pb.kNotLeader, "a:1 leads")}
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "a")
        del cluster.peers["b:1"]
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "a")

    def test_masters_that_name_each_other_are_not_asked_without_a_pause(self) -> None:
        cluster = MemoryCluster(
            {
                "a:1": MemoryPeer({"get_status": refuse(pb.kNotLeader, "ask b:1")}),
                "b:1": MemoryPeer({"get_status": refuse(pb.kNotLeader, "ask a:1")}),
            }
        )
        self.assertRaises(GalaxyError, self.ask, cluster, "a:1", "b:1")
        self.assertLess(len(cluster.dialled), 200)

    def test_a_leader_that_does_not_take_calls_is_not_dialled_every_time_it_is_named(self) -> None:
        """Its connection takes a second to fail; the standby is asked more often than that."""
        standby = [refuse(pb.kNotLeader, "the leader is a:1")] * 12 + [status_of("b")]
        cluster = MemoryCluster({"b:1": MemoryPeer({"get_status": in_turn(standby)})})
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "b")
        self.assertLess(cluster.dialled.count("a:1"), 5)

    def test_a_leader_that_hangs_is_left_for_another(self) -> None:
        cluster = MemoryCluster(
            {
                "a:1": MemoryPeer({"get_status": refuse(pb.kDeadline, "no answer in 10 s")}),
                "b:1": MemoryPeer({"get_status": status_of("b")}),
            }
        )
        self.assertEqual(self.ask(cluster, "a:1", "b:1"), "b")

    def test_waiting_for_a_leader_is_told_once(self) -> None:
        answers = [refuse(pb.kNotLeader, "nobody reigns")] * 20 + [status_of("a")]
        peer = MemoryPeer({"get_status": in_turn(answers)})
        self.assertEqual(self.ask(MemoryCluster({"a:1": peer}), "a:1"), "a")
        self.assertEqual(len(self.told), 1)
        self.assertIn("nobody reigns", self.told[0])


class NobodyDecidesTests(LeaderTestCase):
    """ZooKeeper is away: that is what is said, and what still works."""

    def cluster(self, leader: MemoryPeer | None) -> MemoryCluster:
        """a:1 reigns, in doubt; b:1 stands by and repeats what it knew."""
        stale = refuse(pb.kNotLeader, "the leader is a:1")
        standby = MemoryPeer({"show_job": stale, "scale_job": stale, "get_status": stale})
        return MemoryCluster({"b:1": standby} | ({"a:1": leader} if leader else {}))

    def reigning(self) -> MemoryPeer:
        """A leader that is cut off."""
        return MemoryPeer(
            {
                "show_job": X,
                "scale_job": refuse(pb.kNotLeader, "it is not certain who leads: no ZooKeeper"),
                "get_status": lambda _: GetStatusResponse(leader="a:1", doubt="no ZooKeeper"),
            },
            hello=Hello(role="master", doubt="no ZooKeeper"),
        )

    def scale(self, cluster: MemoryCluster, *, nexus: str = "") -> str:
        """What is said in the end."""
        leader = self.leader(cluster, "a:1", "b:1", nexus=nexus)
        request = ScaleJobRequest(job_id="x")
        error = self.assertRaises(
            Unreachable, leader.ask, lambda master: master.scale_job(request), look="galaxy show x"
        )
        self.assertGreaterEqual(cluster.now, 1000 + PATIENCE_S)
        return str(error)

    def test_doubt_comes_before_what_a_standby_repeats(self) -> None:
        said = self.scale(self.cluster(self.reigning()))
        self.assertEqual(
            said,
            "what runs goes on, and commands that read (status, jobs, logs, exec, ...) are"
            " answered, but no master can decide now: no ZooKeeper",
        )
        self.assertEqual(self.told, ["galaxy: no ZooKeeper; asking again"])

    def test_who_reads_is_not_promised_an_answer_by_a_leader_that_is_gone(self) -> None:
        """The standbys have noticed, too, and know nothing."""
        cluster = self.cluster(None)
        cluster.peers["b:1"].hello = Hello(role="master", doubt="no ZooKeeper")
        said = self.scale(cluster)
        self.assertEqual(said, "what runs goes on, but no master can decide now: no ZooKeeper")

    def test_if_no_master_knows_of_doubt_the_ensemble_is_asked(self) -> None:
        class Away(dict[str, str | None]):
            def __missing__(self, url: str) -> str | None:
                raise EnsembleFailure(7, f"{url} does not answer")

        cluster = self.cluster(None)
        cluster.ensemble = Away()
        said = self.scale(cluster, nexus="zookeeper://z")
        self.assertIn("no master can decide now: zookeeper://z does not answer", said)

    def test_the_command_ends_with_seven(self) -> None:
        cluster = self.cluster(self.reigning())
        result = cluster.run("scale", "x", "3", GALAXY_MASTER="a:1,b:1")
        self.assertEqual(result.exit_code, 7)
        self.assertIn("no master can decide now: no ZooKeeper", result.stderr)

    def test_patience_does_not_go_by_the_clock_that_people_set(self) -> None:
        cluster = self.cluster(self.reigning())
        cluster.wall_ahead = -1e9
        self.assertEqual(cluster.run("scale", "x", "3", GALAXY_MASTER="a:1,b:1").exit_code, 7)
        self.assertLess(cluster.now, 1000 + PATIENCE_S + 2)


class UnfitTests(LeaderTestCase):
    """A nexus that was left, or is damaged: somebody has to see to it."""

    def test_it_is_said_at_once(self) -> None:
        unfit = refuse(pb.kUnfit, "this nexus was left: all that it held is at x now")
        peer = MemoryPeer({"list_jobs": unfit, "label_agents": unfit})
        cluster = MemoryCluster({"a:1": peer}, ensemble={"zookeeper://z": "a:1"})
        for words in ("jobs", "label -l ssd -e b:1"):
            result = cluster.run(*words.split(), GALAXY_MASTER="", GALAXY_NEXUS="zookeeper://z")
            self.assertEqual((result.exit_code, cluster.now), (7, 1000.0))
            self.assertIn("all that it held is at x now", result.stderr)
            self.assertNotIn("not known", result.stderr)


class EnsembleTests(LeaderTestCase):
    """What ZooKeeper is asked, and when."""

    def status(self, cluster: MemoryCluster, *masters: str) -> str:
        leader = self.leader(cluster, *masters, nexus="zookeeper://z")
        return leader.ask(lambda master: master.get_status(GetStatusRequest())).leader

    def test_it_names_the_leader_that_no_setting_does(self) -> None:
        peers = {"b:1": MemoryPeer({"get_status": status_of("b")})}
        cluster = MemoryCluster(peers, ensemble={"zookeeper://z": "b:1"})
        self.assertEqual(self.status(cluster), "b")
        self.assertEqual(self.status(cluster, "a:1"), "b")

    def test_it_is_not_asked_while_a_master_answers(self) -> None:
        peers = {"a:1": MemoryPeer({"get_status": status_of("a")})}
        self.assertEqual(self.status(MemoryCluster(peers), "a:1"), "a")

    def test_a_leader_that_has_just_died_is_waited_out(self) -> None:
        """ZooKeeper names it for as long as its session lasts."""
        peer = MemoryPeer({"get_status": status_of("b")})
        cluster = MemoryCluster(ensemble={"zookeeper://z": "b:1"})

        def sleep(seconds: float) -> None:
            cluster.now += seconds
            if cluster.now > 1004:
                cluster.peers["b:1"] = peer

        where = Whereabouts((), "--nexus", "zookeeper://z")
        leader = Leader(
            where,
            cluster.dial,
            sleep,
            clock=lambda: cluster.now,
            ensemble=lambda url: cluster.ensemble[url],
        )
        answer = leader.ask(lambda master: master.get_status(GetStatusRequest()))
        self.assertEqual(answer.leader, "b")

    def test_what_it_says_of_itself_comes_after_what_was_tried(self) -> None:
        def ensemble(_url: str) -> str | None:
            raise EnsembleFailure(7, "no ZooKeeper answers")

        cluster = MemoryCluster()
        where = Whereabouts(("a:1",), "here", "zookeeper://z")
        leader = Leader(where, cluster.dial, cluster.sleep, ensemble=ensemble)
        error = self.assertRaises(
            Unreachable, leader.ask, lambda master: master.get_status(GetStatusRequest())
        )
        for word in ("a:1", "here", "no ZooKeeper answers"):
            self.assertIn(word, str(error))


class DoubtTests(LeaderTestCase):
    """A change that was asked for, and not answered."""

    def scale(self, *answers: Answer, once: bool = False) -> str:
        """What is said in the end."""
        self.peer = MemoryPeer({"scale_job": in_turn(list(answers))})
        leader = self.leader(MemoryCluster({"a:1": self.peer}), "a:1")
        try:
            leader.ask(
                lambda master: master.scale_job(ScaleJobRequest(job_id="x")),
                look="galaxy show x",
                once=once,
            )
        except (GalaxyError, Unreachable) as error:
            self.error = error
            return str(error)
        return "done"

    def test_it_is_asked_for_again(self) -> None:
        done = in_turn([lambda _: ScaleJobResponse(job_id="x")])
        self.assertEqual(self.scale(refuse(pb.kRpcError, "lost"), done), "done")

    def test_what_must_not_be_done_twice_is_asked_for_once(self) -> None:
        said = self.scale(refuse(pb.kRpcError, "lost"), once=True)
        self.assertIn("It is not known whether it was carried out: look with `galaxy show x`", said)
        self.assertEqual(len(self.peer.asked), 1)

    def test_a_refusal_of_the_second_try_may_come_from_the_first(self) -> None:
        said = self.scale(refuse(pb.kRpcError, "lost"), refuse(pb.kJobNotFound, "no job x"))
        self.assertIn("no job x. It is not known", said)
        self.assertIsInstance(self.error, Doubtful)

    def test_a_refusal_without_doubt_raises_none(self) -> None:
        self.assertNotIn("not known", self.scale(refuse(pb.kJobNotFound, "no job x")))
        self.assertNotIsInstance(self.error, Doubtful)
