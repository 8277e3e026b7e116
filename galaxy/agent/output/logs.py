"""
Reads what tasks wrote, piece by piece, and goes on as they write more.

To a reader, what a task wrote is one stream, though each of its processes has a
file of its own: one is read to its end, and then the next. A file is open while
it is read, so that its directory may be moved or removed meanwhile.

Note: holes
    What is beyond the bound of a log is given back to the disk from the front of
    the file (`galaxy.agent.pruning`); offsets stay as they are. So a reader may find
    a hole where it is about to read, or where it has just read and got zeros. It looks
    before and after, begins behind a hole with the first whole line, and says how
    many bytes it did not get to see. A hole that is not at the front is the task's own: it
    is nothing, with the zeros around it, and hides nothing.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from galaxy.agent.output.outputs import Order
from galaxy.protocol.agent_pb2 import LogChunk

CHUNK = 64 << 10
POLL_S = 0.2
LOOK_EVERY = 5  # polls: for files of attempts that were begun since

Send = Callable[[LogChunk], Awaitable[None]]


@frozen
class Piece:
    """Bytes of a file, and how many before them could not be read any more."""

    data: bytes
    skipped: int = 0


@define
class OpenFile:
    """One output file, open for reading, and how far it was read."""

    _descriptor: int
    position: int = field(default=0, init=False)

    @classmethod
    def at(cls, path: Path) -> OpenFile:
        """Open a file at its first whole line. Raises `OSError`, also for a symbolic link."""
        opened = cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK))
        opened.position = opened.first_line(0)
        return opened

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def read(self) -> Piece:
        """The next piece; without data at the end of what there is."""
        begun = self.position
        while True:
            position = self.first_line(self.position)
            if position < self.position:  # whoever wrote it has emptied it
                begun = position
            self.position = position
            length = min(CHUNK, self.hole_after(position) - position)
            data = os.pread(self._descriptor, length, position)
            start = self.data_after(position)
            if start is None:  # its end, or nothing but a hole up to that
                return Piece(b"")
            if start > position:
                continue
            self.position += len(data)
            if position > begun:
                data = data.lstrip(b"\0")
            if self.hole_after(self.position) == self.position < self._size():
                data = data.rstrip(b"\0")
            if data:
                return Piece(data, position - begun if self.is_cut(begun) else 0)

    def first_line(self, position: int) -> int:
        """The position, if something is there; else where the first whole line begins after it."""
        start = self.data_after(position)
        if start is None:
            return position if position <= self._size() else 0
        if start == position or not self.is_cut(position):
            return start
        line = start + os.pread(self._descriptor, CHUNK, start).find(b"\n") + 1
        return line if line < self._size() else start  # a piece, if no more

    def is_cut(self, position: int) -> bool:
        """Whether the front of the file, to beyond the position, is a hole."""
        start = self.data_after(0)
        return start is not None and start > position

    def data_after(self, position: int) -> int | None:
        """Where the first byte from a position on is that is not in a hole; None: nowhere."""
        return self._seek(position, os.SEEK_DATA)

    def hole_after(self, position: int) -> int:
        """Where the data end that there are at a position; there, if none are."""
        end = self._seek(position, os.SEEK_HOLE)
        return position if end is None else end

    def data_before(self, position: int, first: int) -> int:
        """Where a hole may begin that ends at the position: data are less than a chunk before."""
        low, high = first, position
        while high - low > CHUNK:
            middle = (low + high) // 2
            start = self.data_after(middle)
            if start is None or start >= position:
                high = middle
            else:
                low = start
        return high

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def _seek(self, position: int, how: int) -> int | None:
        try:
            return os.lseek(self._descriptor, position, how)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return None

    async def seek_tail(self, lines: int, clock: IReactorTime) -> int:
        """
        Go to where the last so many lines begin; how many there are, at most that.

        A last line without an end is one. Less than none: to the end, also within a line.
        """
        first, size = self.position, self._size()
        if lines < 0:
            self.position = size
            return 0
        found, whole = 0, self.data_before(size, first)
        end = whole
        while whole > first and found <= lines:
            start = max(first, whole - CHUNK)
            data = os.pread(self._descriptor, whole - start, start)
            if whole == end and data and not data.endswith(b"\n"):
                found += 1
            newlines = data.count(b"\n")
            if found + newlines > lines:
                offset = len(data)
                for _ in range(lines - found + 1):
                    offset = data.rindex(b"\n", 0, offset)
                self.position = start + offset + 1
                return lines
            found += newlines
            whole = self.data_before(start, first)
            await deferLater(clock, 0)  # let others run between the pieces of a huge file
        self.position = first
        return found


@frozen
class LogFile:
    """A file of a stream, as it is found on disk."""

    order: Order
    path: Path


@define
class Stream:
    """What one task writes. `files`: those there are now, in the order they were begun in."""

    task_id: str
    files: Callable[[], Sequence[LogFile]]
    _open: OpenFile | None = field(default=None, init=False)
    _order: Order | None = field(default=None, init=False)
    _file: str = field(default="", init=False)
    _within_line: bool = field(default=False, init=False)
    _elsewhere: bool = field(default=False, init=False)  # what comes does not follow what was sent

    def close(self) -> None:
        """Let go of what is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def begun(self) -> bool:
        """Whether it is known where to go on."""
        return self._order is not None

    def resume(self, order: Order, position: int) -> None:
        """Go on at a position of a file; if that is gone, with what was begun after it."""
        self._order = order
        for each in self.files():
            if each.order == order and self._enter(each):
                assert self._open is not None
                self._open.position = position

    async def seek_tail(self, lines: int, clock: IReactorTime) -> None:
        """Go to where the last so many lines begin, in whichever file that is."""
        for each in reversed(self.files()):
            if not self._enter(each):
                continue
            assert self._open is not None
            lines -= await self._open.seek_tail(lines, clock)
            if lines <= 0:
                return

    async def send(self, send: Send, *, look: bool = True) -> None:
        """Send all that there is and was not sent; `look` for files that were begun since."""
        while True:
            files = self.files() if look else ()
            later = [each for each in files if self._order is None or each.order > self._order]
            # What was begun later was begun when this one had ended.
            if self._open is not None:
                while (piece := self._open.read()).data:
                    await send(self._chunk(piece))
            if not later:
                return
            self._enter(later[0])

    def _chunk(self, piece: Piece) -> LogChunk:
        """A piece for the reader. A line that was begun in another place is ended first."""
        apart = self._within_line and (self._elsewhere or piece.skipped)
        self._within_line, self._elsewhere = not piece.data.endswith(b"\n"), False
        data = b"\n" + piece.data if apart else piece.data
        assert self._open is not None
        return LogChunk(
            task_id=self.task_id,
            data=data,
            skipped=piece.skipped,
            file=self._file,
            offset=self._open.position,
        )

    def _enter(self, each: LogFile) -> bool:
        """Go to the beginning of a file; False if it is gone, or was moved a moment ago."""
        try:
            opened = OpenFile.at(each.path)
        except FileNotFoundError:
            return False
        self.close()
        self._open, self._order, self._file = opened, each.order, each.path.name
        self._elsewhere = True
        return True


async def read_logs(
    streams: Sequence[Stream],
    send: Send,
    clock: IReactorTime,
    *,
    tail_lines: int = 0,
    goes_on: Callable[[], bool],
) -> None:
    """
    Send what the streams hold, one after the other, and then, while `goes_on()`, what
    is added to any of them.

    `tail_lines`: begin so many lines before the end of each, but of those that know
    where to go on; 0: at the start, -1: at the end.
    """
    with ExitStack() as closing:
        for stream in streams:
            closing.callback(stream.close)
            if tail_lines and not stream.begun:
                await stream.seek_tail(tail_lines, clock)
        for rounds in itertools.count():
            last_round = not goes_on()
            for stream in streams:
                await stream.send(send, look=last_round or rounds % LOOK_EVERY == 0)
            if last_round:
                return
            await deferLater(clock, POLL_S)
