"""`scale`, `suspend`, `resume`, `restart`."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import (
    RestartJobRequest,
    RestartJobResponse,
    ResumeJobRequest,
    ResumeJobResponse,
    ScaleJobRequest,
    ScaleJobResponse,
    ShowJobRequest,
    SuspendJobRequest,
    SuspendJobResponse,
)
from tests.client.memory import MemoryCluster, X, in_turn, refuse


class SteeringTests(SynchronousTestCase):
    """Each command finds the job, makes one request, and says one sentence."""

    def cluster(self) -> MemoryCluster:
        """A master that does as it is told."""
        return MemoryCluster.with_master(
            show_job=X,
            scale_job=in_turn(ScaleJobResponse(job_id="x_1")),
            suspend_job=in_turn(SuspendJobResponse(job_id="x_1")),
            resume_job=in_turn(ResumeJobResponse(job_id="x_1")),
            restart_job=in_turn(RestartJobResponse(job_id="x_1")),
        )

    def test_requests_and_sentences(self) -> None:
        cases = [
            ("scale x 7", ScaleJobRequest(job_id="x_1", replica=7), "scale job x_1 to 7"),
            ("scale x 0", ScaleJobRequest(job_id="x_1"), "scale job x_1 to 0"),
            ("suspend x", SuspendJobRequest(job_id="x_1"), "suspend job x_1"),
            ("resume x", ResumeJobRequest(job_id="x_1"), "resume job x_1"),
            ("restart x", RestartJobRequest(job_id="x_1"), "restart job x_1"),
            ("restart x --step 2", RestartJobRequest(job_id="x_1", step=2), "restart job x_1"),
        ]
        for words, request, sentence in cases:
            with self.subTest(words=words):
                cluster = self.cluster()
                result = cluster.run(*words.split())
                self.assertEqual(result.exit_code, 0, result.output)
                self.assertTrue(result.stdout.startswith(sentence))
                method = f"{words.split()[0]}_job"
                self.assertEqual(
                    cluster.peers["m:1"].asked_for(),
                    [("show_job", ShowJobRequest(job_id="x")), (method, request)],
                )

    def test_a_restart_can_be_told_from_another(self) -> None:
        """Sent again by its command it is the same; another command's is another."""
        cluster = self.cluster()
        for _ in range(2):
            cluster.run("restart", "x")
        asked = [request for _, request in cluster.peers["m:1"].asked]
        ids = {each.request_id for each in asked if isinstance(each, RestartJobRequest)}
        self.assertEqual((len(ids), "" in ids), (2, False))

    def test_json_names_the_job(self) -> None:
        for words in ("scale x 7", "suspend x", "resume x", "restart x"):
            result = self.cluster().run(*words.split(), "-o", "json")
            self.assertEqual(json.loads(result.stdout)["job_id"], "x_1")

    def test_what_makes_no_sense_is_two(self) -> None:
        for words in ("scale x", "scale x -1", "scale x many", "restart x --step 0", "suspend"):
            with self.subTest(words=words):
                self.assertEqual(self.cluster().run(*words.split()).exit_code, 2)

    def test_a_refusal_is_four(self) -> None:
        cluster = MemoryCluster.with_master(
            show_job=X, suspend_job=refuse(pb.kJobUpdateFail, "it has finished")
        )
        self.assertEqual(cluster.run("suspend", "x").exit_code, 4)
