"""What people do with jobs and machines, typed as they would, on real daemons."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.cluster import ClusterTestCase, until
from tests.integration.test_first_path import job


class CommandTests(ClusterTestCase):
    """Stories that need no cluster of their own: each leaves two agents that take pods."""

    up_options = ("--agents", "2", "--memory", "4G", "--millicores", "2000")

    async def test_stories(self) -> None:
        """Each of them, on one cluster."""
        for story in (
            self.why_a_label_keeps_a_pod_waiting,
            self.safe_mode_by_hand,
            self.scale_suspend_resume,
            self.update_and_back,
            self.a_machine_is_emptied_and_comes_back,
            self.plan_tells_beforehand,
            self.what_happened_is_told,
        ):
            await story()

    async def why_a_label_keeps_a_pod_waiting(self) -> None:
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

    async def safe_mode_by_hand(self) -> None:
        """Nothing starts in safe mode, and everything that waited does after it."""
        await self.cluster.galaxy("enter", "safemode")
        self.assertTrue((await self.cluster.json("status"))["safe_mode"])
        job_id = await self.cluster.submit(job("patient", "sleep 1000"))
        self.assertIn("safe mode", (await self.cluster.json("why", "patient"))["sentence"])
        await self.cluster.galaxy("leave", "safemode")
        await self.cluster.running(job_id, 1)

    async def scale_suspend_resume(self) -> None:
        """More, fewer, none, and as many again; none is in need of a new submission."""
        job_id = await self.cluster.submit(job("elastic", "sleep 1000"))
        await self.cluster.running(job_id, 1)
        await self.cluster.galaxy("scale", "elastic", "3")
        await self.cluster.running(job_id, 3)
        await self.cluster.galaxy("scale", "elastic", "2")
        await self._settled(job_id, replica=2, running=2, pods=2)
        await self.cluster.galaxy("suspend", "elastic")
        await self._settled(job_id, state="kJobSuspended", running=0, death=0)
        await self.cluster.galaxy("resume", "elastic")
        await self._settled(job_id, state="kJobNormal", replica=2, running=2, healthy=2)

    async def update_and_back(self) -> None:
        """A new version stops at its breakpoint, goes on, and goes back to the one before."""
        good = job("app", "sleep 1000", replica=3, deploy_step=1, update={"min_healthy": 0.1})
        good["pod"]["version"] = "1"
        job_id = await self.cluster.submit(good)
        await self._settled(job_id, version="1", healthy=3)
        path = self.cluster.directory / "app.json"
        text = path.read_text()
        path.write_text(text.replace('"version": "1"', '"version": "2"').replace("1000", "2000"))
        await self.cluster.galaxy("update", "-j", "app", "-f", str(path), "--breakpoint", "1")
        await self._settled(job_id, update_state="kUpdateSuspend", updated=1, healthy=3)
        await self.cluster.galaxy("update", "-j", "app", "--continue")
        await self._settled(job_id, version="2", update_state="kUpdateNone", healthy=3, updated=3)
        await self.cluster.galaxy("update", "-j", "app", "--rollback")
        await self._settled(job_id, version="1", update_state="kUpdateNone", healthy=3, updated=3)
        commands = {task["command"] for task in await self.cluster.json("tasks", "-j", "app")}
        self.assertEqual(commands, {"sleep 1000"})
        # The same version with another body.
        path.write_text(text.replace("1000", "3000"))
        await self.cluster.galaxy("update", "-j", "app", "-f", str(path), expect=4)

    async def a_machine_is_emptied_and_comes_back(self) -> None:
        """`offline --wait` ends when nothing is left there, and what was there runs elsewhere."""
        job_id = await self.cluster.submit(job("mobile", "sleep 1000"))
        (pod,) = await self.cluster.running(job_id, 1)
        agent = pod["endpoint"]
        await self.cluster.galaxy("offline", "-e", agent, "--wait")
        (moved,) = await self.cluster.running(job_id, 1)
        self.assertNotEqual(moved["endpoint"], agent)
        states = {row["endpoint"]: row["state"] for row in await self.cluster.json("agents")}
        self.assertEqual((states[agent], states[moved["endpoint"]]), ("kOffline", "kAlive"))
        await self.cluster.galaxy("online", "-e", agent)
        states = {row["endpoint"]: row["state"] for row in await self.cluster.json("agents")}
        self.assertEqual(states[agent], "kAlive")
        (task,) = await self.cluster.json("tasks", "-j", job_id)
        self.assertEqual(task["restarts"], 0)

    async def plan_tells_beforehand(self) -> None:
        """A new job is a change, the same file none, another number of pods one again."""
        path = self.cluster.directory / "planned.json"
        path.write_text(json.dumps(job("planned", "sleep 1000")))
        await self.cluster.galaxy("plan", "-f", str(path), expect=1)
        await self.cluster.galaxy("submit", "-f", str(path), "--wait")
        said = await self.cluster.galaxy("plan", "-f", str(path), expect=0)
        self.assertIn("No change", said)
        path.write_text(json.dumps(job("planned", "sleep 1000", replica=3)))
        plan = json.loads(
            await self.cluster.galaxy("plan", "-f", str(path), "-o", "json", expect=1)
        )
        self.assertEqual(plan["differences"], [{"path": "replica", "before": "1", "after": "3"}])
        self.assertEqual(sum(each["count"] for each in plan["placements"]), 2)

    async def what_happened_is_told(self) -> None:
        """Each change of a job and its pods, with its reason, and who did it."""
        job_id = await self.cluster.submit(job("told", "sleep 1000", replica=2), "--wait")
        await self.cluster.galaxy("scale", "told", "1")
        await self._settled(job_id, replica=1, pods=1)
        events = await self.cluster.json("events", "-j", "told")
        self.assertEqual({event["job_id"] for event in events}, {job_id})
        placed = [each["pod_id"] for each in events if each["to"] == "kStageRunning"]
        self.assertEqual(sorted(placed), [f"{job_id}.0", f"{job_id}.1"])
        (removed,) = [each for each in events if each["to"] == "kStageRemoved"]
        self.assertIn("wants 1", removed["reason"])
        self.assertEqual(
            await self.cluster.json("events", "-p", removed["pod_id"]),
            [event for event in events if event["pod_id"] == removed["pod_id"]],
        )
        shown = await self.cluster.json("show", "told")
        self.assertEqual(shown["events"][: len(events)], events)
        agents = await self.cluster.json("events", "-e", removed["endpoint"])
        self.assertIn("agent", {event["kind"] for event in agents})
        late = await self.cluster.json("events", "--since", str(removed["time"]))
        self.assertEqual(late[0]["time"], removed["time"])

    async def _settled(self, job_id: str, pods: int | None = None, **wanted: Any) -> None:
        """Wait until the job's row says so; `pods` is how many there are at all."""

        async def settled() -> bool:
            row = await self.cluster.json("show", job_id)
            same = all(row[name] == value for name, value in wanted.items())
            return same and pods in {None, len(row["pods"])}

        await until(settled)
