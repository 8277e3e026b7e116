"""gce becomes the gce that is installed now; tasks do not notice, who asks waits for a moment."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

import galaxy
from galaxy.protocol.gce_pb2 import (
    DescribeRequest,
    ExecuteRequest,
    ProcessStatus,
    kProcessEnded,
    kProcessRunning,
)
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.wire_pb2 import Hello
from tests.gce.engines import (
    CGROUP,
    Engine,
    temporary_directory,
    wait_until,
    why_no_cgroups,
)

OURS = Path(galaxy.__file__).parent
FOR_EVER = "exec sleep 1000"


class UpgradeTests(TestCase):
    """An engine that runs an installation which changes under it."""

    timeout = 120

    def setUp(self) -> Any:
        self.directory = temporary_directory(self)
        self.installed = self.directory / "galaxy"
        self.installed.symlink_to(OURS)
        cgroup = "" if why_no_cgroups() else CGROUP
        self.engine = Engine(self.directory, cgroup, code=self.directory)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.engine.leave_nothing()))
        return Deferred.fromCoroutine(self.engine.start())

    def install(self, ending: str) -> None:
        """Another version: ours, and this at the end of a module that gce needs."""
        self.installed.unlink()
        shutil.copytree(OURS, self.installed)
        with (self.installed / "gce" / "run.py").open("a") as file:
            file.write(ending)

    async def execute(self, name: str, command: str) -> ProcessStatus:
        request = ExecuteRequest(
            container="c",
            name=name,
            command=command,
            envs=["PATH=/usr/bin:/bin"],
            cwd="/tmp",
            stdout_path=str(self.directory / "out"),
            stderr_path=str(self.directory / "err"),
        )
        answer = await self.engine.gce.execute(request)
        return answer.process

    async def build(self) -> str:
        """Which gce serves."""
        return str((await self.engine.gce.describe(DescribeRequest())).build)

    async def test_upgrade(self) -> None:
        """The same process runs other code; its tasks run on, and it can start and end them."""
        before = await self.execute("main.0", FOR_EVER)
        pid, cradle = self.engine.pid, self.engine.cradle()
        self.install('\n\ndef _build() -> str:\n    return "the next"\n')
        self.assertNotEqual("the next", await self.build())
        await self.engine.upgrade()
        self.assertEqual("the next", await self.build())
        self.assertEqual(pid, (await self.engine.gce.describe(DescribeRequest())).pid)
        self.assertEqual(pid, int((self.directory / "pid").read_text()))
        self.assertNotEqual(cradle, self.engine.cradle())
        self.assertEqual(before, await self.execute("main.0", FOR_EVER))
        self.assertEqual(kProcessRunning, (await self.execute("main.1", FOR_EVER)).state)

    async def test_nobody_is_refused(self) -> None:
        """Who dials while it is being replaced is answered by the next one."""
        address = f"unix:{self.directory / 'socket'}"
        for _ in range(2):
            upgrading = Deferred.fromCoroutine(self.engine.upgrade())
            while not upgrading.called:
                peer = await TcpNetwork(reactor).dial(address, Hello(role="test"))
                peer.close("it was only about the dialling")
            await upgrading

    async def test_what_is_under_way(self) -> None:
        """What was asked for just before is started once, and an end meanwhile is known."""
        go = self.directory / "go"
        await self.execute("main.0", f"while [ ! -e {go} ]; do sleep 0.01; done; exit 3")
        ran = self.directory / "ran"
        asked = Deferred.fromCoroutine(self.execute("main.1", f"echo x >> {ran}; {FOR_EVER}"))
        asked.addErrback(lambda _: None)
        go.touch()
        await self.engine.upgrade()
        await asked
        await self.execute("main.1", f"echo x >> {ran}; {FOR_EVER}")

        async def ended() -> bool:
            return (await self.execute("main.0", "")).state == kProcessEnded

        await wait_until(ended)
        self.assertEqual(3, (await self.execute("main.0", "")).exit_code)
        self.assertEqual("x\n", ran.read_text())

    async def test_code_that_cannot_be_started(self) -> None:
        """It takes nobody's place; the log says why."""
        self.install("\n\nimport something_that_is_not_there\n")
        self.engine.signal(signal.SIGUSR1)

        async def told() -> bool:
            return "so this gce stays" in self.engine.log()

        await wait_until(told)
        self.assertEqual(kProcessRunning, (await self.execute("main.0", FOR_EVER)).state)
        # The test's own end looks for faults in the log; this one was wanted.
        log = self.directory / "log"
        self.assertIn("something_that_is_not_there", log.read_text())
        log.write_text("")
