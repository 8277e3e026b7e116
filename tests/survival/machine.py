"""
A machine with a real agent and a real gce that die when told, seen from outside.

The test is the agent's master. What it believes it reads where tasks wrote it: each
appends a line to `effects` in its workspace when it starts.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

from galaxy.gce.procfs import start_time, stat
from galaxy.protocol.agent_pb2 import (
    Description,
    ExecItem,
    ExecRequest,
    KillPodsRequest,
    PodKill,
    PodLaunch,
    RunPodsRequest,
    ShowPodsRequest,
    TaskStatus,
)
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.services import AgentStub, ConsoleStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.types_pb2 import (
    PodDescriptor,
    Resource,
    TaskDescriptor,
    kCancelled,
    kDeadline,
    kLongRun,
    kRestartNever,
    kRestartOnFailure,
    kRpcError,
)
from galaxy.protocol.wire_pb2 import Hello
from tests.gce.engines import ENVIRONMENT
from tests.survival import nursery, steps

PATIENCE_S = 30.0
LONG_S = 300.0  # for what takes its time, where daemons die several times a second
_POLL_S = 0.01

# What is to get SIGTERM is there before it says so; and it is not to end when only its child did.
STAYS = (
    "trap 'echo term >> effects; exit 0' TERM; sleep 1000 & echo start >> effects;"
    " while :; do wait; done"
)
STUBBORN = "trap '' TERM; echo start >> effects; exec sleep 1000"


class Lost(AssertionError):
    """Something is not as it must be."""


T = TypeVar("T")


class Machine:
    """One agent, one gce, in a directory and a control group of their own."""

    def __init__(self, cgroup: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="galaxy-survival-"))
        self.directory.chmod(0o755)
        self.data = self.directory / "agent"
        self.job_id = f"survival_{secrets.token_hex(6)}"  # found in /proc, whoever else runs
        self._cgroup = cgroup
        self._endpoint = f"127.0.0.1:{_free_port()}"
        self._serial = 0
        self._nursery: subprocess.Popen[bytes] | None = None
        self._peer: IPeer | None = None

    async def start(self) -> None:
        """Start both, and wait until the agent answers."""
        with (self.directory / "nursery.log").open("wb") as log:
            self._nursery = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.survival.nursery"),
                    *(str(self.directory), self._cgroup),
                    *("--endpoint", self._endpoint, "--data-dir", str(self.data)),
                    *("--master", "127.0.0.1:1", "--default-user", "daemon"),
                    *("--millicores", "100000", "--memory", "64G"),
                ],
                env=ENVIRONMENT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self.tasks([])

    async def leave_nothing(self) -> None:
        """Stop everything; fail if a process or a group is left, or a log tells of a fault."""
        try:
            self.order("", 0, "")
            await self.kill_all()
            await self.until(self._is_clean, "something is left")
        finally:
            self._end()
        for log in self.directory.glob("*.log"):
            text = log.read_text()
            if "Traceback" in text:
                raise Lost(f"{log.name}: {text}")
        shutil.rmtree(self.directory)

    def _end(self) -> None:
        if self._peer is not None:
            self._peer.close("the test is over")
        if self._nursery is not None:
            self._nursery.send_signal(signal.SIGTERM)
            self._nursery.wait()
        for hierarchy in Path("/sys/fs/cgroup").glob(f"*/{self._cgroup}"):
            _remove(hierarchy)

    def order(self, step: str, count: int, victims: str) -> None:
        """Have the victims ("agent", "gce", or "agent,gce") killed at a step; no step: nobody."""
        self._serial += 1
        steps.write_order(self.directory, self._serial, step, count, victims)

    def told(self) -> dict[str, int]:
        """Each step that was told of since this was last asked, and how often a process took it."""
        path = self.directory / nursery.STEPS
        most: dict[str, int] = {}
        for line in path.read_text().splitlines():
            count, step = line.split("\t")
            most[step] = max(most.get(step, 0), int(count))
        path.unlink()
        return most

    def was_hit(self) -> bool:
        """Whether the last order was carried out."""
        try:
            return str(self._serial) in (self.directory / nursery.HITS).read_text().split()
        except FileNotFoundError:
            return False

    def pid(self, role: str) -> int:
        """The pid of "agent", "gce", or its "cradle". Raises `ProcessLookupError`."""
        if role == "cradle":
            return _child(self.pid(nursery.GCE))
        text = (self.directory / nursery.PIDS).read_text()
        return int(dict(line.split() for line in text.splitlines())[role])

    def kill(self, *roles: str) -> None:
        """kill -9, at once."""
        for role in roles:
            os.kill(self.pid(role), signal.SIGKILL)

    async def run(self, version: str, command: str, *index: int, **limits: Any) -> None:
        """
        Have pods of one task run, which is started again when it fails if `retries` are given.

        `limits`: memory, millicores, stop_timeout_s, retries, and whether they are boxed.
        """
        requirement = Resource(
            millicores=limits.get("millicores", 500), memory=limits.get("memory", 1 << 26)
        )
        task = TaskDescriptor(start_command=command, requirement=requirement)
        task.stop_timeout_s = limits.get("stop_timeout_s", 20.0)
        described = Description(
            job_id=self.job_id,
            version=version,
            pod=PodDescriptor(
                tasks=[task],
                requirement=requirement,
                version=version,
                namespace_isolation=limits.get("boxed", True),
            ),
            job_name="survival",
            user="ann",
            type=kLongRun,
            restart=kRestartOnFailure if "retries" in limits else kRestartNever,
            retries=limits.get("retries", 0),
        )
        launch = PodLaunch(
            job_id=self.job_id, version=version, index=index, incarnation=[1] * len(index)
        )
        request = RunPodsRequest(descriptions=[described], launches=[launch])
        answer = await self.call(lambda agent: agent.run_pods(request, epoch=1))
        if answer.refusals:
            raise Lost(f"refused: {answer.refusals}")

    async def stop(self, *index: int) -> None:
        """Have pods stopped and forgotten; returns when the agent has them no more."""
        kill = PodKill(job_id=self.job_id, index=index, incarnation=[1] * len(index))
        request = KillPodsRequest(kills=[kill], reason="the test said so")
        await self.call(lambda agent: agent.kill_pods(request, epoch=1))

    async def kill_all(self) -> None:
        """Have every pod stopped, and wait for that."""
        known = await self.tasks([])
        await self.stop(*known)

        async def gone() -> bool:
            return not await self.tasks([])

        await self.until(gone, "pods are left")

    async def tasks(self, indexes: Iterable[int]) -> dict[int, TaskStatus]:
        """How the task of each pod is, as the agent tells it; of all, if none is named."""
        request = ShowPodsRequest(pod_ids=[f"{self.job_id}.{index}" for index in indexes])
        answer = await self.call(lambda agent: agent.show_pods(request))
        return {int(pod.pod_id.rpartition(".")[2]): pod.tasks[0] for pod in answer.pods}

    def effects(self, index: int) -> list[str]:
        """What the task of a pod did, by its own account; also of one that is gone."""
        for place in ("pods", "dead", "pods"):  # it may be moved under our eyes
            path = self.data / place / f"{self.job_id}.{index}.1" / "0" / "effects"
            try:
                return path.read_text().split()
            except FileNotFoundError:
                continue
        return []

    def remains(self, index: int) -> Iterator[str]:
        """What is left on the machine of a pod that is gone."""
        container = f"{self.job_id}.{index}.1.0"
        if (self.data / "gce" / "containers" / container).exists():
            yield "a record"
        yield from map(str, Path("/sys/fs/cgroup").glob(f"*/{self._cgroup}/{container}"))
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            if container in line:
                yield f"a mount: {line}"
        wanted = f"GALAXY_POD_ID={self.job_id}.{index}\0".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                ours = wanted in (process / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if ours and start_time(process.name) is not None:
                yield f"process {process.name}"

    async def until(
        self, question: Callable[[], Awaitable[T]], why: str, patience_s: float = PATIENCE_S
    ) -> T:
        """Ask until the answer is true; `Lost` if it never is."""
        clock = cast("Any", reactor)
        end = clock.seconds() + patience_s
        while not (answer := await question()):
            if clock.seconds() > end:
                raise Lost(why)
            await deferLater(clock, _POLL_S)
        return answer

    async def execute(self, index: int, *command: str) -> list[ExecItem]:
        """What a command in the task of a pod says, and how it ends."""
        pod_id = f"{self.job_id}.{index}"

        async def converse(peer: IPeer) -> list[ExecItem]:
            session = secrets.token_hex(8)
            request = ExecRequest(pod_id=pod_id, command=command, session=session)
            return [item async for item in ConsoleStub(peer).exec(request)]

        return await self._ask(converse, LONG_S)

    async def call(self, ask: Callable[[AgentStub], Awaitable[T]]) -> T:
        """Ask the agent; the next one, if it dies before it answers."""
        return await self._ask(lambda peer: ask(AgentStub(peer)))

    async def _ask(self, ask: Callable[[IPeer], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
        clock = cast("Any", reactor)
        end = clock.seconds() + patience_s
        while True:
            try:
                if self._peer is None:
                    network = TcpNetwork(reactor)
                    self._peer = await network.dial(self._endpoint, Hello(role="master"))
                return await ask(self._peer)
            except GalaxyError as error:
                if error.status not in (kRpcError, kDeadline, kCancelled):
                    raise
                if clock.seconds() > end:
                    raise Lost(f"the agent does not answer: {error}") from error
                self._peer = None
                await deferLater(clock, _POLL_S)

    async def _is_clean(self) -> bool:
        containers = self.data / "gce" / "containers"
        groups = Path("/sys/fs/cgroup").glob(f"*/{self._cgroup}/*/")
        return not any(containers.iterdir()) and not any(groups)


def _remove(group: Path) -> None:
    """Remove a group and all in it, for a test that has failed already."""
    for below in group.glob("*/"):
        while pids := (below / "cgroup.procs").read_text().split():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        below.rmdir()
    group.rmdir()


def _child(parent: int) -> int:
    """The only child of a process."""
    for process in Path("/proc").glob("[0-9]*"):
        found = stat(process.name)
        if found is not None and found[1] == parent:
            return int(process.name)
    raise ProcessLookupError


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
