"""Logs on a real disk: written as fast as can be, kept within their bound, and read meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from galaxy.agent.accounting import Accounts
from galaxy.agent.book import Book
from galaxy.agent.output.cuts import SLACK
from galaxy.agent.output.holes import punch_front
from galaxy.agent.output.logs import CHUNK, OpenFile, Stream, read_logs
from galaxy.agent.output.outputs import Output
from galaxy.agent.output.pruner import Bounds, Pruner, prune
from galaxy.agent.output.reading import streams
from galaxy.agent.records import PodKey
from galaxy.agent.users import Users
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import LogChunk, ReadLogRequest

reactor: Any = installed_reactor

MIB = 1 << 20
KEY = PodKey("web_000000000001", 0, 1)
LINE = 10  # bytes of a line that the writer writes
WRITER = """
import os, sys, time
until, number = time.monotonic() + 2, 0
while time.monotonic() < until:
    lines = b"".join(b"%09d\\n" % n for n in range(number, number + 2000))
    while lines:
        lines = lines[os.write(1, lines):]
    number += 2000
print(number, file=sys.stderr)
"""


@define
class Reader:
    """Whoever follows: checks that each line follows on the one before, or that the gap is told."""

    position: int = 0  # in the file, of what comes next
    gaps: int = 0
    lines: int = 0
    rest: bytes = b""

    async def send(self, chunk: LogChunk) -> None:
        """Take a piece, and let others do their work."""
        await deferLater(reactor, 0)
        data = chunk.data
        if chunk.skipped:
            self.gaps += 1
            self.position += chunk.skipped
            if self.rest:
                assert data.startswith(b"\n"), "a line that was cut off is ended"
                data = data[1:]
                self.rest = b""
        *lines, rest = (self.rest + data).split(b"\n")
        first = (self.position - len(self.rest)) // LINE
        for number, line in enumerate(lines, first):
            assert int(line) == number, (line, number)
        self.position += len(data)
        self.lines += len(lines)
        self.rest = rest


class FloodTests(TestCase):
    """A task that writes as fast as it can."""

    def setUp(self) -> None:
        self.workspaces = Workspaces(Path(self.mktemp()))
        self.workspaces.prepare()
        self.workspaces.make(KEY, 0, "")
        self.places = self.workspaces.find(KEY)
        self.path = self.places.output(0, 1, "main.0", stderr=False)

    def bounds(self) -> Bounds:
        """One MiB."""
        return Bounds(self.places.directory, {0: MIB})

    def test_flood(self) -> Deferred[None]:
        """No line is lost but those that are told of; the disk is given back; the end is there."""
        return Deferred.fromCoroutine(self._flood())

    async def _flood(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        pruner = Pruner(lambda: [self.bounds()], deferToThread, reactor)
        reader, writing = Reader(), True
        following = Deferred.fromCoroutine(self._read(reader, lambda: writing))
        pruner.start(self.fail)
        output = os.open(self.path, flags, 0o644)
        self.addCleanup(os.close, output)
        writer = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WRITER], stdout=output, stderr=subprocess.PIPE
        )
        self.addCleanup(writer.kill)
        _, said = await deferToThread(writer.communicate)
        written = int(said)
        begun = time.monotonic()
        while self._on_disk() > 2 * MIB:
            await deferLater(reactor, 0.05)
            self.assertLess(time.monotonic() - begun, 20)
        writing = False
        await following
        pruner.stop()
        self.assertEqual(self.path.stat().st_size, written * LINE)
        self.assertGreater(written * LINE, 8 * MIB)
        self.assertEqual((reader.position, reader.rest), (written * LINE, b""))
        late = Reader(position=(written - 1000) * LINE)
        await self._read(late, lambda: False, tail_lines=1000)
        self.assertEqual((late.lines, late.position), (1000, written * LINE))
        whole = Reader()
        whole.position = written * LINE - await self._length()
        await self._read(whole, lambda: False)
        self.assertGreaterEqual(whole.lines * LINE, MIB - SLACK)

    def _read(self, reader: Reader, goes_on: Any, **more: Any) -> Coroutine[Any, Any, None]:
        return read_logs(self._streams(), reader.send, reactor, goes_on=goes_on, **more)

    async def _length(self) -> int:
        """How many bytes one gets to read now."""
        length = 0

        async def count(chunk: LogChunk) -> None:
            nonlocal length
            length += len(chunk.data)

        await read_logs(self._streams(), count, reactor, goes_on=lambda: False)
        return length

    def _streams(self) -> list[Stream]:
        book = Book(Accounts(1000, MIB), Users(1000))
        request = ReadLogRequest(pod_id=KEY.pod_id)
        return streams(book, self.workspaces, (KEY.job_id, KEY.index), request)

    def _on_disk(self) -> int:
        return self.path.stat().st_blocks * 512


class HoleTests(SynchronousTestCase):
    """One file, cut while it is read."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_before(self) -> None:
        """Whoever comes later begins with the first whole line that is left."""
        self.path.write_bytes(b"".join(b"%09d\n" % number for number in range(20_000)))
        punch_front(self.path, 50_000)
        opened = OpenFile.at(self.path)
        self.addCleanup(opened.close)
        piece = opened.read()
        self.assertEqual((piece.skipped, len(piece.data) % LINE), (0, 0))
        first = int(piece.data.split(b"\n")[0])
        self.assertEqual(first * LINE + len(piece.data), 200_000)
        self.assertTrue(50_000 - LINE <= len(piece.data) <= 50_000 + 4096, len(piece.data))

    def test_amidst(self) -> None:
        """Whoever is in the midst goes on behind the hole, and is told how much it missed."""
        self.path.write_bytes(b"".join(b"%09d\n" % number for number in range(100_000)))
        opened = OpenFile.at(self.path)
        self.addCleanup(opened.close)
        self.assertEqual(len(opened.read().data), CHUNK)
        punch_front(self.path, 50_000)
        piece = opened.read()
        self.assertEqual(int(piece.data[:9]) * LINE, CHUNK + piece.skipped)
        self.assertEqual(opened.read().data, b"")

    def test_one_line(self) -> None:
        """What has no lines is read from where the hole ends."""
        self.path.write_bytes(b"x" * MIB)
        punch_front(self.path, 50_000)
        opened = OpenFile.at(self.path)
        self.addCleanup(opened.close)
        self.assertGreaterEqual(len(opened.read().data), 50_000)

    def test_binary(self) -> None:
        """Zeros that were written are data, and no hole."""
        data = bytes(range(256)) * 100 + bytes(10_000)
        self.path.write_bytes(data)
        opened = OpenFile.at(self.path)
        self.addCleanup(opened.close)
        self.assertEqual(opened.read().data, data)

    def test_writer(self) -> None:
        """Who appends goes on where it was."""
        with self.path.open("ab", buffering=0) as writer:
            writer.write(b"x" * MIB)
            punch_front(self.path, 0)
            writer.write(b"end\n")
        self.assertEqual(self.path.stat().st_size, MIB + 4)
        self.assertTrue(self.path.read_bytes().endswith(b"end\n"))
        self.assertLessEqual(self.path.stat().st_blocks * 512, 8192)

    def test_link(self) -> None:
        """What a link leads to is not cut."""
        victim = Path(self.mktemp())
        victim.write_bytes(b"x" * MIB)
        self.path.symlink_to(victim.absolute())
        self.assertRaises(OSError, punch_front, self.path, 0)
        self.assertEqual(victim.read_bytes(), b"x" * MIB)


class ManyTests(SynchronousTestCase):
    """Many attempts, many tasks."""

    def test_attempts(self) -> None:
        """Attempts beyond the bound go, the oldest first; a check is bounded, too."""
        directory = Path(self.mktemp())
        directory.mkdir()
        for attempt in range(5):
            (directory / Output(0, 1, f"main.{attempt}", False).name).write_bytes(b"x" * MIB)
        (directory / "0").mkdir()
        health = directory / "0.health"
        health.write_bytes(b"x" * 9 * MIB)
        self.assertTrue(prune(Bounds(directory, {0: 2 * MIB})))
        self.assertEqual(
            sorted(os.listdir(directory)),
            ["0", "0.1.main.3.stdout", "0.1.main.4.stdout", "0.health"],
        )
        self.assertLessEqual(health.stat().st_blocks * 512, MIB + SLACK)
        self.assertFalse(prune(Bounds(directory, {0: 2 * MIB})))

    def test_gone(self) -> None:
        """A directory that is not there has nothing to prune."""
        self.assertFalse(prune(Bounds(Path(self.mktemp()), {0: MIB})))
