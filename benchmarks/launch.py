"""
How many tasks gce starts a second, how soon each, and what a keeper weighs.

    python -m benchmarks.launch [--launches N] [--in-flight N]

A *complete launch*: control groups made and limited, record written, keeper and
task forked, groups joined, rights dropped, /bin/sh executed, output files
opened, its end on disk, groups and record removed. The ways, in one run:

    spawn loop    `sh -c` by fork and wait: no groups, no user, no record, no removal
    keeper loop   complete launches by the cradle alone: no engine, no socket
    gce           complete launches by a real engine, asked over its socket by this
                  process: Execute, the end by Watch, Remove

The last two without boxes and in boxes. They take turns, a round of each at a time, so that
what disturbs the machine disturbs all. Told are the best round of each, and the ratios of
the best and in the median of the rounds, which says more where the machine is not quiet.
The time of one launch is that of Execute, from the request to the answer that it runs:
one at a time, and with others in flight. As root, as the user nobody; without
control groups the first line says so.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pwd
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from attrs import Factory, define
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

import galaxy
from galaxy.gce import record, requests
from galaxy.gce.boxable import why_no_boxes
from galaxy.gce.cgroups import Allowance, ICgroups
from galaxy.gce.containment import find_cgroups
from galaxy.gce.launcher import asked_of_cradle
from galaxy.gce.procfs import boot_id
from galaxy.gce.record import ProcessId, Spec
from galaxy.gce.records import Records
from galaxy.gce.requests import rights_of
from galaxy.gce.spawn import Cradle, spawn_cradle
from galaxy.gce.templates import TemplateKeys
from galaxy.protocol import gce_pb2
from galaxy.protocol.gce_pb2 import (
    ExecuteRequest,
    Limits,
    RemoveRequest,
    StopRequest,
    WatchRequest,
    kProcessEnded,
    kProcessFailed,
)
from galaxy.protocol.services import GceStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import HOST_DIRS

CGROUP = f"galaxy-bench-{os.getpid()}"
USER = "nobody" if os.geteuid() == 0 else ""
BOXES = not why_no_boxes()
# As an agent has it: what the machine has for all, /tmp, a workspace.
WRITABLE = ("/tmp", "/var/tmp", "/home/pod")  # noqa: S108  (of the task's box)
ASKED = gce_pb2.Box(
    hostname="bench.0",
    binds=[
        *(gce_pb2.Bind(source=path, target=path) for path in HOST_DIRS),
        *(
            gce_pb2.Bind(source=tempfile.gettempdir(), target=path, writable=True)
            for path in WRITABLE
        ),
    ],
)
BOX = requests.box(ASKED)
MILLICORES, MEMORY, PIDS = 1000, 64 << 20, 64
KEEPERS = 100
GOAL_SHARE, GOAL_P99_MS, GOAL_PSS_MB = 0.80, 20.0, 0.5
ROUNDS = 5


def spawn_loop(launches: int, in_flight: int) -> float:
    """`sh -c` a second, by the cheapest fork there is (posix_spawn) and wait."""
    begun = time.perf_counter()
    running = 0
    for _ in range(launches):
        if running == in_flight:
            os.wait()
            running -= 1
        os.posix_spawn("/bin/sh", ["/bin/sh", "-c", "exit 0"], {})
        running += 1
    for _ in range(running):
        os.wait()
    return launches / (time.perf_counter() - begun)


class KeeperLoop:
    """Complete launches with nothing above the cradle."""

    def __init__(self, directory: Path, cgroups: ICgroups) -> None:
        self._records = Records(directory)
        self._cgroups = cgroups
        self._outputs = directory
        self._cradle: Cradle = spawn_cradle(directory)
        self._cradle.socket.setblocking(True)
        self._cradle.socket.recv(4096)
        self._numbers = itertools.count()
        self._boot = boot_id()
        self._keys = TemplateKeys()
        self._box: record.Box | None = None

    def run(self, launches: int, in_flight: int, *, boxed: bool) -> float:
        """Complete launches a second."""
        self._box = BOX if boxed else None
        begun = time.perf_counter()
        poll = select.poll()
        keepers: dict[int, ProcessId] = {}
        asked = running = over = 0
        poll.register(self._cradle.socket, select.POLLIN)
        while over < launches:
            while asked < launches and running < in_flight:
                self._ask(ProcessId(f"loop-{next(self._numbers)}", "main"))
                asked += 1
                running += 1
            for fd, _ in poll.poll():
                if fd == self._cradle.socket.fileno():
                    container, _, name = self._cradle.socket.recv(4096).decode().partition("/")
                    process = ProcessId(container, name)
                    claim = self._records.read_claim(process)
                    assert claim is not None
                    try:
                        keeper = os.pidfd_open(claim.pid)
                    except ProcessLookupError:
                        self._finish(process)
                        running, over = running - 1, over + 1
                    else:
                        keepers[keeper] = process
                        poll.register(keeper, select.POLLIN)
                else:
                    poll.unregister(fd)
                    os.close(fd)
                    self._finish(keepers.pop(fd))
                    running, over = running - 1, over + 1
        return launches / (time.perf_counter() - begun)

    def close(self) -> None:
        """Let the cradle go."""
        self._cradle.socket.close()
        self._cradle.process.wait()

    def _ask(self, process: ProcessId) -> None:
        entrance = self._cgroups.create(process.container, Allowance(MILLICORES, MEMORY, PIDS))
        rights = rights_of(USER, os.geteuid())
        spec = Spec(
            boot=self._boot,
            command="exit 0",
            envs=("PATH=/usr/bin:/bin",),
            cwd="/tmp",  # noqa: S108
            stdout=str(self._outputs / "out"),
            stderr=str(self._outputs / "err"),
            uid=rights.uid,
            gid=rights.gid,
            groups=rights.groups,
            join=entrance.join,
            oom_events=entrance.oom_events,
            box=self._box,
        )
        self._records.write_spec(process, spec)
        self._cradle.socket.send(asked_of_cradle(process, spec, self._keys))

    def _finish(self, process: ProcessId) -> None:
        ended = self._records.read(process).ended
        assert ended is not None, process
        assert not ended.failed, ended.failed
        self._cgroups.remove(process.container)
        self._records.forget(process.container)


class Engine:
    """A real gce, and what this process asks of it."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self._reactor = reactor
        self._directory = directory
        self._numbers = itertools.count()
        self._over: dict[str, Deferred[None]] = {}
        self._gce: GceStub
        self._boxed = BOXES
        self._process = self._spawn()

    async def connect(self) -> None:
        """Dial until it serves, and watch."""
        network = TcpNetwork(self._reactor)
        while True:
            try:
                peer = await network.dial(f"unix:{self._directory}/socket", Hello(role="bench"))
                break
            except GalaxyError:
                await deferLater(self._reactor, 0.05)
        self._gce = GceStub(peer)
        Deferred.fromCoroutine(self._watch()).addErrback(lambda _: None)

    async def run(self, launches: int, in_flight: int, *, boxed: bool) -> tuple[float, list[float]]:
        """Complete launches a second, and the milliseconds of each Execute."""
        self._boxed = boxed
        taken: list[float] = []
        left = itertools.repeat(None, launches)
        begun = time.perf_counter()
        lanes = [Deferred.fromCoroutine(self._lane(left, taken)) for _ in range(in_flight)]
        await gatherResults(lanes)
        return launches / (time.perf_counter() - begun), taken

    async def keepers(self, count: int) -> list[int]:
        """Start so many sleeping tasks; the pids of their keepers."""
        for number in range(count):
            await self._gce.execute(self._request(f"sleeps-{number}", "exec sleep 1000"))
        records = Records(self._directory / "gce")
        claims = [records.read_claim(ProcessId(f"sleeps-{n}", "main")) for n in range(count)]
        return [claim.pid for claim in claims if claim is not None]

    async def remove(self, count: int) -> None:
        """Remove the sleeping tasks."""
        for number in range(count):
            await self._gce.stop(StopRequest(container=f"sleeps-{number}", grace_s=10))
            await self._gce.remove(RemoveRequest(container=f"sleeps-{number}"))

    def close(self) -> None:
        """End it in order."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()

    async def _lane(self, left: Any, taken: list[float]) -> None:
        for _ in left:
            container = f"task-{next(self._numbers)}"
            over = self._over[container] = Deferred()
            begun = time.perf_counter()
            await self._gce.execute(self._request(container, "exit 0"))
            taken.append((time.perf_counter() - begun) * 1000)
            await over
            await self._gce.remove(RemoveRequest(container=container))

    async def _watch(self) -> None:
        async for change in self._gce.watch(WatchRequest()):
            for process in change.processes:
                assert process.state != kProcessFailed, process.reason
                if process.state == kProcessEnded and process.container in self._over:
                    self._over.pop(process.container).callback(None)

    def _request(self, container: str, command: str) -> ExecuteRequest:
        return ExecuteRequest(
            container=container,
            name="main",
            command=command,
            envs=["PATH=/usr/bin:/bin"],
            cwd="/tmp",  # noqa: S108
            user=USER,
            stdout_path=str(self._directory / "out"),
            stderr_path=str(self._directory / "err"),
            limits=Limits(millicores=MILLICORES, memory=MEMORY, pids=PIDS),
            box=ASKED if self._boxed else None,
        )

    def _spawn(self) -> subprocess.Popen[bytes]:
        at = self._directory
        options = {"socket": at / "socket", "dir": at / "gce", "pidfile": at / "pid"}
        arguments = [part for name, path in options.items() for part in (f"--{name}", str(path))]
        code = str(Path(galaxy.__file__).parent.parent)
        return subprocess.Popen(
            [sys.executable, "-m", "galaxy.gce", "--cgroup", CGROUP, *arguments],
            env={**os.environ, "PYTHONPATH": code},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )


def pss_mb(pid: int) -> float:
    """The proportional share of memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def share(rates: list[float], of: list[float]) -> str:
    """What one way is of another: by the best round of each, and in the median of the rounds."""
    median = statistics.median(rate / other for rate, other in zip(rates, of, strict=True))
    return f"{max(rates) / max(of):.2f} (median {median:.2f})"


@define
class Way:
    """One way to launch, and what was measured of it."""

    boxed: bool
    keepers: list[float] = Factory(list)
    gce: list[float] = Factory(list)
    together: list[float] = Factory(list)
    alone: list[float] = Factory(list)

    def tell(self, bare: list[float], in_flight: int) -> None:
        """Print it; `bare` are the bare keeper loop's rates."""
        print("in boxes" if self.boxed else "without boxes")
        print(f"  keeper loop  {max(self.keepers):7.0f} /s  {share(self.keepers, bare)} of bare")
        print(
            f"  gce          {max(self.gce):7.0f} /s  {share(self.gce, bare)} of the bare loop "
            f"(goal {GOAL_SHARE}), {share(self.gce, self.keepers)} of this one"
        )
        for what, values in (
            ("one at a time", self.alone),
            (f"{in_flight} in flight", self.together),
        ):
            print(
                f"  Execute, {what:13}  p50 {percentile(values, 0.5):5.1f} ms"
                f"  p99 {percentile(values, 0.99):5.1f} ms (goal {GOAL_P99_MS:.0f})"
            )


async def compare(reactor: Any, launches: int, in_flight: int, directory: Path) -> None:
    """Measure all ways in turn and print them."""
    user = f"as {pwd.getpwnam(USER).pw_name}" if USER else "as this user"
    cgroups = find_cgroups(CGROUP)
    print(
        f"{launches} launches of sh -c 'exit 0', {in_flight} in flight, {ROUNDS} rounds; "
        f"isolation {cgroups.isolation} {cgroups.reason}, {user}; "
        f"load {os.getloadavg()[0]:.1f} at the beginning"
    )
    loop = KeeperLoop(directory / "loop", cgroups)
    engine = Engine(reactor, directory)
    await engine.connect()
    spawns = []
    ways = [Way(boxed) for boxed in ((False, True) if BOXES else (False,))]
    for _ in range(ROUNDS):
        spawns.append(spawn_loop(launches, in_flight))
        for way in ways:
            way.keepers.append(loop.run(launches, in_flight, boxed=way.boxed))
            rate, taken = await engine.run(launches, in_flight, boxed=way.boxed)
            way.gce.append(rate)
            way.together += taken
    for way in ways:
        _, way.alone = await engine.run(launches // 2, 1, boxed=way.boxed)
    loop.close()
    bare = ways[0].keepers
    print(f"spawn loop     {max(spawns):7.0f} /s, {share(spawns, bare)} times the bare keeper loop")
    for way in ways:
        way.tell(bare, in_flight)
    pids = await engine.keepers(KEEPERS)
    weight = sum(pss_mb(pid) for pid in pids) / len(pids)
    print(f"a keeper, one of {KEEPERS}: {weight:.2f} MB PSS (goal {GOAL_PSS_MB})")
    await engine.remove(KEEPERS)
    engine.close()
    cgroups.close()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--launches", type=int, default=250)
    parser.add_argument("--in-flight", type=int, default=4)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="galaxy-launch-"))
    directory.chmod(0o755)
    try:
        react(
            lambda reactor: Deferred.fromCoroutine(
                compare(reactor, options.launches, options.in_flight, directory)
            )
        )
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
