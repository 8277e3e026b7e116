"""What tasks wrote, and how they ended, while they run and when they are gone."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.integration.cluster import GALAXY, ClusterTestCase, alive, run, until
from tests.integration.test_first_path import job

# Index 0 is done at once, index 1 fails, twice; each attempt tells how often it was begun.
BATCH = """
echo a >> begun; echo "this is $GALAXY_POD_INDEX, attempt $(wc -l < begun)"
test "$GALAXY_POD_INDEX" = 0 && exit 0
for line in $(seq 30); do echo "trouble $line" >&2; done
exit 3
"""
COUNTER = """
exec python3 -u -c '
import itertools, time
for number in itertools.count():
    print(number)
    time.sleep(0.02)
'"""


class LogsTests(ClusterTestCase):
    """One agent."""

    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def logs(self, *arguments: str) -> list[str]:
        """The lines of `galaxy logs`."""
        return (await self.cluster.galaxy("logs", *arguments)).splitlines()

    async def agent_restarts(self) -> None:
        """kill -9, and another."""
        await self.cluster.kill("agent-0")
        await self.cluster.up()

        async def there() -> bool:
            return all(row["state"] == "kAlive" for row in await self.cluster.json("agents"))

        await until(there)

    async def test_what_has_ended(self) -> None:
        """A batch fails; its logs and its end are told until they are collected."""
        job_id = await self.cluster.submit(job("batch", BATCH, type="kBatch", replica=2, retries=1))

        async def over() -> bool:
            row = await self.cluster.json("show", job_id)
            return row["state"] == "kJobFailed" and not row["pods"]

        await until(over)
        await self.assert_all_is_told(job_id, "batch")
        await self.agent_restarts()
        await self.assert_all_is_told(job_id, "batch")
        shown = await self.cluster.galaxy("show", "batch")
        self.assertRegex(shown, rf"last failure: {job_id}\.1\.0 on .*: exit 3\n  trouble 11\n")
        events = await self.cluster.json("events", "-j", job_id)
        failed = [event for event in events if event["to"] == "kTaskError"]
        self.assertEqual([event["said"][-1] for event in failed], ["trouble 30"])

        await self.cluster.galaxy("kill", "-j", job_id)

        async def forgotten() -> bool:
            return not await self.cluster.json("jobs")

        await until(forgotten)
        await self.assert_all_is_told(job_id, "batch")

        with (self.cluster.directory / "galaxy.toml").open("a") as settings:
            settings.write("\n[agent]\ndead_keep_s = 1.0\n")
        await self.agent_restarts()

        async def collected() -> bool:
            config = str(self.cluster.directory / "galaxy.toml")
            return (await run(GALAXY, "logs", job_id, env={"GALAXY_CONFIG": config})).status == 5

        await until(collected)
        data = self.cluster.directory / "agent-0"
        self.assertEqual(os.listdir(data / "dead"), [])

    async def assert_all_is_told(self, job_id: str, word: str) -> None:
        """What index 0 and both attempts of index 1 wrote, and how they ended."""
        self.assertEqual(
            await self.logs(word),
            [
                f"{job_id}.0 this is 0, attempt 1",
                f"{job_id}.1 this is 1, attempt 1",
                f"{job_id}.1 this is 1, attempt 2",
            ],
        )
        trouble = [f"trouble {number}" for number in range(1, 31)]
        self.assertEqual(await self.logs("--stderr", f"{word}.1"), trouble * 2)
        self.assertEqual(await self.logs("--previous", f"{word}.1"), ["this is 1, attempt 1"])
        self.assertEqual(await self.logs("--stderr", "--tail", "2", f"{word}.1"), trouble[-2:])
        ended = await self.cluster.json("tasks", "-j", word, "--dead")
        self.assertEqual([task["exit_code"] for task in ended], [0, 3])
        self.assertEqual([task["said"] for task in ended], [[], trouble[-20:]])

    async def test_follow(self) -> None:
        """Through restarts of the task, and of the agent, and to the end; nothing twice."""
        job_id = await self.cluster.submit(job("count", COUNTER))
        await self.cluster.running(job_id, 1)
        config = str(self.cluster.directory / "galaxy.toml")
        following: Deferred[Any] = Deferred.fromCoroutine(
            run(GALAXY, "logs", "-f", "count", env={"GALAXY_CONFIG": config})
        )
        await self.agent_restarts()
        (before,) = await self.cluster.json("tasks", "-j", job_id)
        os.kill(before["pid"], 9)

        async def again() -> bool:
            (task,) = await self.cluster.json("tasks", "-j", job_id)
            written = await self.logs("--tail", "1", "count")
            return task["restarts"] == 1 and bool(task["pid"] and written)

        await until(again)
        await self.cluster.galaxy("kill", "-j", job_id)
        ended = await following
        self.assertEqual(ended.status, 0, ended.err)
        numbers = [int(line) for line in ended.out.splitlines()]
        second = numbers.index(0, 1)
        self.assertEqual(numbers[:second], list(range(second)))
        self.assertEqual(numbers[second:], list(range(len(numbers) - second)))
        self.assertIn("asking again", ended.err)

    async def test_bounded(self) -> None:
        """A task that writes without end keeps its latest output, and runs on."""
        flood = job("flood", "exec seq 1 100000000000")
        flood["pod"]["tasks"][0]["log_size"] = "1M"
        job_id = await self.cluster.submit(flood)
        await self.cluster.running(job_id, 1)
        (task,) = await self.cluster.json("tasks", "-j", job_id)
        (pod,) = await self.cluster.json("pods", "-j", job_id)
        log = Path(pod["path"]) / f"0.{pod['incarnation']}.main.0.stdout"

        async def large() -> bool:
            return log.stat().st_size > 64 << 20

        await until(large)
        os.kill(task["pid"], 19)  # it pauses, so that there is something to compare

        async def bounded() -> bool:
            return log.stat().st_blocks * 512 <= 2 << 20

        await until(bounded)
        self.assertTrue(alive(task["pid"]))
        *whole, _last = await self.logs("flood")
        first = int(whole[0])
        self.assertEqual([int(line) for line in whole], list(range(first, first + len(whole))))
        self.assertGreater(len("\n".join(whole)), (1 << 20) - (256 << 10))
        os.kill(task["pid"], 18)
        self.assertRegex((await self.logs("--tail", "1", "flood"))[0], re.compile(r"\d+"))
