"""`preempt -f FILE`."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import PreemptRequest, PreemptResponse
from tests.client.memory import MemoryCluster, in_turn, refuse

FILE = """{
  "addr": "a:1",
  "pending_pod": {"jobid": "web_1", "podid": "web_1.0"},
  "preempted_pods": [{"jobid": "b_1", "podid": "b_1.3"}]
}"""


class PreemptTests(SynchronousTestCase):
    """Galaxy 2's file, as it is."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "preempt.json"
        self.file.write_text(FILE)

    def test_who_makes_room_for_whom(self) -> None:
        cluster = MemoryCluster.with_master(preempt=in_turn(PreemptResponse()))
        result = cluster.run("preempt", "-f", str(self.file))
        self.assertEqual(result.stdout, "web_1.0 gets a:1 when b_1.3 has left\n")
        request = PreemptRequest(endpoint="a:1", pod_id="web_1.0", victim_ids=["b_1.3"])
        self.assertEqual(cluster.peers["m:1"].asked, [("preempt", request)])

    def test_all_mistakes_are_told_at_once(self) -> None:
        self.file.write_text("{}")
        cluster = MemoryCluster.with_master()
        result = cluster.run("preempt", "-f", str(self.file))
        self.assertEqual((result.exit_code, cluster.dialled, result.stdout), (3, [], ""))
        for sentence in ("addr", "pending_pod", "preempted_pods"):
            self.assertIn(f"{sentence} is required\n", result.stderr)
        self.assertIn("has 3 mistakes", result.stderr)

    def test_a_missing_file_is_three(self) -> None:
        self.assertEqual(MemoryCluster().run("preempt", "-f", "/none/p.json").exit_code, 3)

    def test_what_the_rules_forbid_is_four(self) -> None:
        cluster = MemoryCluster.with_master(preempt=refuse(pb.kInputError, "b_1 comes first"))
        self.assertEqual(cluster.run("preempt", "-f", str(self.file)).exit_code, 4)
