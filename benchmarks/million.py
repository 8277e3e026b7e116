"""
A million pods on 5,000 simulated machines: from submit to running, over real TCP.

Master (its nexus on the disk) and scheduler are the real daemons; the machines are
objects in a third process that take what they are told and report it running a
fifth of a second later. Printed: the seconds until all pods run, and what the
master needed. The baseline is a bare exchange that carries one message a pod.

    python -m benchmarks.million [--agents N] [--jobs N] [--pods N]
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.python.failure import Failure
from zope.interface import implementer

from galaxy.protocol.agent_pb2 import (
    KillPodsRequest,
    KillPodsResponse,
    LogChunk,
    PodGroup,
    PodStatus,
    QueryRequest,
    QueryResponse,
    ReadLogRequest,
    RunPodsRequest,
    RunPodsResponse,
    ShowPodsRequest,
    ShowPodsResponse,
)
from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import (
    GetStatusRequest,
    GetStatusResponse,
    HeartBeatRequest,
    HeartBeatResponse,
    SubmitJobRequest,
)
from galaxy.protocol.methods import Served
from galaxy.protocol.services import AGENT, IAgent, MasterStub
from galaxy.protocol.tcp import TcpNetwork
from galaxy.protocol.types_pb2 import (
    AgentFacts,
    JobDescriptor,
    PodDescriptor,
    Resource,
    TaskDescriptor,
    kLongRun,
    kPodRunning,
    kSourceTypeCommand,
)
from galaxy.protocol.wire_pb2 import Hello

MILLICORES, MEMORY = 100, 1 << 20
START_S = 0.2  # a pod takes this long to run
DEADLINE_S = 120.0

reactor: Any = installed_reactor


@implementer(IAgent)
@define(eq=False)
class SimulatedAgent:
    """A machine that starts whatever it is told to."""

    endpoint: str
    room: int  # pods
    revision: int = 1
    log: list[tuple[int, PodGroup]] = field(factory=list)
    facts_wanted: bool = True
    interval_s: float = 1.0
    bell: bool = False
    master: MasterStub | None = None

    async def join(self, network: TcpNetwork, address: str) -> None:
        """Find the master, begin to beat."""
        hello = Hello(role="agent", name=self.endpoint)
        self.master = MasterStub(await network.dial(address, hello, [Served(AGENT, self)]))
        self._again()

    def _again(self) -> None:
        self._beat()
        reactor.callLater(self.interval_s, self._again)

    def _beat(self) -> None:
        self.bell = False
        request = HeartBeatRequest(endpoint=self.endpoint, instance="1", revision=self.revision)
        if self.facts_wanted:
            total = Resource(millicores=MILLICORES * self.room, memory=MEMORY * self.room)
            request.facts.CopyFrom(AgentFacts(hostname="simulated", total=total))
        assert self.master is not None
        self.master.heart_beat(request, deadline_s=DEADLINE_S).addCallbacks(
            self._answered, _master_is_gone
        )

    def _answered(self, response: HeartBeatResponse) -> None:
        self.facts_wanted = response.send_facts
        self.interval_s = response.interval_s

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """What was started since."""
        groups = [group for revision, group in self.log if revision > request.since_revision]
        full = not request.since_revision
        return QueryResponse(instance="1", revision=self.revision, full=full, groups=groups)

    async def run_pods(self, request: RunPodsRequest, call: Call) -> RunPodsResponse:
        """Take them; they run soon."""
        for launch in request.launches:
            self.revision += 1
            group = PodGroup(
                job_id=launch.job_id,
                version=launch.version,
                state=kPodRunning,
                healthy=True,
                index=launch.index,
                incarnation=launch.incarnation,
            )
            self.log.append((self.revision, group))
        if not self.bell:
            self.bell = True
            reactor.callLater(START_S, self._beat)
        return RunPodsResponse()

    async def kill_pods(self, request: KillPodsRequest, call: Call) -> KillPodsResponse:
        """Whatever it is, it is gone."""
        return KillPodsResponse(gone=request.kills)

    async def show_pods(self, request: ShowPodsRequest, call: Call) -> ShowPodsResponse:
        """There is little to show."""
        return ShowPodsResponse(pods=[PodStatus(pod_id=pod_id) for pod_id in request.pod_ids])

    async def read_log(
        self,
        request: ReadLogRequest,
        call: Call,
        send: Callable[[LogChunk], Awaitable[None]],
    ) -> None:
        """There is no log."""


def _master_is_gone(_: Failure) -> None:
    if reactor.running:
        reactor.stop()


def simulate(address: str, agents: int, room: int) -> None:
    """The process with the machines: joins them one after the other, says so, and serves."""

    async def join_all() -> None:
        network = TcpNetwork(reactor)
        for number in range(agents):
            await SimulatedAgent(f"10.0.0.1:{number}", room).join(network, address)
        print("joined", flush=True)

    Deferred.fromCoroutine(join_all()).addErrback(_master_is_gone)
    reactor.run()


@define
class Daemons:
    """The processes of one run; each is ended by its own pid."""

    directory: Path
    started: list[subprocess.Popen[str]] = field(factory=list)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Another process, from this project."""
        root = str(Path(__file__).parents[1])
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": root},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def twistd(self, plugin: str, *options: str) -> subprocess.Popen[str]:
        """A daemon of Galaxy's, in the foreground."""
        return self.start("twisted", "--log-file", f"{plugin}.log", plugin, *options)

    def end(self) -> None:
        """The last that was started ends first."""
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            process.communicate()


def free_address() -> str:
    """Where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def job(number: int, pods: int) -> JobDescriptor:
    """One of the jobs."""
    requirement = Resource(millicores=MILLICORES, memory=MEMORY)
    task = TaskDescriptor(
        binary=b"true",
        source_type=kSourceTypeCommand,
        start_command="sleep 1000",
        requirement=requirement,
    )
    return JobDescriptor(
        name=f"job-{number}",
        type=kLongRun,
        replica=pods,
        pod=PodDescriptor(requirement=requirement, tasks=[task]),
    )


async def _dial(address: str) -> MasterStub:
    network = TcpNetwork(reactor)
    hello = Hello(role="client", name="benchmark")
    while True:
        try:
            return MasterStub(await network.dial(address, hello))
        except Exception:  # noqa: BLE001 - it does not listen yet
            await deferLater(reactor, 0.1)


async def _until(
    master: MasterStub, question: Callable[[GetStatusResponse], bool]
) -> GetStatusResponse:
    while True:
        status = await master.get_status(GetStatusRequest(), deadline_s=DEADLINE_S)
        if question(status):
            return status
        await deferLater(reactor, 0.2)


async def measure(address: str, daemons: Daemons, options: argparse.Namespace) -> None:
    """Start everything, submit, wait, print."""
    nexus = f"leveldb:{daemons.directory}/nexus"
    leader = daemons.twistd("galaxy-master", "--listen", address, "--nexus", nexus)
    master = await _dial(address)
    count = options.jobs * options.pods
    room = str(-(-count // options.agents))
    fleet = daemons.start(
        "benchmarks.million", "--simulate", address, "--agents", str(options.agents), "--room", room
    )
    assert fleet.stdout is not None
    fleet.stdout.readline()
    await _until(master, lambda status: status.agents_alive == options.agents)
    daemons.twistd("galaxy-scheduler", "--master", address)
    await deferLater(reactor, 3.0)
    cpu_before = cpu_s(leader.pid)
    begun = time.perf_counter()
    submitted = [
        master.submit_job(SubmitJobRequest(job=job(number, options.pods)), deadline_s=DEADLINE_S)
        for number in range(options.jobs)
    ]
    for answer in submitted:
        await answer
    accepted = time.perf_counter() - begun
    await _until(master, lambda status: status.pods_running == count)
    spent = time.perf_counter() - begun
    used = cpu_s(leader.pid) - cpu_before
    print(f"{count:,} pods of {options.jobs:,} jobs on {options.agents:,} machines")
    print(f"  all submitted after {accepted:6.1f} s")
    print(f"  all running after   {spent:6.1f} s   {count / spent:,.0f} pods a second")
    print(
        f"  the master used     {used:6.1f} s of processor and {resident_mib(leader.pid):.0f} MiB"
    )


def cpu_s(pid: int) -> float:
    """The processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """What a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)


def bare_exchange(count: int) -> None:
    """The baseline: one message a pod built, written and parsed, there and back; nothing else."""
    begun = time.perf_counter()
    for number in range(count):
        launch = RunPodsRequest()
        launch.launches.add(job_id="job-000000000000", version="1", index=[number], incarnation=[1])
        RunPodsRequest.FromString(launch.SerializeToString())
        report = QueryResponse(instance="1", revision=number)
        report.groups.add(
            job_id="job-000000000000",
            version="1",
            state=kPodRunning,
            healthy=True,
            index=[number],
            incarnation=[1],
        )
        QueryResponse.FromString(report.SerializeToString())
    print(f"  one message a pod   {time.perf_counter() - begun:6.1f} s for the messages alone")


def main() -> None:
    """Measure, or be the machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=1000, help="of each job")
    parser.add_argument("--simulate", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--room", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.simulate:
        simulate(options.simulate, options.agents, options.room)
        return
    bare_exchange(options.jobs * options.pods)
    with tempfile.TemporaryDirectory(prefix="galaxy-million-") as directory:
        daemons = Daemons(Path(directory))
        try:
            react(lambda _: Deferred.fromCoroutine(measure(free_address(), daemons, options)))
        finally:
            daemons.end()


if __name__ == "__main__":
    main()
