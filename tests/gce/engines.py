"""Real engines for the functional tests, and what they need of the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

import galaxy
from galaxy.gce.boxable import why_no_boxes
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups, read_mountinfo
from galaxy.gce.mounts import parse_mountinfo
from galaxy.gce.options import Options
from galaxy.gce.procfs import stat
from galaxy.gce.record import ProcessId
from galaxy.gce.records import Records
from galaxy.gce.run import make_supervisor
from galaxy.gce.service import GceService
from galaxy.protocol.gce_pb2 import RemoveRequest, UsageRequest
from galaxy.protocol.interfaces import IPeer
from galaxy.protocol.services import GceStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.wire_pb2 import Hello
from tests.gce.contract import NO_CALL

# An engine finds the code where this process found it.
_CODE = [str(Path(galaxy.__file__).parent.parent), os.environ.get("PYTHONPATH")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, _CODE))}
CGROUP = f"galaxy-test-{os.getpid()}"


def why_no_cgroups() -> str | None:
    """Why control groups cannot be tested here; None: they can."""
    cgroups = find_cgroups(CGROUP)
    cgroups.close()
    return None if cgroups.isolation != "none" else f"no control groups: {cgroups.reason}"


def unified() -> str:
    """Where version 2 of the control groups is mounted; empty: nowhere."""
    return parse_mountinfo(read_mountinfo()).unified


def why_no_unified() -> str | None:
    """Why version 2 cannot be tested here, not even without controllers; None: it can."""
    if not unified():
        return "version 2 is not mounted"
    return None if os.access(unified(), os.W_OK) else f"{unified()} is not ours to write to"


def groups(name: str) -> list[Path]:
    """The control groups of a name, below every mount there is."""
    mounts = parse_mountinfo(read_mountinfo())
    places = [*(hierarchy.path for hierarchy in mounts.hierarchies), mounts.unified]
    return [group for place in places if place and (group := Path(place, name)).exists()]


def temporary_directory(test: SynchronousTestCase) -> Path:
    """A directory that every user may enter, and that goes with the test."""
    directory = Path(tempfile.mkdtemp(prefix="galaxy-gce-"))
    directory.chmod(0o755)
    test.addCleanup(shutil.rmtree, directory)
    return directory


def options(directory: Path, cgroup: str) -> Options:
    """The options of an engine that lives in a directory."""
    return Options(
        socket=str(directory / "socket"),
        directory=directory / "gce",
        cgroup=cgroup,
        pidfile=directory / "pid",
        log=directory / "log",
    )


async def engine_in(test: TestCase, directory: Path, cgroups: ICgroups) -> GceService:
    """An engine with real processes, in this process; it is emptied when the test ends."""
    supervisor = make_supervisor(reactor, options(directory, ""), cgroups)
    await supervisor.start()
    service = GceService(supervisor, cast("Any", reactor), "test", no_boxes=why_no_boxes())

    async def leave() -> None:
        for usage in (await service.usage(UsageRequest(), NO_CALL)).usages:
            await service.remove(RemoveRequest(container=usage.container), NO_CALL)
        supervisor.stop()

    test.addCleanup(lambda: Deferred.fromCoroutine(leave()))
    return service


async def wait_until(what: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until something is so; the test's timeout is the limit."""
    while not await what():
        await deferLater(cast("Any", reactor), 0.02)


class Engine:
    """`python -m galaxy.gce` as a process, and the connection to it."""

    def __init__(self, directory: Path, cgroup: str, code: Path | None = None) -> None:
        """`code`: where the galaxy is that it is to run; default: ours."""
        self.directory = directory
        self._environment = {**ENVIRONMENT, **({"PYTHONPATH": str(code)} if code else {})}
        self.gce: GceStub
        self._options = options(directory, cgroup)
        self._process: subprocess.Popen[bytes] | None = None
        self._peer: IPeer | None = None

    def command(self) -> list[str]:
        """How it is started."""
        told = self._options
        return [
            *(sys.executable, "-m", "galaxy.gce"),
            *("--socket", told.socket),
            *("--dir", str(told.directory)),
            *("--cgroup", told.cgroup),
            *("--pidfile", str(told.pidfile)),
        ]

    async def start(self) -> None:
        """Start it, and connect as soon as it serves."""
        with self._log().open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                env=self._environment,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        await self.connect()

    async def connect(self) -> None:
        """Connect as soon as it serves."""
        assert self._process is not None
        network = TcpNetwork(reactor)
        while self._peer is None:
            if self._process.poll() is not None:
                raise AssertionError(f"gce ended: {self._log().read_text()}")
            try:
                self._peer = await network.dial(f"unix:{self._options.socket}", Hello(role="test"))
            except GalaxyError:
                await deferLater(cast("Any", reactor), 0.02)
        self.gce = GceStub(self._peer)

    async def upgrade(self) -> None:
        """SIGUSR1; returns when the next one serves."""
        await self._signal(signal.SIGUSR1)
        await self.connect()

    def log(self) -> str:
        """What it logged."""
        return self._log().read_text()

    @property
    def pid(self) -> int:
        """Its pid."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> None:
        """SIGTERM."""
        await self._end(signal.SIGTERM)

    def cradle(self) -> int:
        """The pid of its cradle."""
        assert self._process is not None
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
        parents = {pid: found[1] for pid in pids if (found := stat(pid)) is not None}
        return next(pid for pid, parent in parents.items() if parent == self._process.pid)

    def keeper(self, container: str, name: str) -> int:
        """The pid of a keeper."""
        claim = Records(self._options.directory).read_claim(ProcessId(container, name))
        assert claim is not None
        return claim.pid

    async def leave_nothing(self) -> None:
        """Remove every container, end; fail if a group is left, or what gce logged is a fault."""
        if self._process is None or self._process.poll() is not None:
            await self.start()
        containers = [usage.container for usage in (await self.gce.usage(UsageRequest())).usages]
        for container in containers:
            await self.gce.remove(RemoveRequest(container=container))
        await self.terminate()
        if self._options.cgroup:
            assert not groups(self._options.cgroup), groups(self._options.cgroup)
        log = self._log().read_text()
        assert "Traceback" not in log, log

    async def _end(self, number: int) -> None:
        assert self._process is not None
        await self._signal(number)
        self._process.wait()

    async def _signal(self, number: int) -> None:
        assert self._peer is not None
        closed = self._peer.when_closed()
        self.signal(number)
        await closed
        self._peer = None

    def _log(self) -> Path:
        return self.directory / "log"
