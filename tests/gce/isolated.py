"""Programs that try something, in a real engine of this process."""

from __future__ import annotations

import itertools
import os
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from galaxy.gce.cgroup_none import NoCgroups
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.service import GceService
from galaxy.protocol.gce_pb2 import (
    ContainerUsage,
    ExecuteRequest,
    ProcessStatus,
    UsageRequest,
)
from tests.gce.contract import NO_CALL, Watching
from tests.gce.engines import (
    engine_in,
    temporary_directory,
    wait_until,
)

USER = "nobody"
NO_ROOT = None if os.geteuid() == 0 else "only root can give a process another user"

# Writes the pids of its hidden children to the file that it is given, then stays.
HIDES = """
import os, signal, sys, time

def child(prepare):
    if os.fork() == 0:
        prepare()
        with open(sys.argv[1], "a") as file:
            file.write(f"{os.getpid()}\\n")
        for step in after.get(prepare, ()):
            step()
        while True:
            time.sleep(1000)

def ignore():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

def leave():
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    ignore()

def stop():
    os.kill(os.getpid(), signal.SIGSTOP)

def nothing():
    pass

after = {nothing: (stop,)}
child(ignore)
child(leave)
child(nothing)
"""
HIDDEN = 3


class Isolated(TestCase):
    """A real engine, and programs to run in it. The subclasses say how it isolates."""

    timeout = 120

    def cgroups(self) -> ICgroups:
        return NoCgroups("a test")

    def setUp(self) -> Any:
        self.numbers = itertools.count(100)
        self.directory = temporary_directory(self)
        return Deferred.fromCoroutine(self.begin())

    async def begin(self) -> None:
        self.gce: GceService = await engine_in(self, self.directory, self.cgroups())
        self.watching = Watching(self.gce)
        self.addCleanup(self.watching.stop)

    async def execute(self, command: str, name: str = "main.0", **more: Any) -> ProcessStatus:
        request = ExecuteRequest(
            container="c",
            name=name,
            command=command,
            envs=["PATH=/usr/bin:/bin", "A=with space"],
            cwd="/tmp",
            stdout_path=str(self.directory / "out"),
            stderr_path=str(self.directory / "err"),
        )
        request.MergeFrom(ExecuteRequest(**more))
        return (await self.gce.execute(request, NO_CALL)).process

    async def run_to_end(self, command: str, **more: Any) -> ProcessStatus:
        await self.execute(command, **more)
        return await self.watching.ended("c", more.get("name", "main.0"))

    def python(self, program: str, *arguments: str) -> str:
        """A shell command that runs a Python program."""
        path = self.directory / f"program-{len(list(self.directory.iterdir()))}.py"
        path.write_text(program)
        return " ".join(["exec", sys.executable, str(path), *arguments])

    def output(self) -> str:
        return (self.directory / "out").read_text()

    async def printed(self, text: str) -> None:
        """Wait for the standard output to be this."""

        async def said() -> bool:
            return (self.directory / "out").exists() and self.output() == text

        await wait_until(said)

    async def usage(self) -> ContainerUsage:
        request = UsageRequest(containers=["c"])
        return (await self.gce.usage(request, NO_CALL)).usages[0]

    async def hidden(self, then: str) -> list[int]:
        """Start the program that hides its children; their pids, once all have hidden."""
        path = self.directory / "hidden"
        path.touch()
        await self.execute(self.python(HIDES + then, str(path)))

        async def all_hidden() -> bool:
            return len(path.read_text().splitlines()) == HIDDEN

        await wait_until(all_hidden)
        return [int(line) for line in path.read_text().split()]


# Trial would run it over nothing.
del TestCase
