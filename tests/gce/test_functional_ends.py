"""Where a process reads and writes: pipes and terminals, in place of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from galaxy.gce.procfs import start_time
from galaxy.protocol.gce_pb2 import EndRequest, kProcessFailed
from tests.gce.contract import NO_CALL
from tests.gce.isolated import HIDDEN, Isolated


class PipeTests(Isolated):
    """FIFOs, made by whoever asks."""

    def fifo(self, name: str, flags: int) -> Path:
        """One, and our end of it."""
        path = Path(self.directory) / name
        os.mkfifo(path)
        self.ends[name] = os.open(path, flags | os.O_NONBLOCK)
        self.addCleanup(os.close, self.ends[name])
        return path

    def setUp(self) -> Any:
        """No ends yet."""
        self.ends: dict[str, int] = {}
        return super().setUp()

    async def test_through_pipes(self) -> None:
        """What is written to stdin comes back on stdout; stderr is apart."""
        self.fifo("out", os.O_RDONLY)
        self.fifo("err", os.O_RDONLY)
        stdin = self.fifo("in", os.O_RDWR)
        os.write(self.ends["in"], b"hello\n")
        await self.execute("read line; echo $line; echo oh >&2", stdin_path=str(stdin))
        await self.watching.ended("c", "main.0")
        self.assertEqual(os.read(self.ends["out"], 100), b"hello\n")
        self.assertEqual(os.read(self.ends["err"], 100), b"oh\n")

    async def test_nobody_at_the_other_end(self) -> None:
        """An output that nobody reads is refused; an input that nobody writes is at its end."""
        stdin = Path(self.directory) / "in"
        os.mkfifo(stdin)
        await self.execute("cat; exit 4", stdin_path=str(stdin))
        self.assertEqual((await self.watching.ended("c", "main.0")).exit_code, 4)
        out = Path(self.directory) / "out"
        out.unlink()
        os.mkfifo(out)
        status = await self.execute("echo x", name="main.1")
        self.assertEqual(kProcessFailed, status.state)


class TerminalTests(Isolated):
    """A pseudo-terminal, whose master is with whoever asks."""

    async def test_controlling_terminal(self) -> None:
        """All three descriptors are it; it has a foreground, so that Ctrl-C reaches that."""
        master, device = os.openpty()
        self.addCleanup(os.close, master)
        await self.execute(
            "test -t 0 && test -t 1 && test -t 2 && : </dev/tty && echo ready && sleep 1000",
            terminal=os.ttyname(device),
        )
        os.close(device)
        shown = b""
        while b"ready" not in shown:
            shown += os.read(master, 100)
        os.write(master, b"\x03")
        self.assertEqual((await self.watching.ended("c", "main.0")).signal, 2)

    async def test_hang_up(self) -> None:
        """When the master is closed, what runs in it gets SIGHUP."""
        master, device = os.openpty()
        await self.execute("sleep 1000", terminal=os.ttyname(device))
        os.close(device)
        os.close(master)
        self.assertEqual((await self.watching.ended("c", "main.0")).signal, 1)

    async def test_no_terminal(self) -> None:
        """What is none is refused."""
        status = await self.execute("true", terminal="/dev/null")
        self.assertEqual(kProcessFailed, status.state)
        self.assertIn("it is none", status.reason)


class EndTests(Isolated):
    """The end of one process reaches what it began, and nothing else."""

    async def test_what_hides(self) -> None:
        """Double fork, `setsid`, ignored SIGTERM, a stopped child: all dead when it answers."""
        pids = await self.hidden("time.sleep(1000)")
        await self.gce.end_process(EndRequest(container="c", name="main.0", grace_s=0.2), NO_CALL)
        self.assertEqual([None] * HIDDEN, [start_time(pid) for pid in pids])
