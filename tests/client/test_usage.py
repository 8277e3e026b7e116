"""Who uses how much."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.usage import AGENT_USE, POD_USE, agent_use, busiest_first, pod_use
from galaxy.protocol.agent_pb2 import PodStatus, TaskStatus
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    ListAgentsResponse,
    PodOverview,
    ShowPodRequest,
    ShowPodResponse,
)
from galaxy.protocol.types_pb2 import AgentFacts, Resource
from tests.client.memory import MemoryCluster, in_turn

MIB = 1 << 20


def pod(name: str, millicores: int, *tasks: TaskStatus) -> PodOverview:
    """A pod of which its agent told."""
    status = PodStatus(used_millicores=millicores, used_memory=MIB, tasks=tasks)
    return PodOverview(pod_id=name, endpoint="a:1", cpu_assigned_millicores=1000, status=status)


SILENT = PodOverview(pod_id="x_1.9", endpoint="b:1")
AGENT = AgentOverview(
    endpoint="a:1",
    pods=2,
    cpu_used_millicores=500,
    memory_used_bytes=MIB,
    facts=AgentFacts(total=Resource(millicores=2000, memory=4 * MIB)),
)


class UseTests(SynchronousTestCase):
    """Rows, their order, their tables."""

    def test_a_pod_is_the_sum_of_its_tasks(self) -> None:
        row = pod_use(pod("x_1.0", 5, TaskStatus(pids=2, read_bytes_ps=7), TaskStatus(pids=3)))
        self.assertEqual((row["cpu_used_millicores"], row["pids"], row["read_bytes_ps"]), (5, 5, 7))

    def test_what_is_not_known_is_null(self) -> None:
        row = pod_use(SILENT)
        self.assertEqual((row["cpu_used_millicores"], row["pids"]), (None, None))

    def test_the_busiest_comes_first(self) -> None:
        pods = [SILENT, pod("x_1.0", 5), pod("x_1.1", 900), pod("x_1.2", 0)]
        order = [row["pod_id"] for row in busiest_first(map(pod_use, pods))]
        self.assertEqual(order, ["x_1.1", "x_1.0", "x_1.2", "x_1.9"])

    def test_tables(self) -> None:
        agents = AGENT_USE.text([agent_use(AGENT)], wide=False)
        self.assertIn("0.50/2.00", agents)
        self.assertIn("1.0 MiB/4.0 MiB", agents)
        pods = POD_USE.text(list(map(pod_use, [pod("x_1.0", 250), SILENT])), wide=True)
        self.assertIn("0.25/1.00", pods)
        self.assertIn("?/", pods)


class TopTests(SynchronousTestCase):
    """`galaxy top`, not on a terminal: once."""

    def test_agents(self) -> None:
        answer = ListAgentsResponse(agents=[AgentOverview(endpoint="idle:1"), AGENT])
        result = MemoryCluster.with_master(list_agents=in_turn(answer)).run("top", "-o", "json")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertEqual([row["endpoint"] for row in json.loads(result.stdout)], ["a:1", "idle:1"])

    def test_pods(self) -> None:
        """Those that are somewhere; of whom an agent does not tell, that is said."""
        answer = ShowPodResponse(
            pods=[pod("x_1.0", 1), pod("x_1.1", 2), PodOverview(pod_id="x_1.2")],
            silent_agents=["b:1"],
        )
        cluster = MemoryCluster.with_master(show_pod=in_turn(answer))
        result = cluster.run("top", "-j", "x", "-e", "a:1")
        self.assertEqual(
            cluster.peers["m:1"].asked, [("show_pod", ShowPodRequest(job_id="x", endpoint="a:1"))]
        )
        self.assertEqual(
            [line.split()[0] for line in result.stdout.splitlines()[2:]], ["x_1.1", "x_1.0"]
        )
        self.assertIn("b:1", result.stderr)
