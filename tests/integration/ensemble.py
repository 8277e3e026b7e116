"""
Three ZooKeepers for the tests of a run, and clusters of three masters on them.

The ensemble is started when first asked for; each cluster has a chroot of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from attrs import define
from twisted.internet.defer import Deferred

from tests.integration.cluster import ClusterTestCase, LocalCluster, alive, reactor, until
from tests.nexus.zookeeper_server import ZooKeeperServers

SESSION_S = 4.0
MASTERS = ("master", "master-1", "master-2")

_shared: list[ZooKeeperServers] = []


def shared_ensemble() -> ZooKeeperServers:
    """The three servers of this test run."""
    if not _shared:
        directory = Path(tempfile.mkdtemp(prefix="galaxy-ensemble-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        servers = ZooKeeperServers(directory, 3)
        atexit.register(servers.stop)
        _shared.append(servers)
    return _shared[0]


def sleeper(name: str, replica: int, command: str = "exec sleep 100000") -> dict[str, Any]:
    """A job that does nothing for ever."""
    task = {"source_type": "kSourceTypeCommand", "binary": "", "start_command": command}
    return {
        "name": name,
        "type": "kLongRun",
        "replica": replica,
        "pod": {"requirement": {"millicores": 20, "memory": "16M"}, "tasks": [task]},
    }


@define
class SharedCluster(LocalCluster):
    """A cluster of several masters."""

    async def leader(self) -> str:
        """The name of the daemon that leads."""
        status = await self.json("status")
        return self.master_at(status["leader"])

    async def epoch(self) -> int:
        """The number of the present reign."""
        return int((await self.json("status"))["epoch"])

    def master_at(self, endpoint: str) -> str:
        """The name of the master that listens there."""
        for name in MASTERS:
            arguments = Path(f"/proc/{self.pid(name)}/cmdline").read_text().split("\0")
            if endpoint in arguments:
                return name
        raise AssertionError(f"no master listens at {endpoint}")

    async def pids(self, job_id: str) -> dict[str, int]:
        """The process of each task."""
        return {task["task_id"]: task["pid"] for task in await self.json("tasks", "-j", job_id)}

    async def attempts(self, job_id: str) -> dict[str, tuple[int, int]]:
        """The incarnation of each pod, and how often its tasks were restarted."""
        pods = await self.json("pods", "-j", job_id)
        return {pod["pod_id"]: (pod["incarnation"], pod["restarts"]) for pod in pods}

    async def at_ease(self) -> dict[str, Any]:
        """Wait until the picture is whole; the status then."""

        async def whole() -> dict[str, Any] | None:
            status = await self.json("status")
            return None if status["safe_mode"] or status["doubt"] else status

        found = await until(whole)
        assert found is not None
        return found

    def signal(self, daemon: str, number: signal.Signals) -> None:
        """Send a signal to a daemon."""
        os.kill(self.pid(daemon), number)


class Stopwatch:
    """How long it is since it was made."""

    def __init__(self) -> None:
        self._begun = reactor.seconds()

    @property
    def seconds(self) -> float:
        """Since then."""
        return float(reactor.seconds() - self._begun)


class EnsembleTestCase(ClusterTestCase):
    """A cluster of three masters and three agents on the shared ensemble."""

    agents = 3

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """Bring the cluster up."""
        self.ensemble = shared_ensemble()
        self.nexus = self.ensemble.url(f"t{uuid4().hex[:8]}", SESSION_S)
        self.cluster: SharedCluster = SharedCluster(Path(self.mktemp()).absolute())
        self.addCleanup(lambda: Deferred.fromCoroutine(self._down()))
        return Deferred.fromCoroutine(self._up())

    async def _up(self) -> None:
        await self.cluster.up(
            *("--nexus", self.nexus, "--masters", "3", "--agents", str(self.agents))
        )

    async def _down(self) -> None:
        for name in MASTERS:  # one that is stopped does not hear of its end
            if alive(self.cluster.pid(name)):
                self.cluster.signal(name, signal.SIGCONT)
        await super()._down()

    def assertUntouched(self, before: dict[str, int]) -> None:
        """Every process that ran then runs now."""
        gone = {task: pid for task, pid in before.items() if not alive(pid)}
        self.assertEqual(gone, {})
