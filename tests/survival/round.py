"""
One round of a machine's life: pods that are run, end, and are stopped, and what must be so.

    bystander   runs through all the rounds: its process is never another
    stays       runs until it is stopped, and obeys SIGTERM
    ends        exits with a code, or is ended by a signal, which may dump core, or by the kernel
                for its memory, or with its keeper; it has no box, as the others have
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from galaxy.gce.procfs import start_time, stat
from galaxy.protocol.agent_pb2 import TaskStatus
from galaxy.protocol.types_pb2 import kTaskRunning
from tests.survival.machine import STAYS, Lost, Machine

BYSTANDER = 0


@frozen
class Ending:
    """How a task ends by itself, and what is to be told of it."""

    name: str
    command: str
    exit_code: int = 0
    signal: int = 0
    oom_killed: bool = False
    core_dumped: bool = False
    by_keeper: bool = False  # whose end it does not survive, and which is killed when it runs

    def is_told(self, task: TaskStatus) -> bool:
        """Whether that is what is told of a task."""
        told = (task.exit_code, task.signal, task.oom_killed, task.core_dumped)
        return told == (self.exit_code, self.signal, self.oom_killed, self.core_dumped)


_BEGUN = "echo start >> effects"
_DUMP_CORE = "ulimit -c unlimited; kill -SEGV $$"


def endings() -> Sequence[Ending]:
    """All there are; whether core is dumped on this machine is found out by trying."""
    return (
        Ending("code", f"{_BEGUN}; exit 137", exit_code=137),
        Ending("signal", f"{_BEGUN}; kill -USR1 $$", signal=10),
        Ending("memory", f"{_BEGUN}; exec tail /dev/zero", signal=9, oom_killed=True),
        Ending("core", f"{_BEGUN}; {_DUMP_CORE}", signal=11, core_dumped=_dumps_core()),
        Ending("keeper", f"{_BEGUN}; exec sleep 1000", signal=9, by_keeper=True),
        Ending("well", _BEGUN),
    )


def _dumps_core() -> bool:
    with tempfile.TemporaryDirectory() as directory:
        command = f"cd {directory}; {_DUMP_CORE}"
        pid = os.posix_spawn("/bin/sh", ["/bin/sh", "-c", command], os.environ)
        return os.WCOREDUMP(os.waitpid(pid, 0)[1])


class Rounds:
    """The rounds of one machine, one after another."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._endings = endings()
        self._number = 0
        self._bystander = 0

    async def begin(self) -> None:
        """Start the bystander."""
        await self._machine.run("bystander", STAYS, BYSTANDER)
        self._bystander = (await self._running(BYSTANDER)).pid

    async def once(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """
        One round, and its checks; `Lost` says what was lost.

        `meanwhile` is called while one pod runs, and the other has ended.
        """
        machine = self._machine
        ending = self._endings[self._number % len(self._endings)]
        self._number += 1
        stays, ends = 2 * self._number, 2 * self._number + 1
        pods = [("stays", STAYS, stays), (ending.name, ending.command, ends)]
        for version, command, index in pods if self._number % 2 else reversed(pods):
            await machine.run(version, command, index, boxed=index == stays)
        pid = (await self._running(stays)).pid
        if ending.by_keeper:
            _kill_keeper((await self._running(ends)).pid)
        ended = await self._ended(ends)
        if not ending.is_told(ended):
            raise Lost(f"{ending.name}: {ended}")
        meanwhile()
        await machine.stop(stays, ends)

        async def gone() -> bool:
            return not await machine.tasks([stays, ends])

        await machine.until(gone, "a pod is not gone")
        self._check(stays, ["start", "term"], f"{stays} that was stopped")
        self._check(ends, ["start"], f"{ends} that ended")

        async def clean() -> bool:
            return not list(self._left(stays, ends))

        if start_time(pid) is not None:
            raise Lost(f"the stopped process {pid} runs")
        if list(self._left(stays, ends)):
            await machine.until(clean, f"there is left: {list(self._left(stays, ends))}")
        await self.bystander_lives()

    async def bystander_lives(self) -> None:
        """The bystander is what it was."""
        task = await self._running(BYSTANDER)
        if (task.pid, task.restarts) != (self._bystander, 0):
            raise Lost(f"the bystander {self._bystander} is {task}")
        self._check(BYSTANDER, ["start"], "the bystander")

    def _check(self, index: int, effects: list[str], what: str) -> None:
        found = self._machine.effects(index)
        if found != effects:
            raise Lost(f"{what} did {found}, not {effects}")

    def _left(self, *indexes: int) -> Iterator[str]:
        for index in indexes:
            yield from self._machine.remains(index)

    async def _running(self, index: int) -> TaskStatus:
        async def running() -> TaskStatus | None:
            task = (await self._machine.tasks([index])).get(index)
            told = task is not None and task.state == kTaskRunning and task.pid
            return task if told and self._machine.effects(index) else None

        found = await self._machine.until(running, f"pod {index} does not run")
        assert found is not None
        return found

    async def _ended(self, index: int) -> TaskStatus:
        async def ended() -> TaskStatus | None:
            task = (await self._machine.tasks([index])).get(index)
            return task if task is not None and task.ended else None

        found = await self._machine.until(ended, f"pod {index} does not end")
        assert found is not None
        return found


def _kill_keeper(pid: int) -> None:
    found = stat(pid)
    assert found is not None
    os.kill(found[1], signal.SIGKILL)
