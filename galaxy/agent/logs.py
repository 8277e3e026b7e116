"""
Reads what tasks wrote, piece by piece, and goes on as they write more.

The files are appended to by the tasks themselves. A reader holds them open, so
that it reads on while the directory of a dead pod is moved or removed.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from galaxy.protocol.agent_pb2 import LogChunk

CHUNK = 64 << 10
POLL_S = 0.2

Send = Callable[[LogChunk], Awaitable[None]]


@define
class Output:
    """One output file of a task, and how far it was read."""

    task_id: str
    path: Path
    _descriptor: int | None = field(default=None, init=False)

    def open(self, closing: ExitStack) -> bool:
        """See that the file is open; False while it does not exist."""
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return False
            closing.callback(os.close, self._descriptor)
        return True

    def read(self) -> bytes:
        """The next piece; empty at the end of what there is."""
        return b"" if self._descriptor is None else os.read(self._descriptor, CHUNK)

    def piece_before(self, end: int | None) -> tuple[int, bytes]:
        """Where the piece that ends at an offset (None: the file's end) begins, and its bytes."""
        assert self._descriptor is not None
        end = os.fstat(self._descriptor).st_size if end is None else end
        start = max(0, end - CHUNK)
        return start, os.pread(self._descriptor, end - start, start)

    def seek(self, offset: int) -> None:
        """Go on reading at an offset."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, offset, os.SEEK_SET)


async def read_logs(
    outputs: Sequence[Output],
    send: Send,
    clock: IReactorTime,
    *,
    tail_lines: int = 0,
    goes_on: Callable[[], bool],
) -> None:
    """
    Send what the files hold, one file after the other, and then, while
    `goes_on()`, what is added to any of them.

    `tail_lines`: begin so many lines before the end of each; 0: at the start.
    """
    with ExitStack() as closing:
        for output in outputs:
            if output.open(closing) and tail_lines:
                output.seek(await _tail_offset(output, tail_lines, clock))
        while True:
            last_round = not goes_on()
            for output in outputs:
                output.open(closing)
                while data := output.read():
                    await send(LogChunk(task_id=output.task_id, data=data))
            if last_round:
                return
            await deferLater(clock, POLL_S)


async def _tail_offset(output: Output, lines: int, clock: IReactorTime) -> int:
    """Where the last `lines` lines begin; a last line without an end is one."""
    start, data = output.piece_before(None)
    if data.endswith(b"\n"):
        lines += 1
    while True:
        newlines = data.count(b"\n")
        if newlines >= lines:
            offset = len(data)
            for _ in range(lines):
                offset = data.rindex(b"\n", 0, offset)
            return start + offset + 1
        lines -= newlines
        if start == 0:
            return 0
        await deferLater(clock, 0)  # let others run between the pieces of a huge file
        start, data = output.piece_before(start)
