"""What tasks wrote, read piece by piece."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.output.logs import CHUNK, LOOK_EVERY, POLL_S, LogFile, Stream, read_logs
from galaxy.protocol.agent_pb2 import LogChunk


class ReaderTests(SynchronousTestCase):
    """Reading files that grow."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock = Clock()
        self.got: dict[str, bytes] = {}
        self.skipped = 0
        self.alive = True

    async def send(self, chunk: LogChunk) -> None:
        """Take a piece."""
        self.got[chunk.task_id] = self.got.get(chunk.task_id, b"") + chunk.data
        self.skipped += chunk.skipped

    def write(self, name: str, data: bytes) -> None:
        """Append, as a task does."""
        with (self.directory / name).open("ab") as file:
            file.write(data)

    def read(self, *names: str, tail: int = 0, follow: bool = False) -> Deferred[None]:
        """Read files."""
        return Deferred.fromCoroutine(
            read_logs(
                [self.stream(name) for name in names],
                self.send,
                self.clock,
                tail_lines=tail,
                goes_on=lambda: follow and self.alive,
            )
        )

    def stream(self, task: str) -> Stream:
        """What a task writes: files called by its name and, after a dot, a number."""

        def files() -> list[LogFile]:
            found = [path for path in self.directory.iterdir() if path.stem == task]
            return sorted(
                (LogFile((0, 1, int(path.suffix[1:] or 0)), path) for path in found),
                key=lambda file: file.order,
            )

        return Stream(task, files)

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

    def test_sparse(self) -> None:
        """A task that makes its log huge, and writes behind that, has its lines told at once."""
        self.write("0", b"first\n")
        with (self.directory / "0").open("ab") as file:
            file.truncate((1 << 43) - 7)
        self.write("0", b"next\nlast\n")
        for tail, told in ((1, b"last\n"), (2, b"next\nlast\n")):
            self.got = {}
            self.finish(self.read("0", tail=tail))
            self.assertEqual(self.got["0"], told)
        self.got, self.skipped = {}, 0
        self.finish(self.read("0"))
        self.assertEqual((self.got["0"], self.skipped), (b"first\nnext\nlast\n", 0))

    def test_sparse_from_the_start(self) -> None:
        """What is in front may have been given back; a line is told if there is no other."""
        for made in (b"tail line\n", b"tail line"):
            with (self.directory / "0").open("wb") as file:
                file.truncate(1 << 43)
            self.write("0", made)
            self.got = {}
            self.finish(self.read("0", tail=5))
            self.assertEqual(self.got["0"], made)

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 4))
    def test_tail_of_holes(self, gaps: list[int], tail: int) -> None:
        """Safety: the last lines are the last lines, whatever lies between them."""
        path = self.directory / "holes"
        path.unlink(missing_ok=True)
        for gap in (0, *gaps):
            with path.open("ab") as file:
                file.truncate(file.tell() + (0, CHUNK, 7 * CHUNK, 1 << 37)[gap])
            self.write("holes", b"line\n")
        self.got = {}
        self.finish(self.read("holes", tail=tail))
        self.assertEqual(self.got["holes"], b"line\n" * min(tail, len(gaps) + 1))

    def test_attempts(self) -> None:
        """The files of several attempts are one stream; each begins on a line of its own."""
        for name, data in (("0.1", b"first"), ("0.2", b""), ("0.10", b"last\n")):
            self.write(name, data)
        self.finish(self.read("0"))
        self.assertEqual(self.got, {"0": b"first\nlast\n"})

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=5), st.integers(1, 8))
    def test_tail_of_attempts(self, attempts: list[list[int]], tail: int) -> None:
        """Safety: the last lines are the last of all attempts together."""
        lines = []
        for path in self.directory.iterdir():
            path.unlink()
        for number, lengths in enumerate(attempts):
            written = [b"%d" % number * (length + 1) + b"\n" for length in lengths]
            lines.extend(written)
            self.write(f"0.{number}", b"".join(written))
        self.got = {}
        self.finish(self.read("0", tail=tail))
        self.assertEqual(self.got.get("0", b""), b"".join(lines[-tail:]))

    def test_only_what_comes(self) -> None:
        """From the end: nothing that is there, also of a line that has no end yet."""
        for data in (b"", b"first\n", b"first"):
            self.got = {}
            self.write("0", data)
            self.write("0.1", data)
            reading = self.read("0", "1", tail=-1, follow=True)
            self.assertEqual(self.got, {})
            self.write("0.1", b"second\n")
            self.write("1", b"other\n")
            self.clock.pump([POLL_S] * LOOK_EVERY)
            self.assertEqual(self.got, {"0": b"second\n", "1": b"other\n"})
            reading.addErrback(lambda failure: failure.trap(CancelledError))
            reading.cancel()
            (self.directory / "1").unlink()

    def test_follow(self) -> None:
        """What is written later follows, also in a file that appears later."""
        self.write("0", b"first\n")
        reading = self.read("0", "1", follow=True)
        self.assertEqual(self.got, {"0": b"first\n"})
        self.write("0", b"second\n")
        self.write("1", b"other\n")
        self.clock.pump([POLL_S] * LOOK_EVERY)
        self.assertEqual(self.got, {"0": b"first\nsecond\n", "1": b"other\n"})
        self.assertNoResult(reading)
        reading.addErrback(lambda failure: failure.trap(CancelledError))
        reading.cancel()

    def test_follow_attempts(self) -> None:
        """An attempt is read to its end before the next one, also when both wrote meanwhile."""
        self.write("0.1", b"first\n")
        reading = self.read("0", follow=True)
        self.write("0.1", b"the end of the first\n")
        self.write("0.2", b"second\n")
        self.clock.pump([POLL_S] * LOOK_EVERY)
        self.assertEqual(self.got, {"0": b"first\nthe end of the first\nsecond\n"})
        self.alive = False
        self.clock.advance(POLL_S)
        self.successResultOf(reading)

    def test_emptied(self) -> None:
        """A task that empties its own log is read from the beginning again."""
        self.write("0", b"a long line\n")
        reading = self.read("0", follow=True)
        (self.directory / "0").write_bytes(b"short\n")
        self.clock.advance(POLL_S)
        self.assertEqual(self.got, {"0": b"a long line\nshort\n"})
        self.alive = False
        self.clock.advance(POLL_S)
        self.successResultOf(reading)

    def test_follow_ends(self) -> None:
        """When the pod is gone, what it wrote last is read, and that is the end."""
        self.write("0", b"first\n")
        reading = self.read("0", follow=True)
        self.write("0", b"last words\n")
        (self.directory / "0").rename(self.directory / "9")
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

        reading = Deferred.fromCoroutine(
            read_logs([self.stream("0")], slow, self.clock, goes_on=lambda: False)
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
