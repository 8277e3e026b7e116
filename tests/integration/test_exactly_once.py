"""A batch whose masters, schedulers and agents are killed at random moments."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.integration.cluster import ClusterTestCase
from tests.integration.test_first_path import job

INDEXES = 500
DAEMONS = ("master", "scheduler", "agent-0", "agent-1")


class ExactlyOnceTests(ClusterTestCase):
    """500 indexes on two agents; the tasks themselves write down that they ran."""

    up_options = ("--agents", "2", "--memory", "4G", "--millicores", "4000")

    async def test_random_kills(self) -> None:
        """Each index has its effect exactly once, whoever of the daemons dies whenever."""
        # Not below the cluster's directory, which tasks cannot look into.
        place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, place)
        place.chmod(0o755)
        effects = place / "effects"
        effects.touch()
        effects.chmod(0o666)
        await self._settle(place)
        job_id = await self.cluster.submit(
            job(
                "count",
                f"echo $GALAXY_POD_INDEX >> {effects}; sleep 0.8",
                type="kBatch",
                replica=INDEXES,
                deploy_step=25,
                requirement={"millicores": 20, "memory": "16M"},
            )
        )
        seed = random.randrange(1 << 30)
        rng = random.Random(seed)
        kills = 0
        while (overview := await self._overview(job_id))["state"] == "kJobNormal":
            await self.cluster.kill(rng.choice(DAEMONS))
            kills += 1
            await self.cluster.up()
        self.assertEqual(
            (overview["state"], overview["finished"]), ("kJobFinished", INDEXES), f"seed {seed}"
        )
        counted = Counter(int(line) for line in effects.read_text().split())
        wrong = {index: counted[index] for index in range(INDEXES) if counted[index] != 1}
        self.assertEqual(wrong, {}, f"seed {seed}")
        self.assertGreater(kills, 5, "the batch was over too soon to prove anything")

    async def _settle(self, place: Path) -> None:
        """
        Agents come back within seconds; on a slow machine that must not count as death.

        And tasks in boxes may write to the place.
        """
        settings = self.cluster.directory / "galaxy.toml"
        text = settings.read_text()
        self.assertIn("[master]\n", text)
        text = text.replace("[master]\n", "[master]\nagent_timeout_s = 60.0\n")
        settings.write_text(f'{text}\n[agent]\nwritable_dirs = ["{place}"]\n')
        for daemon in ("master", "agent-0", "agent-1"):
            await self.cluster.kill(daemon)
        await self.cluster.up()

    async def _overview(self, job_id: str) -> Any:
        (overview,) = [row for row in await self.cluster.json("jobs") if row["job_id"] == job_id]
        return overview
