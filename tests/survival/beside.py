"""What goes on beside the rounds: a task that is tried again and again, a command in another's."""

from __future__ import annotations

import itertools

from galaxy.protocol.agent_pb2 import ExecItem, TaskStatus
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kAgentError, kBusy, kTaskError
from tests.survival.machine import LONG_S, Lost, Machine
from tests.survival.round import BYSTANDER

RETRIES = 3
_NOT_NOW = (kAgentError, kBusy)  # gce died meanwhile, or has not told yet what runs
_FIRST = 1_000_000  # far from the indexes of the rounds


class Beside:
    """What is done on one machine, and must come out right whoever dies meanwhile."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._indexes = itertools.count(_FIRST)

    async def fail(self) -> None:
        """A task that always fails is begun as often as it may be, and that is what is told."""
        machine, index = self._machine, next(self._indexes)
        await machine.run("fails", "echo start >> effects; exit 3", index, retries=RETRIES)

        async def given_up() -> TaskStatus | None:
            task = (await machine.tasks([index])).get(index)
            return task if task is not None and task.state == kTaskError else None

        task = await machine.until(given_up, f"pod {index} is not given up", LONG_S)
        assert task is not None
        begun = machine.effects(index)
        if begun != ["start"] * (RETRIES + 1):
            raise Lost(f"pod {index} did {begun}")
        if (task.restarts, task.exit_code, task.signal) != (RETRIES, 3, 0):
            raise Lost(f"pod {index} failed {len(begun)} times: {task}")
        await machine.stop(index)

    async def execute(self) -> None:
        """What a command says is heard, and how it ended is told, unless that is said not to be."""
        items = await self._machine.until(self._heard, "no command is executed", LONG_S)
        assert items is not None
        end = items[-1]
        said = b"".join(item.stdout for item in items)
        if not end.reason and (said, end.exit_code, end.signal) != (b"said\n", 7, 0):
            raise Lost(f"a command: {items}")

    async def _heard(self) -> list[ExecItem] | None:
        try:
            return await self._machine.execute(BYSTANDER, "sh", "-c", "echo said; exit 7")
        except GalaxyError as error:
            if error.status in _NOT_NOW:
                return None
            raise
