"""
A real cluster for tests: `galaxy up` in a directory of its own, daemons killed by pid.

Nothing here is faked: the programs are the ones users start, found as users
find them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field, frozen
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.procutils import which
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, readBody

reactor: Any = installed_reactor

GALAXY = str(Path(sys.executable).parent / "galaxy")
POLL_S = 0.1
PATIENCE_S = 90.0


@frozen
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


async def run(
    *command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Ended:
    """Run a command to its end."""
    path = command[0] if "/" in command[0] else which(command[0])[0]
    out, err, status = await getProcessOutputAndValue(
        path,
        command[1:],
        env={**os.environ, **(env or {})},
        path=str(cwd) if cwd else None,
    )
    return Ended(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


T = TypeVar("T")


async def until(question: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """
    Ask again until the answer is true, and return it.

    A wait in vain ends with an error that shows the last answer. The bound is there to
    end a hung test, not to measure anything.
    """
    begun = reactor.seconds()
    while not (answer := await question()):
        if reactor.seconds() - begun > PATIENCE_S:
            raise AssertionError(f"{question.__qualname__}: {answer!r}, for {PATIENCE_S} s")
        await deferLater(reactor, POLL_S)
    return answer


@define
class LocalCluster:
    """One `galaxy up`. `directory` is the cluster's DIR; `environment` is that of its daemons."""

    directory: Path
    options: tuple[str, ...] = field(default=())
    environment: Mapping[str, str] = field(factory=dict)

    async def galaxy(self, *arguments: str, expect: int = 0) -> str:
        """Run `galaxy` against this cluster; its stdout. Another status is an error."""
        config = str(self.directory / "galaxy.toml")
        env = {"GALAXY_CONFIG": config, **self.environment}
        ended = await run(GALAXY, *arguments, env=env)
        if ended.status != expect:
            raise AssertionError(
                f"galaxy {' '.join(arguments)}: status {ended.status}, not {expect}\n"
                f"{ended.out}{ended.err}"
            )
        return ended.out

    async def json(self, *arguments: str) -> Any:
        """What a reading command says with -o json."""
        return json.loads(await self.galaxy(*arguments, "-o", "json"))

    async def up(self, *options: str) -> str:
        """Start what is missing."""
        if options:
            self.options = options
        return await self.galaxy("up", "--dir", str(self.directory), *self.options)

    async def down(self) -> None:
        """Stop everything."""
        await self.galaxy("down", "--dir", str(self.directory))

    def pid(self, daemon: str) -> int:
        """The pid of a daemon: "master", "scheduler", "agent-0", "gce-0"."""
        return int((self.directory / "run" / f"{daemon}.pid").read_text())

    async def kill(self, daemon: str) -> None:
        """Kill a daemon with -9 and wait until it is gone."""
        pid = self.pid(daemon)
        os.kill(pid, signal.SIGKILL)

        async def gone() -> bool:
            return not alive(pid)

        await until(gone)

    async def submit(self, job: Mapping[str, Any], *options: str) -> str:
        """Submit a job given as a dictionary; its id."""
        path = self.directory / f"{job['name']}.json"
        path.write_text(json.dumps(job))
        answer = await self.json("submit", "-f", str(path), *options)
        return str(answer["job_id"])

    async def running(self, job_id: str, count: int) -> list[dict[str, Any]]:
        """Wait until so many pods of the job run; their rows."""

        async def rows() -> list[dict[str, Any]] | None:
            pods = await self.json("pods", "-j", job_id)
            run = [pod for pod in pods if pod["state"] == "kPodRunning"]
            return run if len(run) == count else None

        found = await until(rows)
        assert found is not None
        return found


async def fetch(url: str) -> str:
    """A page."""
    response = await Agent(reactor).request(b"GET", url.encode())
    return (await readBody(response)).decode("utf-8", "replace")


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class ClusterTestCase(TestCase):
    """A test on a cluster of its own, which is taken down at the end whatever happens."""

    timeout = 600
    up_options: tuple[str, ...] = ()

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """Bring the cluster up."""
        directory = Path(self.mktemp()).absolute()
        self.cluster = LocalCluster(directory)
        self.addCleanup(lambda: Deferred.fromCoroutine(self._down()))
        return Deferred.fromCoroutine(self._up())

    async def _up(self) -> None:
        await self.cluster.up(*self.up_options)

    async def _down(self) -> None:
        await self.cluster.down()
