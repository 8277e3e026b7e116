"""`events`."""

from __future__ import annotations

import json
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import Event, Events, WatchEventsRequest
from galaxy.protocol.statuses import GalaxyError
from tests.client.memory import MemoryCluster, MemoryPeer, in_turn, refuse


def event(number: int, *indexes: int, time: float = 1000.0) -> Event:
    """Pods of x that changed alike."""
    return Event(
        number=number,
        time=time,
        kind="pod",
        job_id="x_1",
        indexes=indexes,
        before="kStagePending",
        after="kStageRunning",
        level="info",
    )


@define
class Returning(MemoryCluster):
    """One whose master can go away, and is back ten seconds after the beginning."""

    away: dict[str, MemoryPeer] = field(factory=dict)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now > 1010:
            self.peers |= self.away


class KeptTests(SynchronousTestCase):
    """What happened."""

    def test_a_job_that_nobody_knows_is_five(self) -> None:
        cluster = MemoryCluster.with_master(
            watch_events=in_turn([]), show_job=refuse(pb.kJobNotFound, "there is no job x")
        )
        for words in ("-j x", "-p x.0", "-j x --since 10m"):
            with self.subTest(words=words):
                result = cluster.run("events", *words.split())
                self.assertEqual((result.exit_code, result.stdout), (5, ""))
        self.assertEqual(cluster.run("events").exit_code, 0)

    def test_an_agent_that_nobody_knows_is_five(self) -> None:
        cluster = MemoryCluster.with_master(
            watch_events=in_turn([]), show_pod=refuse(pb.kAgentNotFound, "there is no agent x:1")
        )
        result = cluster.run("events", "-e", "x:1")
        self.assertEqual((result.exit_code, result.stdout), (5, ""))

    def test_a_job_that_is_gone_has_its_events(self) -> None:
        """The master forgets a job before it forgets what happened to it."""

        def kept(request: WatchEventsRequest) -> list[Events]:
            return [] if request.since else [Events(events=[event(1, 0)])]

        cluster = MemoryCluster.with_master(
            watch_events=kept, show_job=refuse(pb.kJobNotFound, "there is no job x")
        )
        self.assertIn("x_1.0", cluster.run("events", "-j", "x").stdout)
        late = cluster.run("events", "-j", "x", "--since", "10m", "-o", "json")
        self.assertEqual((late.exit_code, late.stdout), (0, "[]\n"))

    def test_json_has_a_row_for_each_pod(self) -> None:
        answers = [Events(events=[event(1, 0, 1)]), Events(events=[event(2, 5)])]
        cluster = MemoryCluster.with_master(watch_events=in_turn(answers))
        rows = json.loads(cluster.run("events", "-j", "x", "-o", "json").stdout)
        self.assertEqual([row["pod_id"] for row in rows], ["x_1.0", "x_1.1", "x_1.5"])
        self.assertEqual((rows[0]["from"], rows[0]["to"]), ("kStagePending", "kStageRunning"))

    def test_the_selectors(self) -> None:
        cluster = MemoryCluster.with_master(watch_events=in_turn([Events(events=[event(1, 0)])]))
        cases = [
            ("", WatchEventsRequest()),
            ("-j x -e a:1", WatchEventsRequest(job_id="x", endpoint="a:1")),
            ("-p x.0 --since 900.5", WatchEventsRequest(pod_id="x.0", since=900.5)),
            ("--since 10m", WatchEventsRequest(since=400.0)),
        ]
        for words, request in cases:
            with self.subTest(words=words):
                result = cluster.run("events", *words.split())
                self.assertEqual(result.exit_code, 0, result.output)
                self.assertEqual(cluster.peers["m:1"].asked[-1], ("watch_events", request))

    def test_what_is_no_moment_is_two(self) -> None:
        result = MemoryCluster.with_master().run("events", "--since", "yesterday")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("10m", result.stderr)

    def test_what_is_not_kept_is_told_on_stderr(self) -> None:
        cluster = MemoryCluster.with_master(watch_events=in_turn([Events(lost=True)]))
        result = cluster.run("events", "-o", "json")
        self.assertEqual(result.stdout, "[]\n")
        self.assertIn("not kept", result.stderr)


class FollowTests(SynchronousTestCase):
    """What happens, as it happens."""

    def follow(self, *streams: list[Any], form: str = "json") -> Any:
        """What is printed of these streams, until the person has seen enough."""
        left = list(streams)
        requests: list[WatchEventsRequest] = []

        def watch(request: WatchEventsRequest) -> list[Any]:
            requests.append(WatchEventsRequest.FromString(request.SerializeToString()))
            if not left:
                raise KeyboardInterrupt
            return left.pop(0)

        cluster = MemoryCluster.with_master(watch_events=watch)
        self.result = cluster.run("events", "-f", "-o", form)
        self.requests = requests
        return self.result

    def test_json_is_one_document_a_line(self) -> None:
        result = self.follow([Events(events=[event(1, 0, 1)]), Events(events=[event(2, 2)])])
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([row["pod_id"] for row in rows], ["x_1.0", "x_1.1", "x_1.2"])
        self.assertEqual(result.exit_code, 130)
        self.assertTrue(self.requests[0].follow)

    def test_people_get_lines(self) -> None:
        result = self.follow([Events(events=[event(1, 0)])], form="table")
        self.assertIn("pod x_1.0 Pending -> Running\n", result.stdout)

    def test_a_lost_connection_repeats_nothing_and_loses_nothing(self) -> None:
        """Safety: asked again from where the last event was."""
        lost = GalaxyError(pb.kRpcError, "the connection was lost")
        again = [Events(events=[event(2, 2), event(3, 3)])]
        result = self.follow([Events(events=[event(1, 1), event(2, 2)]), lost], again)
        pods = [json.loads(line)["pod_id"] for line in result.stdout.splitlines()]
        self.assertEqual(pods, ["x_1.1", "x_1.2", "x_1.3"])
        self.assertEqual([request.since for request in self.requests[:2]], [0.0, 1000.0])

    def test_a_master_that_is_away_for_a_while(self) -> None:
        """Liveness: followed again when it is back, also where nothing had happened before."""
        left = [Events(events=[event(1, 1)])]

        def watch(_request: WatchEventsRequest) -> list[Any]:
            if not cluster.away:
                cluster.away = dict(cluster.peers)
                cluster.peers.clear()
                raise GalaxyError(pb.kRpcError, "the connection was lost")
            if not left:
                raise KeyboardInterrupt
            return [left.pop()]

        cluster = Returning({"m:1": MemoryPeer({"watch_events": watch})})
        result = cluster.run("events", "-f", "-o", "json")
        self.assertEqual(json.loads(result.stdout)["pod_id"], "x_1.1")
        self.assertEqual(result.stderr.count("asking again"), 1)

    def test_nobody_there_is_seven(self) -> None:
        self.assertEqual(MemoryCluster().run("events", "-f").exit_code, 7)

    def test_a_refusal_ends_it(self) -> None:
        result = self.follow([GalaxyError(pb.kJobNotFound, "there is no job x")])
        self.assertEqual(result.exit_code, 5)
