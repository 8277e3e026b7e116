"""A hundred tasks, and an agent that is killed with -9 again and again."""

from __future__ import annotations

import os
import time

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from galaxy.protocol.types_pb2 import kTaskRunning
from tests.gce.engines import why_no_cgroups
from tests.survival.machine import Machine
from tests.survival.nursery import AGENT

TASKS = 100
KILLS = int(os.environ.get("KILLS", "15"))


class AgentRestartTests(TestCase):
    """The tasks do not notice; and whoever asks the next agent hears of all of them at once."""

    timeout = 600
    skip = why_no_cgroups()

    async def test_same_processes(self) -> None:
        """The same pids, no restarts, each begun once, however often the agent died."""
        machine = Machine(f"galaxy-test-{os.getpid()}")
        self.addCleanup(lambda: Deferred.fromCoroutine(machine.leave_nothing()))
        await machine.start()
        command = "echo start >> effects; exec sleep 1000"
        await machine.run("v1", command, *range(TASKS), memory=1 << 24, millicores=10)
        before = await machine.until(lambda: self.pids(machine), "not all of them run")
        slowest_s = 0.0
        for _ in range(KILLS):
            machine.kill(AGENT)
            await machine.tasks([0])  # it listens again
            begun = time.monotonic()
            after = await machine.until(lambda: self.pids(machine), "they are not known again")
            slowest_s = max(slowest_s, time.monotonic() - begun)
            self.assertEqual(before, after)
        restarts = {task.restarts for task in (await machine.tasks([])).values()}
        self.assertEqual(restarts, {0})
        wrong = {index for index in range(TASKS) if machine.effects(index) != ["start"]}
        self.assertEqual(wrong, set())
        print(f"{KILLS} kills: re-attached in {slowest_s:.3f} s at most")  # noqa: T201

    async def pids(self, machine: Machine) -> dict[int, int] | None:
        """The pid of each task; None while one is not told to run."""
        tasks = await machine.tasks([])
        run = {index: task.pid for index, task in tasks.items() if task.state == kTaskRunning}
        return run if len(run) == TASKS and all(run.values()) else None
