"""What tasks of one cluster see of each other, as its users have them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

from tests.integration.cluster import ClusterTestCase, until
from tests.integration.test_first_path import job

# Looks around when it is told to, by a file; says what it saw, and stays.
LOOKS = """
echo mine > secret
until [ -e go ]; do sleep 0.1; done
id -un; uname -n
ls "$HOME/../.."
cd /proc; echo [0-9]*; cd "$HOME"
grep CapBnd /proc/self/status
exec sleep 1000
"""


class ContainmentTests(ClusterTestCase):
    """One agent, as root."""

    if os.geteuid() != 0:
        skip = "only root makes boxes"
    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def test_two_tasks(self) -> None:
        """Each sees itself alone, has no rights, and is where people are told that it is."""
        asked = job("looks", LOOKS, replica=2)
        asked["pod"]["namespace_isolation"] = True
        asked["pod"]["require_isolation"] = True
        job_id = await self.cluster.submit(asked)
        pods = await self.cluster.running(job_id, 2)
        homes = [Path(pod["path"]) / "0" for pod in pods]
        for home in homes:
            await until(self._has(home / "secret"))
            self.assertEqual("galaxy", pwd.getpwuid(home.stat().st_uid).pw_name)
            (home / "go").touch()
        for pod, home in zip(pods, homes, strict=True):
            lines = (await self._said(pod["pod_id"], 5)).splitlines()
            self.assertEqual(["galaxy", pod["pod_id"], home.parent.name], lines[:3])
            self.assertEqual("1 2", lines[3][:3])
            self.assertEqual("CapBnd:\t" + "0" * 16, lines[4])
            said = await self.cluster.galaxy("exec", pod["pod_id"], "--", "cat", "secret")
            self.assertEqual("mine", said.strip())

    async def _said(self, pod_id: str, lines: int) -> str:
        async def all_of_it() -> str:
            text = await self.cluster.galaxy("logs", pod_id)
            return text if text.count("\n") >= lines else ""

        return await until(all_of_it)

    @staticmethod
    def _has(path: Path) -> Any:
        async def is_there() -> bool:
            return path.exists()

        return is_there
