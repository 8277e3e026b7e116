"""What tasks of one cluster see of each other, as its users have them."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.cluster import GALAXY, ClusterTestCase, until
from tests.integration.test_first_path import job

# Looks around when it is told to, by a file; says what it saw, and stays.
LOOKS = """
echo mine > secret
until [ -e go ]; do sleep 0.1; done
id -un; uname -n
ls "$HOME/../.."
cd /proc; echo [0-9]*; cd "$HOME"
grep CapBnd /proc/self/status
echo > /dev/null && ls /dev/pts
exec sleep 1000
"""


# Tries, without a box, what it can do to the processes and at the paths that it is given.
HARMS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pids, paths = sys.argv[1].split(","), sys.argv[2:]
def tries(what, *arguments):
    try:
        if what(*arguments) != -1:
            print("DONE", what, *arguments)
    except OSError:
        pass
for pid in pids:
    for name in ("environ", "mem", "maps", "io", "stack", "fd/0", "fd/1", "auxv", "syscall"):
        tries(lambda path: open(path, "rb").read(1), f"/proc/{pid}/{name}")
    for name in ("clear_refs", "oom_score_adj", "coredump_filter", "comm"):
        tries(lambda path: open(path, "r+"), f"/proc/{pid}/{name}")
    for name in ("cwd", "root", "exe", "ns/mnt", "ns/pid"):
        tries(os.readlink, f"/proc/{pid}/{name}")
    for name in ("cwd", "root", "fd", "task/" + pid + "/cwd", "map_files"):
        tries(os.listdir, f"/proc/{pid}/{name}")
    tries(libc.ptrace, 16, int(pid), 0, 0)
    tries(libc.kill, int(pid), 19)
    tries(libc.kill, int(pid), 9)
    tries(libc.setpriority, 0, int(pid), 19)
for path in paths:
    tries(os.listdir, path)
    tries(lambda path: open(path, "rb"), path)
    tries(os.open, path + "/own", os.O_CREAT | os.O_WRONLY)
open("/proc/%s/status" % pids[0]).read()
print("tried as", os.getuid())
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
            lines = (await self._said(pod["pod_id"], 6)).splitlines()
            self.assertEqual(["galaxy", pod["pod_id"], home.parent.name], lines[:3])
            self.assertEqual("1 2", lines[3][:3])
            self.assertEqual("CapBnd:\t" + "0" * 16, lines[4])
            self.assertEqual(["ptmx"], lines[5:])
            said = await self.cluster.galaxy("exec", pod["pod_id"], "--", "cat", "secret")
            self.assertEqual("mine", said.strip())

    async def test_one_without_a_box(self) -> None:
        """It has another account, and does nothing to those in boxes, nor to the agent's data."""
        victim = job("victim", "echo mine > secret; exec sleep 1000")
        victim["pod"]["tasks"][0]["envs"] = ["SECRET=mine"]
        harms = job("harms", "sleep 1000")
        harms["pod"]["namespace_isolation"] = False
        (boxed,) = await self.cluster.running(await self.cluster.submit(victim), 1)
        (unboxed,) = await self.cluster.running(await self.cluster.submit(harms), 1)
        home = Path(boxed["path"])
        await until(self._has(home / "0" / "secret"))
        # Commands that people run there: one with pipes, whose pid it says, and stays.
        client = subprocess.Popen(
            [GALAXY, "exec", "-i", "victim.0", "--", "sh", "-c", "echo on; cat; exit"],
            env={**os.environ, "GALAXY_CONFIG": str(self.cluster.directory / "galaxy.toml")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert client.stdin is not None
        assert client.stdout is not None
        self.addCleanup(client.stdout.close)
        client.stdout.readline()
        account = pwd.getpwnam("galaxy").pw_uid
        below = f"/{boxed['pod_id']}."
        pids = [
            path.name
            for path in Path("/proc").iterdir()
            if path.name.isdigit()
            and path.stat().st_uid == account
            and below in (path / "cgroup").read_text()
        ]
        self.assertGreaterEqual(len(pids), 2)  # the task, and what people run
        data = home.parent.parent
        hidden = [home, home / "0", home / "0" / "secret", home / "0.tmp"]
        hidden += [data / "exec", data / "store", data / "gce", data / "gce.sock"]
        for path in (home / "0", home / "0.tmp", data / "exec", data / "gce"):
            self.assertEqual(0, path.stat().st_mode & 0o077, path)
        (Path(unboxed["path"]) / "0" / "harms.py").write_text(HARMS)
        said = await self.cluster.galaxy(
            *("exec", "harms.0", "--", "python3", "harms.py", ",".join(pids), *map(str, hidden))
        )
        self.assertEqual(f"tried as {pwd.getpwnam('nobody').pw_uid}\n", said)
        client.communicate(b"still there\n")
        self.assertEqual(0, client.returncode)
        again = await self.cluster.galaxy("exec", "victim.0", "--", "cat", "secret")
        self.assertEqual("mine", again.strip())

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
