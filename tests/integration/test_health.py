"""Health checks by HTTP and by command, of real tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.cluster import ClusterTestCase, alive, until
from tests.integration.test_first_path import job

# Answers 200, or 503 once the file "ill" lies in its workspace.
SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if os.path.exists("ill") else 200)
        self.end_headers()
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["GALAXY_PORT_HTTP"])), Answer).serve_forever()
"""


def checked(name: str, health: dict[str, Any]) -> dict[str, Any]:
    """A job of one small server that is checked."""
    requirement = {
        "millicores": 200,
        "memory": "128M",
        "ports": [{"name": "http", "port": "dynamic"}],
    }
    served = job(name, f"exec python3 -c '{SERVER}'", requirement=requirement)
    task = served["pod"]["tasks"][0]
    task["requirement"] = {"millicores": 200, "memory": "128M"}
    task["health"] = {"interval": 0.5, "timeout": 5, "grace": 60, "failures": 2, **health}
    return served


class HealthTests(ClusterTestCase):
    """One agent."""

    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def test_restarted(self) -> None:
        """A server that answers 503 is started again; the agent's restart changes nothing."""
        job_id = await self.cluster.submit(
            checked("web", {"http": {"port": "http", "path": "/ready"}})
        )

        async def healthy() -> dict[str, Any] | None:
            (pod,) = await self.cluster.json("pods", "-j", job_id) or [{}]
            return pod if pod.get("healthy") else None

        pod = await until(healthy)
        assert pod is not None
        (task,) = await self.cluster.json("tasks", "-j", job_id)
        await self.cluster.kill("agent-0")
        await self.cluster.up()
        await until(healthy)
        self.assertTrue(alive(task["pid"]))

        ill = Path(pod["path"]) / "0" / "ill"
        ill.touch()

        async def ended() -> bool:
            return not alive(task["pid"])

        await until(ended)
        ill.unlink()

        async def again() -> dict[str, Any] | None:
            (now,) = await self.cluster.json("tasks", "-j", job_id)
            return now if now["pid"] and now["pid"] != task["pid"] else None

        started = await until(again)
        assert started is not None
        self.assertGreaterEqual(started["restarts"], 1)
        await until(healthy)

    async def test_command(self) -> None:
        """A check by command runs in the task's workspace, with its rights and environment."""
        command = 'test -n "$GALAXY_PORT_HTTP" && test "$PWD" = "$HOME" && touch checked'
        job_id = await self.cluster.submit(checked("command", {"command": command}))

        async def healthy() -> bool:
            pods = await self.cluster.json("pods", "-j", job_id)
            return any(pod["healthy"] for pod in pods)

        await until(healthy)
        (pod,) = await self.cluster.json("pods", "-j", job_id)
        home = Path(pod["path"]) / "0"
        self.assertEqual((home / "checked").stat().st_uid, home.stat().st_uid)
