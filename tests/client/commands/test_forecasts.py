"""`why`."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import ExplainRequest, ExplainResponse, Obstacle
from tests.client.memory import MemoryCluster, in_turn, refuse


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
