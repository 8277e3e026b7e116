"""What tasks wrote, read piece by piece."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.logs import CHUNK, POLL_S, Output, read_logs
from galaxy.protocol.agent_pb2 import LogChunk


class ReaderTests(SynchronousTestCase):
    """Reading files that grow."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock = Clock()
        self.got: dict[str, bytes] = {}
        self.alive = True

    async def send(self, chunk: LogChunk) -> None:
        """Take a piece."""
        self.got[chunk.task_id] = self.got.get(chunk.task_id, b"") + chunk.data

    def write(self, name: str, data: bytes) -> None:
        """Append, as a task does."""
        with (self.directory / name).open("ab") as file:
            file.write(data)

    def read(self, *names: str, tail: int = 0, follow: bool = False) -> Deferred[None]:
        """Read files."""
        outputs = [Output(name, self.directory / name) for name in names]
        return Deferred.fromCoroutine(
            read_logs(
                outputs,
                self.send,
                self.clock,
                tail_lines=tail,
                goes_on=lambda: follow and self.alive,
            )
        )

    def finish(self, reading: Deferred[None]) -> None:
        """Let a reading come to its end."""
        self.clock.pump([0] * 500)
        self.successResultOf(reading)

    def test_whole(self) -> None:
        """Everything, of every task, however large."""
        large = b"line\n" * CHUNK
        self.write("0", large)
        self.write("1", b"small")
        self.finish(self.read("0", "1"))
        self.assertEqual(self.got, {"0": large, "1": b"small"})

    def test_absent(self) -> None:
        """A task that has not written yet has nothing to read."""
        self.finish(self.read("0"))
        self.assertEqual(self.got, {})

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.integers(0, 40_000), max_size=12), st.integers(1, 15), st.booleans())
    def test_tail(self, lengths: list[int], tail: int, ends: bool) -> None:
        """Safety: the last lines are the last lines, however long they are."""
        lines = [b"x" * length for length in lengths]
        data = b"\n".join(lines) + (b"\n" if ends and lines else b"")
        path = self.directory / "tail"
        path.write_bytes(data)
        self.got = {}
        self.finish(self.read("tail", tail=tail))
        expected = b"".join(data.splitlines(keepends=True)[-tail:])
        self.assertEqual(self.got.get("tail", b""), expected)

    def test_follow(self) -> None:
        """What is written later follows, also in a file that appears later."""
        self.write("0", b"first\n")
        reading = self.read("0", "1", follow=True)
        self.assertEqual(self.got, {"0": b"first\n"})
        self.write("0", b"second\n")
        self.write("1", b"other\n")
        self.clock.advance(POLL_S)
        self.assertEqual(self.got, {"0": b"first\nsecond\n", "1": b"other\n"})
        self.assertNoResult(reading)
        reading.addErrback(lambda failure: failure.trap(CancelledError))
        reading.cancel()

    def test_follow_ends(self) -> None:
        """When the pod is gone, what it wrote last is read, and that is the end."""
        self.write("0", b"first\n")
        reading = self.read("0", follow=True)
        self.write("0", b"last words\n")
        (self.directory / "0").rename(self.directory / "dead")
        self.alive = False
        self.clock.advance(POLL_S)
        self.successResultOf(reading)
        self.assertEqual(self.got, {"0": b"first\nlast words\n"})

    def test_slow_reader(self) -> None:
        """No more is read than the reader takes."""
        self.write("0", b"x" * (3 * CHUNK))
        pending: list[Deferred[None]] = []

        async def slow(chunk: LogChunk) -> None:
            taken: Deferred[None] = Deferred()
            pending.append(taken)
            await taken

        outputs = [Output("0", self.directory / "0")]
        reading = Deferred.fromCoroutine(
            read_logs(outputs, slow, self.clock, goes_on=lambda: False)
        )
        self.assertEqual(len(pending), 1)
        for _ in range(3):
            pending[-1].callback(None)
        self.assertEqual(len(pending), 3)
        self.successResultOf(reading)

    def test_link(self) -> None:
        """A task that puts a link in the place of its log gains nothing by it."""
        (self.directory / "0").symlink_to("/etc/passwd")
        reading = self.read("0")
        self.failureResultOf(reading, OSError)
        self.assertEqual(self.got, {})
