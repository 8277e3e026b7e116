"""Packages and deploy commands: a real agent, a real gce, real processes in real control groups."""

from __future__ import annotations

import gzip
import os
import pwd
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from galaxy.agent.agent import Agent
from galaxy.agent.console.channels import Channels
from galaxy.agent.delivery.sources import all_sources
from galaxy.agent.delivery.throttle import Throttle
from galaxy.agent.machine import Machine as Size
from galaxy.agent.output.outputs import Output
from galaxy.agent.probes import MemoryProbes
from galaxy.agent.surroundings import Surroundings
from galaxy.agent.users import Users
from galaxy.nexus.database import MemoryDatabase
from galaxy.nexus.static import StaticDiscovery
from galaxy.protocol.agent_pb2 import PodStatus, ShowPodsRequest
from galaxy.protocol.services import AgentStub
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.types_pb2 import (
    Resource as Asked,
)
from galaxy.protocol.types_pb2 import (
    TaskDescriptor,
    kPodRunning,
    kSourceTypeBinary,
    kSourceTypeCommand,
    kSourceTypeFTP,
)
from galaxy.protocol.wire_pb2 import Hello
from galaxy.settings import AgentSettings
from tests.agent.delivery.test_unpack import special, tar
from tests.agent.machines import GIB, MAIN, Spawner, description, run_request
from tests.gce.engines import CGROUP, Engine, temporary_directory, wait_until, why_no_cgroups

reactor: Any = installed_reactor
NO_CGROUPS = why_no_cgroups()
NO_ROOT = os.geteuid() != 0
USER = "nobody" if not NO_ROOT else pwd.getpwuid(os.geteuid()).pw_name
TENTH = Asked(millicores=50, memory=64 << 20)


def quotas(cgroup: str) -> list[str]:
    """What a control group may take of the processor in a tenth of a second, in microseconds."""
    root = Path("/sys/fs/cgroup")
    files = [
        *root.glob(f"*{cgroup}/cpu.cfs_quota_us"),
        *root.glob(f"{cgroup.lstrip('/')}/cpu.max"),
    ]
    return sorted({path.read_text().split()[0] for path in files})


class DeployTests(TestCase):
    """How the files of a task come to it."""

    timeout = 60

    def setUp(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        self.directory = temporary_directory(self)
        self.engine = Engine(self.directory, "" if NO_CGROUPS else CGROUP)
        await self.engine.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.engine.leave_nothing()))
        network = TcpNetwork(reactor)
        data = self.directory / "agent"
        data.mkdir(mode=0o755)
        self.complaints: list[str] = []
        around = Surroundings(
            clock=reactor,
            rng=Random(7),
            machine=Size("host-1", 4, 8 * GIB),
            users=Users(os.geteuid(), "daemon", unboxed="nobody"),
            network=network,
            discovery=StaticDiscovery(["127.0.0.1:1"], reactor),
            open_database=MemoryDatabase,
            disk=deferToThread,
            in_thread=deferToThread,
            sources=all_sources(reactor, Throttle(), data),
            gce_address=f"unix:{self.directory / 'socket'}",
            spawner=Spawner(),
            probes=MemoryProbes(),
            channels=Channels(reactor, data / "exec"),
        )
        settings = AgentSettings(endpoint="127.0.0.1:0", data_dir=str(data), millicores=1000)
        agent = Agent(settings, around, self.complaints.append, self.complaints.append)
        agent.startService()
        self.addCleanup(agent.stopService)
        self.agent = agent
        await wait_until(self.ready)
        self.stub = AgentStub(await network.dial(agent.endpoint, Hello(role="master", name="test")))

    async def ready(self) -> bool:
        """Whether the agent listens, and knows what runs."""
        return self.complaints != [] or (
            not self.agent.endpoint.endswith(":0") and self.agent.gce.picture is not None
        )

    def serve(self, archive: bytes) -> str:
        """The URL of an archive."""
        root = Resource()
        root.putChild(b"package", Data(archive, "application/gzip"))
        listening = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        return f"http://127.0.0.1:{listening.getHost().port}/package"

    async def run_one(self, **task: Any) -> None:
        """Have a pod of one task."""
        described = TaskDescriptor(requirement=TENTH, start_command="exec sleep 1000", **task)
        answer = await self.stub.run_pods(run_request(description(described), 0), epoch=1)
        self.assertEqual(list(answer.refusals), [])

    async def pod(self) -> PodStatus:
        """The only pod."""
        (pod,) = (await self.stub.show_pods(ShowPodsRequest())).pods
        return pod

    async def until(self, reached: Any) -> PodStatus:
        """The pod, when it has come so far."""

        async def so() -> bool:
            return bool(reached(await self.pod()))

        await wait_until(so)
        return await self.pod()

    def output(self, pod: PodStatus, process: str, *, stderr: bool = False) -> str:
        """What a process of the task wrote."""
        return (Path(pod.path) / Output(0, 1, process, stderr).name).read_text()

    async def test_package(self) -> None:
        """What a URL leads to is unpacked as the task's user, and then its command runs."""
        archive = gzip.compress(tar(("bin/serve", b"#!/bin/sh\n")))
        await self.run_one(
            source_type=kSourceTypeFTP, binary=self.serve(archive).encode(), deploy_timeout_s=30.0
        )
        pod = await self.until(lambda pod: pod.state == kPodRunning)
        serve = Path(pod.path) / "0/bin/serve"
        self.assertEqual(pwd.getpwuid(serve.stat().st_uid).pw_name, USER)
        self.assertEqual([path.name for path in (Path(pod.path) / "0").iterdir()], ["bin"])
        (task,) = pod.tasks
        if NO_CGROUPS is None:
            self.assertEqual(quotas(task.cgroup), ["5000"])  # while it was unpacked: none

    async def test_inline(self) -> None:
        """What came with the job is unpacked in the same way, also with fewer system calls."""
        archive = gzip.compress(tar(("bin/serve", b"#!/bin/sh\n")))
        await self.run_one(source_type=kSourceTypeBinary, binary=archive, seccomp="default")
        pod = await self.until(lambda pod: pod.state == kPodRunning)
        self.assertEqual((Path(pod.path) / "0/bin/serve").read_bytes(), b"#!/bin/sh\n")

    async def test_hostile(self) -> None:
        """An archive that leads out of its place is refused with the reason, and leaves nothing."""
        archive = tar(("decent", b"x"), special("link", b"2", "../../../etc"))
        await self.run_one(source_type=kSourceTypeBinary, binary=gzip.compress(archive))
        pod = await self.until(lambda pod: "refused" in pod.reason)
        self.assertIn("'link' links to '../../../etc', out of it", pod.reason)
        self.assertEqual(list((Path(pod.path) / "0").iterdir()), [])

    async def test_deadline(self) -> None:
        """A deploy command that takes too long is ended, with all that it began."""
        hidden = "trap '' TERM; (setsid sleep 1000 &) ; sleep 1000; sleep 1000"
        await self.run_one(
            source_type=kSourceTypeCommand, binary=hidden.encode(), deploy_timeout_s=0.5
        )
        if NO_CGROUPS is None:
            await self.until(lambda pod: pod.tasks[0].pid)
            self.assertFalse(await self.nothing_lives())
        pod = await self.until(lambda pod: pod.tasks[0].next_try_time)
        self.assertIn("longer than the 0.5 s it has", pod.reason)
        await wait_until(self.nothing_lives)

    async def nothing_lives(self) -> bool:
        """Whether no process is left in the task's control groups."""
        assert self.agent.gce.picture is not None
        processes = self.agent.gce.picture[MAIN].values()
        return not any(
            (group / "cgroup.procs").read_text()
            for process in processes
            for group in Path("/sys/fs/cgroup").glob(f"*{process.cgroup}")
            if process.cgroup
        )

    async def test_as_the_task(self) -> None:
        """A deploy command has the task's user, its workspace, and its control groups."""
        await self.run_one(
            source_type=kSourceTypeCommand, binary=b"id -un; pwd; cat /proc/self/cgroup"
        )
        pod = await self.until(lambda pod: pod.state == kPodRunning)
        user, where, *groups = self.output(pod, "deploy.1").splitlines()
        self.assertEqual((user, where), (USER, str(Path(pod.path) / "0")))
        if NO_CGROUPS is None:
            inside = [line for line in groups if line.endswith(pod.tasks[0].cgroup)]
            self.assertGreater(len(inside), 0, groups)
