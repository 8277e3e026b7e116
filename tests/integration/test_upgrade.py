"""A fleet that gets another release, daemon by daemon, while its pods are in use."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from tests.gce.engines import why_no_cgroups
from tests.integration.cluster import ClusterTestCase, LocalCluster, alive, until
from tests.integration.ensemble import MASTERS, EnsembleTestCase, sleeper
from tests.integration.test_rolling_update import SERVE, Watch, web

REPLICAS = 4
OLD, NEW = "8.1", "8.2"
AGENTS = ("agent-0", "agent-1")


def install(place: Path, version: str) -> None:
    """What daemons that are started from now on find to be installed."""
    described = place / "galaxy-0.dist-info" / "METADATA"
    described.parent.mkdir(parents=True, exist_ok=True)
    described.write_text(f"Metadata-Version: 2.1\nName: galaxy\nVersion: {version}\n")


async def restart(cluster: LocalCluster, daemon: str) -> None:
    """Stop it in good order, and start what is installed."""
    pid = cluster.pid(daemon)
    os.kill(pid, signal.SIGTERM)

    async def gone() -> bool:
        return not alive(pid)

    await until(gone)
    await cluster.up()


class UpgradeTests(ClusterTestCase):
    """The code is the same; what is installed says that it is another release."""

    up_options = ("--agents", "2", "--memory", "2G", "--millicores", "2000")

    async def _up(self) -> None:
        self.installed = Path(self.mktemp()).absolute()
        install(self.installed, OLD)
        self.cluster.environment = {"PYTHONPATH": str(self.installed)}
        await super()._up()

    async def test_nobody_notices(self) -> None:
        """Masters, schedulers, agents, gce: no request fails, no task is begun again."""
        asked = web("v1", SERVE) | {"replica": REPLICAS, "max_per_host": 2, "deploy_step": 0}
        web_id = await self.cluster.submit(asked)
        everywhere = sleeper("everywhere", 1) | {"type": "kSystem"}
        everywhere["pod"]["require_isolation"] = why_no_cgroups() is None
        system_id = await self.cluster.submit(everywhere)
        pods = await self.cluster.running(web_id, REPLICAS)
        await self.cluster.running(system_id, len(AGENTS))
        before = await self.tasks(web_id, system_id)
        watch = Watch([pod["ports"]["http"] for pod in pods])
        await until(lambda: self.healthy(web_id))
        watch.start()
        self.addCleanup(watch.stop)

        install(self.installed, NEW)
        await restart(self.cluster, "master")
        await until(self.whole)
        await restart(self.cluster, "scheduler")
        self.assertEqual(await self.builds(), (NEW, [OLD, OLD]))
        later = await self.cluster.submit(sleeper("later", 1))
        await self.cluster.running(later, 1)
        for daemon in AGENTS:
            await restart(self.cluster, daemon)
            await until(self.whole)
        self.assertEqual(await self.builds(), (NEW, [NEW, NEW]))
        for engine in ("gce-0", "gce-1"):
            os.kill(self.cluster.pid(engine), signal.SIGUSR1)
            await until(partial(self.says, engine, f"gce {NEW} serves"))

        self.assertEqual(await self.tasks(web_id, system_id), before)
        await watch.stop()
        self.assertEqual(watch.fewest_but(0), [], f"of {len(watch.counts)} rounds")
        self.assertGreater(len(watch.counts), 20)

    async def whole(self) -> bool:
        """Whether the master has heard all agents and lacks none."""
        status = await self.cluster.json("status")
        return not status["safe_mode"] and status["agents"]["alive"] == len(AGENTS)

    async def builds(self) -> tuple[str, list[str]]:
        """Which release the master is of, and which the agents are of."""
        status = await self.cluster.json("status")
        return status["build"], [agent["build"] for agent in await self.cluster.json("agents")]

    async def tasks(self, *jobs: str) -> dict[str, Any]:
        """The process of each task of these jobs, and how often it was begun again."""
        rows = [row for job in jobs for row in await self.cluster.json("tasks", "-j", job)]
        return {row["task_id"]: (row["pid"], row["incarnation"], row["restarts"]) for row in rows}

    async def healthy(self, job_id: str) -> bool:
        """Whether all of the job's pods are."""
        return all(pod["healthy"] for pod in await self.cluster.json("pods", "-j", job_id))

    async def says(self, daemon: str, words: str) -> bool:
        """Whether it is in a daemon's log."""
        return words in (self.cluster.directory / "log" / f"{daemon}.log").read_text()


class MastersTests(EnsembleTestCase):
    """Three masters on ZooKeeper, of two releases for a while."""

    agents = 1

    async def _up(self) -> None:
        self.installed = Path(self.mktemp()).absolute()
        install(self.installed, OLD)
        self.cluster.environment = {"PYTHONPATH": str(self.installed)}
        await super()._up()

    async def test_each_of_them_leads(self) -> None:
        """Jobs are taken by whoever does, and tasks keep their processes."""
        web = await self.cluster.submit(sleeper("web", 2), "--wait")
        before = await self.cluster.pids(web)
        install(self.installed, NEW)
        left, led = set(MASTERS), []
        while left:
            standby = min(left - {await self.cluster.leader()})
            left.remove(standby)
            await restart(self.cluster, standby)
            await self.cluster.galaxy("stepdown")
            led.append((await self.cluster.at_ease())["build"])
            late = await self.cluster.submit(sleeper(f"late{len(left)}", 1), "--wait")
            await self.cluster.galaxy("kill", "-j", late)
        self.assertEqual(led, [OLD, NEW, NEW])
        self.assertEqual(await self.cluster.pids(web), before)
