"""What tasks have of disks, and tasks that want more: on a real cluster, with real programs."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path
from typing import Any

from tests.agent.storage.test_unlinked import HEAD, MAPPED, THREAD
from tests.integration.cluster import ClusterTestCase, alive, until
from tests.integration.test_first_path import job

MIB = 1 << 20
SMALL_FILES = "mkdir d; n=0; while :; do n=$((n + 1)); echo x > d/$n; done"
SPARSE_THEN_WRITTEN = (
    "truncate -s 1T big; dd if=/dev/zero of=big bs=1M count=64 conv=notrunc; sleep 1000"
)
RESERVED = "fallocate -l 64M reserved; sleep 1000"
DELETED = "exec 9> gone; rm gone; dd if=/dev/zero bs=1M count=64 >&9; exec sleep 1000"
THREAD_HIDES = shlex.join(
    ["python3", "-c", f"{HEAD}told = tell_when_alone{THREAD}libc.syscall(EXIT, 0)", "gone", "64"]
)
MAPPED_ONLY = shlex.join(["python3", "-c", f"{HEAD}{MAPPED}time.sleep(1000)", "gone", "64"])
HIDDEN = "ln -s . a; d=.; for n in $(seq 250); do mkdir d; cd d; done; sleep 1000"


def bounded(name: str, command: str, **requirement: Any) -> dict[str, Any]:
    """A job of one task whose pod asks for more than the task does."""
    asked = job(name, command)
    asked["pod"]["requirement"] = {"millicores": 100, "memory": "64M", **requirement}
    return asked


class HostileTests(ClusterTestCase):
    """Tasks that would fill the disk."""

    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def given_up(self, job_id: str) -> str:
        """Wait until a pod of a job was given up; why."""

        async def reason() -> str:
            events = await self.cluster.json("events", "-j", job_id)
            reasons = (one["reason"] for one in events if one["kind"] == "pod")
            return next((reason for reason in reasons if "its workspace" in reason), "")

        return await until(reason)

    async def test_fills_the_disk(self) -> None:
        """
        However it is done, it ends with the reason, and nobody else is disturbed.

        What is sparse counts as far as it is written; Galaxy 2 knew no bound at all.
        """
        quiet = await self.cluster.submit(bounded("quiet", "sleep 1000", workspace="1M"))
        await self.cluster.running(quiet, 1)
        (before,) = await self.cluster.json("tasks", "-j", quiet)
        commands = {
            "small": SMALL_FILES,
            "sparse": SPARSE_THEN_WRITTEN,
            "reserved": RESERVED,
        }
        if os.geteuid() == 0:  # whoever is not, cannot see what others have open
            commands |= {"deleted": DELETED, "thread": THREAD_HIDES, "mapped": MAPPED_ONLY}
        ids = [
            await self.cluster.submit(bounded(name, command, workspace="16M"))
            for name, command in commands.items()
        ]
        for job_id in ids:
            reason = await self.given_up(job_id)
            self.assertRegex(reason, r"its workspace holds .+, granted 16\.0 MiB")

        async def stripped() -> bool:
            """Evidence and logs are files."""
            dead = self.cluster.directory / "agent-0/dead"
            there = [path for job_id in ids for path in dead.glob(f"{job_id}.*/*")]
            return bool(there) and all(path.is_file() for path in there)

        await until(stripped)
        shown = await self.cluster.galaxy("show", ids[0])
        self.assertIn("its workspace holds", shown)
        deep = await self.cluster.submit(bounded("hidden", HIDDEN))
        self.assertIn("cannot be measured", await self.given_up(deep))
        (after,) = await self.cluster.json("tasks", "-j", quiet)
        self.assertEqual(after["pid"], before["pid"])


class VolumeTests(ClusterTestCase):
    """Volumes and tmpfs, through restarts of everything."""

    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def _up(self) -> None:
        """Below a directory that others may enter, as /var/lib is."""
        self.cluster.directory.parent.chmod(0o755)
        await super()._up()

    def mounts(self) -> list[str]:
        """What is mounted below the cluster's directory."""
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            points = [line.split()[4] for line in file]
        return [point for point in points if point.startswith(f"{self.cluster.directory}/")]

    async def test_a_pods_own(self) -> None:
        """
        They belong to the tasks, outlive kill -9 of agent and task, and go with the pod.

        Galaxy 2 took disks and forgot them, and mounted tmpfs in one of its two modes.
        """
        command = (
            "echo $$ >> $GALAXY_VOLUME_0/starts; echo $$ >> $GALAXY_TMPFS/starts;"
            " ls -d $GALAXY_VOLUME_0 > where; exec sleep 1000"
        )
        asked = bounded(
            "kept",
            command,
            memory="128M",
            disks=[{"quota": "32M", "path": "/data"}],
            tmpfs={"size": "16M", "path": "/fast"},
        )
        job_id = await self.cluster.submit(asked)
        (pod,) = await self.cluster.running(job_id, 1)
        (agent,) = await self.cluster.json("agents")
        self.assertEqual(agent["disk_assigned_bytes"], 32 * MIB)
        self.assertGreater(agent["disk_total_bytes"], 32 * MIB)
        data = self.cluster.directory / "agent-0"
        (volume,) = data.glob("volumes/*/disk-data")
        fast = Path(pod["path"]) / "tmpfs"

        async def begun() -> int:
            starts = fast / "starts"
            return len(starts.read_text().split()) if starts.exists() else 0

        await until(begun)
        if os.geteuid() == 0:
            self.assertEqual(self.mounts(), [str(fast)])
            status = os.statvfs(fast)
            self.assertEqual(status.f_blocks * status.f_frsize, 16 * MIB)
        (task,) = await self.cluster.json("tasks", "-j", job_id)
        await self.cluster.kill("agent-0")
        await self.cluster.up()
        await self.cluster.running(job_id, 1)
        self.assertTrue(alive(task["pid"]))
        os.kill(task["pid"], 9)

        async def again() -> bool:
            return await begun() == 2

        await until(again)
        self.assertEqual(len((volume / "starts").read_text().split()), 2)
        await self.cluster.galaxy("kill", "-j", job_id)

        async def gone() -> bool:
            return not (volume.exists() or self.mounts())

        await until(gone)
        (agent,) = await self.cluster.json("agents")
        self.assertEqual(agent["disk_assigned_bytes"], 0)

    async def test_down_leaves_no_mount(self) -> None:
        """`galaxy down` unmounts what an agent that is dead cannot."""
        asked = bounded("fast", "sleep 1000", memory="128M", tmpfs={"size": "1M", "path": "/f"})
        await self.cluster.running(await self.cluster.submit(asked), 1)
        await self.cluster.kill("agent-0")
        await self.cluster.down()
        self.assertEqual(self.mounts(), [])

    async def test_no_room(self) -> None:
        """A volume that is larger than every disk waits, and is told of."""
        asked = bounded("large", "sleep 1000", disks=[{"quota": "1P", "path": "/data"}])
        job_id = await self.cluster.submit(asked)

        async def why() -> bool:
            return "lacks disk" in await self.cluster.galaxy("why", job_id)

        await until(why)


class PortTests(ClusterTestCase):
    """Ports that somebody else has."""

    up_options = ("--agents", "1", "--memory", "2G", "--millicores", "2000")

    async def test_taken_by_somebody_else(self) -> None:
        """The pod waits with a reason that names the port, until it is free."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            job_id = await self.cluster.submit(bounded("web", "sleep 1000", ports=[port]))

            async def reason() -> bool:
                (pod,) = await self.cluster.json("pods", "-j", job_id) or [{}]
                return f"port {port}" in pod.get("reason", "")

            await until(reason)
        (pod,) = await self.cluster.running(job_id, 1)
        self.assertEqual(pod["ports"], {str(port): port})
