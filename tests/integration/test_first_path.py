"""From a job file to processes in cgroups, on real daemons."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.integration.cluster import ClusterTestCase, alive, fetch, until

SLEEPER: dict[str, Any] = {
    "name": "sample",
    "type": "kLongRun",
    "replica": 2,
    "deploy_step": 3,
    "pod": {
        "version": "1.0.0",
        "namespace_isolation": False,
        "requirement": {"millicores": 200, "memory": "2G", "ports": [8080]},
        "tasks": [
            {
                "binary": "",
                "source_type": "kSourceTypeCommand",
                "start_command": "sleep 1000",
                "stop_command": "",
                "requirement": {"millicores": 200, "memory": "2G"},
            }
        ],
    },
}


def job(name: str, command: str, **changes: Any) -> dict[str, Any]:
    """A job of one small task."""
    requirement = changes.pop("requirement", {"millicores": 100, "memory": "64M"})
    return {
        "name": name,
        "type": "kLongRun",
        "replica": 1,
        "pod": {
            "requirement": requirement,
            "tasks": [
                {
                    "binary": "",
                    "source_type": "kSourceTypeCommand",
                    "start_command": command,
                    "requirement": requirement,
                }
            ],
        },
        **changes,
    }


class TwoAgentsTests(ClusterTestCase):
    """Two agents, one of each other daemon."""

    up_options = ("--agents", "2", "--memory", "4G", "--millicores", "2000")

    async def test_galaxy_2_job(self) -> None:
        """Two replicas that want the same port run on one agent each."""
        job_id = await self.cluster.submit(SLEEPER)
        pods = await self.cluster.running(job_id, 2)
        agents = {agent["endpoint"] for agent in await self.cluster.json("agents")}
        self.assertEqual({pod["endpoint"] for pod in pods}, agents)
        self.assertEqual({tuple(pod["ports"].values()) for pod in pods}, {(8080,)})

    async def test_every_daemon_dies(self) -> None:
        """Agent, gce, master, scheduler killed with -9: `galaxy up` mends all, no task notices."""
        job_id = await self.cluster.submit(SLEEPER)
        await self.cluster.running(job_id, 2)
        before = await self._tasks(job_id)
        for daemon in ("agent-0", "gce-0", "master", "scheduler", "agent-1", "gce-1"):
            await self.cluster.kill(daemon)
            await self.cluster.up()
            await self.cluster.running(job_id, 2)
            self.assertEqual(await self._tasks(job_id), before, f"after {daemon} was killed")
            self.assertEqual([pid for pid in before.values() if not alive(pid)], [])
        tasks = await self.cluster.json("tasks", "-j", job_id)
        self.assertEqual([task["restarts"] for task in tasks], [0, 0])

    async def test_all_at_once(self) -> None:
        """Every daemon killed before any is started again: the same."""
        job_id = await self.cluster.submit(SLEEPER)
        await self.cluster.running(job_id, 2)
        before = await self._tasks(job_id)
        for daemon in ("master", "agent-0", "gce-0", "scheduler", "agent-1", "gce-1"):
            await self.cluster.kill(daemon)
        await self.cluster.up()
        await self.cluster.running(job_id, 2)
        self.assertEqual(await self._tasks(job_id), before)

    async def test_kill_leaves_nothing(self) -> None:
        """A killed job leaves no process, and its name is free again."""
        job_id = await self.cluster.submit(SLEEPER)
        await self.cluster.running(job_id, 2)
        pids = (await self._tasks(job_id)).values()
        await self.cluster.galaxy("kill", "-j", job_id)

        async def gone() -> bool:
            return not any(alive(pid) for pid in pids)

        await until(gone)
        again = await self.cluster.submit(SLEEPER)
        await self.cluster.running(again, 2)

    async def _tasks(self, job_id: str) -> dict[str, int]:
        async def with_pids() -> dict[str, int] | None:
            rows = await self.cluster.json("tasks", "-j", job_id)
            pids = {row["task_id"]: row["pid"] for row in rows if row["pid"]}
            return pids if len(pids) == 2 else None

        pids = await until(with_pids)
        assert pids is not None
        return pids


class LimitsTests(ClusterTestCase):
    """What a task may use is what it was granted."""

    up_options = ("--agents", "1", "--memory", "4G", "--millicores", "2000")

    async def test_memory(self) -> None:
        """A task that eats more memory than its limit is killed, and the evidence says why."""
        eat = "python3 -c 'b = []\nwhile True: b.append(bytearray(1 << 20))'"
        job_id = await self.cluster.submit(job("hog", eat))

        async def killed() -> Any:
            tasks = await self.cluster.json("tasks", "-j", job_id)
            return [task for task in tasks if task["oom_killed"]]

        (task, *_) = await until(killed)
        self.assertIn("used more memory than it was granted", task["reason"])

    async def test_processor(self) -> None:
        """A busy loop with 200 millicores gets a fifth of a core."""
        busy = "while :; do :; done"
        job_id = await self.cluster.submit(
            job("busy", busy, requirement={"millicores": 200, "memory": "64M"})
        )
        await self.cluster.running(job_id, 1)
        (task,) = await self.cluster.json("tasks", "-j", job_id)
        usage = Path("/sys/fs/cgroup/cpuacct") / task["cgroup"].lstrip("/") / "cpuacct.usage"

        def used() -> tuple[float, float]:
            return int(usage.read_text()) / 1e9, time.monotonic()

        first_used, first_time = used()

        async def seconds_later() -> bool:
            return time.monotonic() - first_time >= 4

        await until(seconds_later)
        last_used, last_time = used()
        share = (last_used - first_used) / (last_time - first_time)
        self.assertTrue(0.15 <= share <= 0.25, f"{share:.3f} of a core")


class WebTests(ClusterTestCase):
    """The README's example, as `make up` runs it."""

    up_options = ("--agents", "2")

    async def test_three_copies_answer(self) -> None:
        """Three copies of a real web program, delivered as a package, answer over HTTP."""
        example = Path(__file__).parents[2] / "etc" / "jobs" / "web.json"
        answer = await self.cluster.json("submit", "-f", str(example), "--wait", "--timeout", "120")
        pods = await self.cluster.running(answer["job_id"], 3)
        for pod in pods:
            host = pod["endpoint"].rpartition(":")[0]
            page = await fetch(f"http://{host}:{pod['ports']['http']}/")
            self.assertIn(pod["pod_id"], page)
