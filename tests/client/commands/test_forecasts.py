"""`why` and `plan`."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import (
    Difference,
    ExplainRequest,
    ExplainResponse,
    Obstacle,
    PlanJobRequest,
    PlanJobResponse,
    PlannedPods,
)
from tests.client.memory import JOB, MemoryCluster, in_turn, refuse


class WhyTests(SynchronousTestCase):
    """What keeps a job or a pod from running."""

    def test_the_sentence_and_its_numbers(self) -> None:
        answer = ExplainResponse(
            job_id="x_1",
            pod_id="x_1.0",
            sentence="3 agents lack label ssd.",
            agents=3,
            obstacles=[Obstacle(constraint="label ssd", agents=3)],
        )
        cluster = MemoryCluster.with_master(explain=in_turn(answer))
        result = cluster.run("why", "x.0")
        self.assertEqual(result.stdout.splitlines()[0], "3 agents lack label ssd.")
        self.assertEqual(cluster.peers["m:1"].asked, [("explain", ExplainRequest(target="x.0"))])
        document = json.loads(cluster.run("why", "x.0", "-o", "json").stdout)
        self.assertEqual(
            document,
            {
                "job_id": "x_1",
                "pod_id": "x_1.0",
                "sentence": "3 agents lack label ssd.",
                "agents": 3,
                "obstacles": [{"constraint": "label ssd", "agents": 3}],
            },
        )

    def test_what_is_not_there_is_five(self) -> None:
        cluster = MemoryCluster.with_master(explain=refuse(pb.kJobNotFound, "there is no job x"))
        self.assertEqual(cluster.run("why", "x").exit_code, 5)


class PlanTests(SynchronousTestCase):
    """What a file would do."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "job.json"
        self.file.write_text(JOB)

    def test_no_change_is_zero_and_a_change_is_one(self) -> None:
        cases = [
            (PlanJobResponse(job_id="x_1"), 0),
            (PlanJobResponse(job_id="x_1", differences=[Difference(path="replica")]), 1),
            (PlanJobResponse(placements=[PlannedPods(endpoint="a:1", count=2)]), 1),
        ]
        for answer, code in cases:
            with self.subTest(code=code):
                cluster = MemoryCluster.with_master(plan_job=in_turn(answer))
                result = cluster.run("plan", "-f", str(self.file), "-o", "json")
                self.assertEqual(result.exit_code, code, result.output)
                self.assertEqual(json.loads(result.stdout)["changes"], bool(code))
                ((method, request),) = cluster.peers["m:1"].asked
                assert isinstance(request, PlanJobRequest)
                self.assertEqual((method, request.job.name), ("plan_job", "x"))

    def test_a_faulty_file_is_three(self) -> None:
        """Also where the master alone sees the fault."""
        cluster = MemoryCluster.with_master(plan_job=refuse(pb.kInputError, "no such label"))
        self.assertEqual(cluster.run("plan", "-f", str(self.file)).exit_code, 3)
        self.file.write_text("{}")
        self.assertEqual(cluster.run("plan", "-f", str(self.file)).exit_code, 3)
