"""Commands in running tasks, and files of pods, as people meet them: real daemons, terminals."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.threads import deferToThread

from tests.integration.cluster import GALAXY, PATIENCE_S, ClusterTestCase, alive, until
from tests.integration.test_first_path import job

# Children that hide: one in the background, one in a session of its own that ignores SIGTERM.
HIDES = """
sleep 1000 & echo $!
setsid sh -c 'trap "" TERM HUP; echo $$; while :; do sleep 1000; done' & wait
"""


@define
class Screen:
    """A terminal at which somebody has typed `galaxy ...`."""

    client: subprocess.Popen[bytes]
    master: int
    device: int
    before: list[Any]
    shown: bytes = field(default=b"", init=False)

    @classmethod
    def with_galaxy(cls, config: Path, *arguments: str) -> Screen:
        """Type it, on 30 rows of 100 columns."""
        master, device = os.openpty()
        before = termios.tcgetattr(device)
        fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
        client = subprocess.Popen(
            [GALAXY, *arguments],
            env={**os.environ, "GALAXY_CONFIG": str(config), "TERM": "vt100"},
            stdin=device,
            stdout=device,
            stderr=device,
            start_new_session=True,
        )
        return cls(client, master, device, before)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def resize(self, rows: int, columns: int) -> None:
        """Drag the corner: what the terminal does then."""
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.client.send_signal(signal.SIGWINCH)

    def until(self, pattern: str) -> str:
        """Look until something is shown that was not looked at before; it."""
        by = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern.encode(), self.shown)) is None:
            if not select.select([self.master], [], [], max(0.0, by - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} does not come: {self.shown!r}")
            self.shown += os.read(self.master, 65536)
        self.shown = self.shown[found.end() :]
        return found[0].decode()

    def leave(self) -> tuple[int, bool]:
        """The client's exit code, and whether the terminal is as it was before."""
        code = self.client.wait(PATIENCE_S)
        restored = termios.tcgetattr(self.device) == self.before
        os.close(self.master)
        os.close(self.device)
        return code, restored


class ExecTests(ClusterTestCase):
    """Stories on one cluster, with one pod of two tasks."""

    up_options = ("--memory", "4G", "--millicores", "2000")

    async def test_stories(self) -> None:
        """Each of them."""
        wanted = job("app", "sleep 100000", requirement={"millicores": 500, "memory": "256M"})
        wanted["pod"]["requirement"] = {"millicores": 1000, "memory": "512M"}
        task = wanted["pod"]["tasks"][0]
        wanted["pod"]["tasks"] = [
            task | {"envs": ["NAME=first"]},
            task | {"envs": ["NAME=second"]},
        ]
        self.job_id = await self.cluster.submit(wanted, "--wait")
        (self.pod,) = await self.cluster.running(self.job_id, 1)
        self.pids = await self._pids()
        for story in (
            self.codes,
            self.where_it_is,
            self.bytes_are_not_touched,
            self.a_reader_that_does_not_read,
            self.whoever_goes_takes_the_command_along,
            self.a_terminal,
            self.terminals_are_put_back,
            self.several_at_once,
            self.what_happened_is_told,
            self.files,
            self.the_agent_dies,
        ):
            await story()
            self.assertEqual(await self._pids(), self.pids, story.__name__)
        await self.files_of_the_dead()

    async def codes(self) -> None:
        """The command's own; what cannot be run has the codes that shells give it."""
        for code, *command in (
            (0, "true"),
            (7, "sh", "-c", "exit 7"),
            (143, "sh", "-c", "kill -TERM $$"),
            (127, "no-such-command"),
            (126, "/etc/passwd"),
        ):
            await self.cluster.galaxy("exec", "app.0", "--", *command, expect=code)
        await self.cluster.galaxy("exec", "app.0", "9", "--", "true", expect=5)
        await self.cluster.galaxy("exec", "app.9", "--", "true", expect=5)

    async def where_it_is(self) -> None:
        """With the host name, user, namespaces, groups, limits and environment of its task."""
        for number, name in ((0, "first"), (1, "second")):
            looks = """
                echo $NAME $GALAXY_TASK_ID $HOME $PWD; cat /proc/self/cgroup
                id -u; ulimit -n; grep -E '^(CapBnd|NoNewPrivs|Groups)' /proc/self/status
            """
            out = await self.cluster.galaxy("exec", "app.0", str(number), "--", "sh", "-c", looks)
            said, *rest = out.splitlines()
            workspace = f"{self.pod['path']}/{number}"
            self.assertEqual(
                said.split(), [name, f"{self.pod['pod_id']}.{number}", workspace, workspace]
            )
            task = Path(f"/proc/{self.pids[number]}")
            self.assertEqual(rest[:-5], (task / "cgroup").read_text().splitlines())
            status = (task / "status").read_text()
            self.assertEqual(rest[-5], str(task.stat().st_uid))
            for line in rest[-3:]:
                self.assertIn(line, status)
            kinds = ("pid", "mnt", "uts", "ipc", "net")
            held = await self.cluster.galaxy(
                *("exec", "app.0", str(number), "--"),
                *("readlink", *(f"/proc/self/ns/{kind}" for kind in kinds)),
            )
            self.assertEqual(held.split(), [os.readlink(task / "ns" / kind) for kind in kinds])

    async def bytes_are_not_touched(self) -> None:
        """8 MB there and back, as they are, to the end; stderr apart."""
        data = os.urandom(8 << 20)
        out, err, code = await self._finished("exec", "-i", "app.0", "--", "cat", typed=data)
        self.assertEqual((code, err), (0, b""))
        self.assertTrue(out == data)
        out, err, code = await self._finished(
            "exec", "app.0", "--", "sh", "-c", "echo o; echo e >&2"
        )
        self.assertEqual((out, err, code), (b"o\n", b"e\n", 0))
        out, _, code = await self._finished(
            "exec", "-i", "app.0", "--", "head", "-c", "5", typed=data
        )
        self.assertEqual((out, code), (data[:5], 0))
        out, _, _ = await self._finished("exec", "app.0", "--", "cat", typed=b"not for it")
        self.assertEqual(out, b"")

    async def a_reader_that_does_not_read(self) -> None:
        """The command waits; neither the agent nor the client holds what is not read."""
        client = self._start("exec", "app.0", "--", "yes")
        assert client.stdout is not None
        client.stdout.read(1)
        agent, before = self.cluster.pid("agent-0"), _memory(self.cluster.pid("agent-0"))

        async def rests() -> bool:
            """No more is read or written by either."""
            first = _written(agent), _written(client.pid)
            await deferToThread(time.sleep, 0.5)
            return first == (_written(agent), _written(client.pid))

        await until(rests)
        self.assertLess(_memory(agent) - before, 40 << 20)
        self.assertLess(_memory(client.pid), 120 << 20)
        client.stdout.close()
        # It learns so when it writes the next time, and leaves as others do.
        self.assertEqual(await deferToThread(client.wait, PATIENCE_S), 141)

    async def whoever_goes_takes_the_command_along(self) -> None:
        """kill -9 of the client: the command and all that it began are dead within moments."""
        before = await self._living(0)
        client = self._start("exec", "app.0", "--", "sh", "-c", HIDES)
        assert client.stdout is not None
        client.stdout.readline()
        client.stdout.readline()
        self.assertGreaterEqual(len(await self._living(0) - before), 3)
        client.kill()
        client.wait()
        client.stdout.close()

        async def gone() -> bool:
            return not await self._living(0) - before

        await until(gone)

    async def a_terminal(self) -> None:
        """It has a size, and follows it; Ctrl-C is the command's; TERM is known."""

        def story() -> None:
            screen = self._screen("attach", "app.0")
            screen.type(b"PS1='$ '; stty size; echo $TERM; test -c $(tty) && echo a-t''ty\n")
            screen.until("30 100")
            screen.until("vt100")
            screen.until("a-tty")
            waits = b"trap 'stty size' WINCH; echo wai''ting; while :; do sleep 0.1; done"
            screen.type(b'sh -c "' + waits + b'"\n')
            screen.until("waiting")
            screen.resize(50, 132)
            screen.until("50 132")
            screen.type(b"\x03")
            screen.type(b"echo inter''rupted\n")
            screen.until("interrupted")
            screen.type(b"exit 9\n")
            self.assertEqual(screen.leave(), (9, True))

        await deferToThread(story)

    async def terminals_are_put_back(self) -> None:
        """After Ctrl-C without a terminal there, after SIGTERM here, after a refusal."""

        def story() -> None:
            screen = self._screen("exec", "app.0", "--", "sh", "-c", "echo ready; sleep 1000")
            screen.until("ready")
            screen.client.send_signal(signal.SIGINT)
            self.assertEqual(screen.leave(), (130, True))
            screen = self._screen("attach", "app.0")
            screen.type(b"echo re''ady\n")
            screen.until("ready")
            screen.client.send_signal(signal.SIGTERM)
            self.assertEqual(screen.leave(), (143, True))
            self.assertEqual(self._screen("attach", "app.0", "9").leave(), (5, True))

        await deferToThread(story)

    async def several_at_once(self) -> None:
        """Galaxy 2's attach had one key for all: a second one got no shell."""

        def story() -> None:
            screens = [self._screen("attach", "app.0") for _ in range(3)]
            for number, screen in enumerate(screens):
                screen.type(f"echo shell''-{number}\n".encode())
            for number, screen in enumerate(screens):
                screen.until(f"shell-{number}")
                screen.type(b"\x04")
                self.assertEqual(screen.leave(), (0, True))

        await deferToThread(story)

    async def what_happened_is_told(self) -> None:
        """Who, what, and how it ended; not the arguments."""
        await self.cluster.galaxy(
            "exec", "app.0", "1", "--", "sh", "-c", ": s3cret; exit 3", expect=3
        )

        async def told() -> list[str]:
            rows = await self.cluster.json("events", "-j", "app")
            mine = [row for row in rows if row["task_id"].endswith(".1")]
            said = [row["reason"] for row in mine if "@" in row["actor"]]
            return said if said and "exited with 3" in said[-1] else []

        said = await until(told)
        self.assertEqual(
            said[-2:],
            ["'sh' with 2 arguments was begun in it", "'sh' with 2 arguments exited with 3"],
        )
        self.assertNotIn("s3cret", await self.cluster.galaxy("events", "-j", "app"))

    async def files(self) -> None:
        """What a task wrote is seen; nothing outside is, whatever it links to."""
        makes = "echo hello > page; ln -s page same; ln -s /etc/passwd out; mkfifo pipe; mkdir d"
        await self.cluster.galaxy("exec", "app.0", "--", "sh", "-c", makes)
        rows = {row["name"]: row for row in await self.cluster.json("fs", "ls", "app.0", "0")}
        kinds = {name: rows[name]["kind"] for name in ("page", "same", "out", "pipe", "d")}
        self.assertEqual(
            kinds,
            {"page": "file", "same": "link", "out": "link", "pipe": "other", "d": "directory"},
        )
        for path in ("0/page", "0/same", f"{self.pod['path']}/0/page"):
            self.assertEqual(await self.cluster.galaxy("fs", "cat", "app.0", path), "hello\n")
        for path, code in (
            ("0/out", 6),
            ("../../store/CURRENT", 6),
            ("/etc/passwd", 6),
            ("0/pipe", 4),
            ("0/absent", 5),
        ):
            await self.cluster.galaxy("fs", "cat", "app.0", path, expect=code)

    async def the_agent_dies(self) -> None:
        """The session is over and says so; the next agent ends the command, and no task."""
        before = await self._living(0)
        client = self._start("exec", "app.0", "--", "sh", "-c", HIDES)
        assert client.stdout is not None
        client.stdout.readline()
        client.stdout.readline()
        await self.cluster.kill("agent-0")
        _, err = await deferToThread(client.communicate)
        self.assertEqual(client.returncode, 1)
        self.assertIn(b"is over", err)
        await self.cluster.galaxy("exec", "app.0", "--", "true", expect=7)
        await self.cluster.up()

        async def gone() -> bool:
            return not await self._living(0) - before

        await until(gone)
        await self.cluster.galaxy("exec", "app.0", "--", "true")

    async def files_of_the_dead(self) -> None:
        """A pod that is gone can be looked into, as long as it is kept."""
        await self.cluster.galaxy("kill", "-j", "app")
        agent, pod = self.pod["endpoint"], self.pod["pod_id"]

        async def gone() -> bool:
            return not await self._living(0)

        await until(gone)
        for words in (("-e", agent, pod), ("app.0",)):
            said = await self.cluster.galaxy("fs", "cat", *words, "0/page")
            self.assertEqual(said, "hello\n")
        _, _, code = await self._finished("exec", "app.0", "--", "true")
        self.assertIn(code, (4, 5))

    def _screen(self, *arguments: str) -> Screen:
        return Screen.with_galaxy(self.cluster.directory / "galaxy.toml", *arguments)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        config = str(self.cluster.directory / "galaxy.toml")
        return subprocess.Popen(
            [GALAXY, *arguments],
            env={**os.environ, "GALAXY_CONFIG": config},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    async def _finished(self, *arguments: str, typed: bytes = b"") -> tuple[bytes, bytes, int]:
        client = self._start(*arguments)
        out, err = await deferToThread(client.communicate, typed)
        return out, err, client.returncode

    async def _pids(self) -> list[int]:
        tasks = await self.cluster.json("tasks", "-p", "app.0")
        self.assertEqual({task["restarts"] for task in tasks}, {0})
        return [task["pid"] for task in tasks]

    async def _living(self, number: int) -> set[int]:
        """The processes of a task and all that was begun in it."""
        workspace = f"{self.pod['path']}/{number}"
        found = set()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == workspace:
                    found.add(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return {pid for pid in found if alive(pid)}


def _memory(pid: int) -> int:
    """Bytes that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _written(pid: int) -> int:
    """Bytes that a process has written so far."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))
