"""An update as those see it who use what is being updated."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed, readBody

from tests.integration.cluster import ClusterTestCase, reactor, until

REPLICAS, STEP = 20, 3
SERVE = "exec python3 -m http.server --bind 127.0.0.1 $GALAXY_PORT_HTTP"


def web(version: str, command: str) -> dict[str, Any]:
    """Twenty web servers whose health is asked for over HTTP."""
    small = {"millicores": 100, "memory": "64M"}
    return {
        "name": "web",
        "type": "kLongRun",
        "replica": REPLICAS,
        "deploy_step": STEP,
        "update": {"healthy_deadline": 15, "auto_revert": True},
        "pod": {
            "version": version,
            "requirement": {**small, "ports": [{"name": "http", "port": "dynamic"}]},
            "tasks": [
                {
                    "binary": "",
                    "source_type": "kSourceTypeCommand",
                    "start_command": command,
                    "stop_timeout": 1,
                    "requirement": small,
                    "health": {"http": {"port": "http", "path": "/"}, "interval": 0.5},
                }
            ],
        },
    }


class RollingUpdateTests(ClusterTestCase):
    """Requests to the pods themselves, all the time."""

    up_options = ("--agents", "2", "--memory", "4G", "--millicores", "4000")

    async def test_never_too_few(self) -> None:
        """Of 20, updated 3 at a time, 17 always answer; a version that fails reverts by itself."""
        job_id = await self.cluster.submit(web("v1", SERVE))
        pods = await self._at("v1", job_id)
        self.assertEqual(len({(pod["endpoint"], pod["ports"]["http"]) for pod in pods}), REPLICAS)
        watch = Watch([pod["ports"]["http"] for pod in pods])
        watch.start()
        self.addCleanup(watch.stop)

        await self._update(job_id, web("v2", f"true v2; {SERVE}"))
        await self._at("v2", job_id)
        await self._update(job_id, web("v3", "exit 1"))
        await until(lambda: self._reverted(job_id))
        await self._at("v2", job_id)

        await watch.stop()
        self.assertEqual(watch.fewest_but(STEP), [], f"of {len(watch.counts)} rounds")
        self.assertGreater(len(watch.counts), 20)

    async def _update(self, job_id: str, job: dict[str, Any]) -> None:
        path = self.cluster.directory / "update.json"
        path.write_text(json.dumps(job))
        await self.cluster.galaxy("update", "-j", job_id, "-f", str(path))

    async def _at(self, version: str, job_id: str) -> list[dict[str, Any]]:
        """Wait until every pod is healthy at the version."""

        async def there() -> list[dict[str, Any]] | None:
            pods = await self.cluster.json("pods", "-j", job_id)
            good = [pod for pod in pods if pod["healthy"] and pod["version"] == version]
            return good if len(good) == REPLICAS else None

        found = await until(there)
        assert found is not None
        return found

    async def _reverted(self, job_id: str) -> bool:
        events = await self.cluster.json("events", "-j", job_id)
        return any(event["to"] == "kUpdateReverting" for event in events)


class Watch:
    """Asks every port, again and again; counts how many answer in each round."""

    def __init__(self, ports: list[int]) -> None:
        self.counts: list[int] = []
        self._ports = ports
        self._pool = HTTPConnectionPool(reactor, persistent=False)
        self._agent = Agent(reactor, pool=self._pool)
        self._running = True
        self._loop: Deferred[None] = succeed(None)

    def start(self) -> None:
        """Begin."""
        self._loop = Deferred.fromCoroutine(self._run())

    def stop(self) -> Deferred[None]:
        """End after the present round."""
        self._running = False
        return self._loop

    def fewest_but(self, step: int) -> list[int]:
        """The rounds in which more than `step` did not answer."""
        return [count for count in self.counts if count < len(self._ports) - step]

    async def _run(self) -> None:
        while self._running:
            asked = [Deferred.fromCoroutine(self._answers(port)) for port in self._ports]
            self.counts.append(sum(await gatherResults(asked)))

    async def _answers(self, port: int) -> bool:
        try:
            response = await self._agent.request(b"GET", f"http://127.0.0.1:{port}/".encode())
            await readBody(response)
        except (error.ConnectError, error.ConnectionLost, error.TimeoutError, ResponseFailed):
            return False
        return response.code == 200
