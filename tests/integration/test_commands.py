"""What people do with jobs and machines, typed as they would, on real daemons."""

from __future__ import annotations

from tests.integration.cluster import ClusterTestCase, until
from tests.integration.test_first_path import job


class CommandTests(ClusterTestCase):
    """Two agents."""

    up_options = ("--agents", "2", "--memory", "4G", "--millicores", "2000")

    async def test_why_a_label_keeps_a_pod_waiting(self) -> None:
        """`why` names the label; once an agent carries it, the pod runs there and nowhere else."""
        first, _ = sorted(row["endpoint"] for row in await self.cluster.json("agents"))
        job_id = await self.cluster.submit(job("store", "sleep 1000", labels="ssd"))

        async def explained() -> bool:
            return "ssd" in str(await self.cluster.json("why", "store.0"))

        await until(explained)
        why = await self.cluster.json("why", "store")
        self.assertEqual((why["job_id"], why["agents"]), (job_id, 2))
        self.assertIn({"constraint": "label ssd", "agents": 2}, why["obstacles"])
        self.assertIn("ssd", why["sentence"])
        await self.cluster.galaxy("label", "-l", "ssd", "-e", first)
        (pod,) = await self.cluster.running(job_id, 1)
        self.assertEqual(pod["endpoint"], first)
        labels = {row["endpoint"]: row["labels"] for row in await self.cluster.json("agents")}
        self.assertEqual([endpoint for endpoint in labels if labels[endpoint]], [first])
        (task,) = await self.cluster.json("tasks", "-p", "store.0")
        self.assertEqual(task["pod_id"], pod["pod_id"])

    async def test_safe_mode_by_hand(self) -> None:
        """Nothing starts in safe mode, and everything that waited does after it."""
        await self.cluster.galaxy("enter", "safemode")
        self.assertTrue((await self.cluster.json("status"))["safe_mode"])
        job_id = await self.cluster.submit(job("patient", "sleep 1000"))
        self.assertIn("safe mode", (await self.cluster.json("why", "patient"))["sentence"])
        await self.cluster.galaxy("leave", "safemode")
        await self.cluster.running(job_id, 1)
