"""The connection to gce: what runs is known while it lasts, and not in between."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.containers import further, process
from galaxy.agent.gce_link import RESPAWN_S, DetachedGce, GceLink
from galaxy.agent.records import End
from galaxy.agent.steps import Life, Process
from galaxy.gce.cgroups import Ceiling
from galaxy.gce.memory import MemoryGce
from galaxy.protocol.calls import Call
from galaxy.protocol.features import OF_GCE
from galaxy.protocol.gce_pb2 import (
    ConfigureRequest,
    ConfigureResponse,
    ExecuteRequest,
    ProcessStatus,
    kProcessEnded,
    kProcessFailed,
    kProcessRunning,
)
from galaxy.protocol.interfaces import IListening
from galaxy.protocol.loopback import LoopbackNetwork
from galaxy.protocol.methods import Served
from galaxy.protocol.services import GCE
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kRpcError, kUnknownMethod
from galaxy.protocol.wire_pb2 import Hello
from tests.agent.machines import GCE_ADDRESS, Spawner


class EarlierGce(MemoryGce):
    """A gce that has not heard of some method."""

    async def configure(self, request: ConfigureRequest, call: Call) -> ConfigureResponse:
        """Refuse, as a server does that has no such method."""
        raise GalaxyError(kUnknownMethod, "Gce has no method Configure")


class LinkTests(SynchronousTestCase):
    """Against memory gce."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.network = LoopbackNetwork(self.clock)
        self.gce = MemoryGce(self.clock)
        self.spawner = Spawner()
        self.told: list[list[str] | None] = []
        self.faults: list[str] = []
        hello = Hello(role="agent", name="a")
        self.link = GceLink(
            self.network,
            GCE_ADDRESS,
            hello,
            self.spawner,
            self.clock,
            broken=lambda failure: self.faults.append(failure.getErrorMessage()),
            ceiling=ConfigureRequest(memory=5),
        )
        self.link.tell(self.changed)

    def changed(self, containers: Iterable[str] | None) -> None:
        """Note what is told."""
        self.told.append(None if containers is None else sorted(containers))

    def listen(self) -> IListening:
        """Have gce answer."""
        hello = Hello(role="gce", name="gce", features=OF_GCE)
        return self.successResultOf(
            self.network.listen(GCE_ADDRESS, hello, [Served(GCE, self.gce)])
        )

    def start(self) -> None:
        """Start the link, and let it find gce."""
        self.listen()
        self.link.startService()
        self.addCleanup(self.link.stopService)
        self.advance(1)

    def advance(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)

    def execute(self, container: str = "c") -> Deferred[None]:
        """Start a process that runs on."""
        request = ExecuteRequest(
            container=container,
            name="main.0",
            command="serve",
            cwd="/",
            stdout_path="/dev/null",
            stderr_path="/dev/null",
        )
        return self.link.execute(request)

    def test_isolation_is_not_known_at_first(self) -> None:
        """What is not known is not said to be none."""
        self.assertEqual((self.link.isolation.kind, self.link.isolation.none), ("", True))
        self.start()
        self.assertNotEqual(self.link.isolation.kind, "")

    def test_unknown_at_first(self) -> None:
        """Until gce has told, what runs is not known, which is not the same as nothing."""
        self.assertIsNone(self.link.picture)
        self.start()
        self.assertEqual(self.link.picture, {})
        self.assertEqual(self.told, [None])

    def test_ceiling(self) -> None:
        """gce is told what all pods may use together, again by each connection."""
        self.start()
        self.assertEqual(self.gce.machine.ceiling, Ceiling(0, 5))

    def test_gce_of_an_earlier_release(self) -> None:
        """One that does not know of ceilings is worked with all the same."""
        self.gce = EarlierGce(self.clock)
        self.start()
        self.assertEqual(self.link.picture, {})
        self.assertEqual(self.gce.machine.ceiling, Ceiling())

    def test_executed(self) -> None:
        """A process is in the picture before its start is answered, and its end follows."""
        self.start()
        started = self.execute()
        self.advance(0.1)
        self.successResultOf(started)
        assert self.link.picture is not None
        self.assertEqual(self.link.picture["c"]["main.0"].life, Life.RUNNING)
        self.gce.end("c", "main.0", exit_code=4)
        self.advance(0.1)
        end = self.link.picture["c"]["main.0"].end
        assert end is not None
        self.assertEqual(end.exit_code, 4)
        self.assertEqual(self.told[-1], ["c"])

    def test_removed(self) -> None:
        """A container that is removed is out of the picture."""
        self.start()
        self.execute()
        self.advance(0.1)
        removed = self.link.remove("c")
        self.advance(1)
        self.successResultOf(removed)
        self.assertEqual(self.link.picture, {})

    def test_lost(self) -> None:
        """When the connection breaks nothing is known, until all is told anew."""
        self.start()
        self.execute()
        self.advance(0.1)
        self.network.drop("a")
        self.clock.advance(0)
        self.assertIsNone(self.link.picture)
        self.assertEqual(self.told[-1], None)
        self.advance(1)
        assert self.link.picture is not None
        self.assertEqual(list(self.link.picture), ["c"])

    def test_not_connected(self) -> None:
        """A call without a connection fails at once with kRpcError."""
        error = self.failureResultOf(self.execute(), GalaxyError).value
        self.assertEqual(error.status, kRpcError)

    def test_spawn(self) -> None:
        """gce is started when nobody answers, and not again while it may still be starting."""
        self.link.startService()
        self.addCleanup(self.link.stopService)
        self.advance(RESPAWN_S - 1)
        self.assertEqual(self.spawner.times, 1)
        self.advance(2)
        self.assertEqual(self.spawner.times, 2)
        self.listen()
        self.advance(20)
        self.assertEqual(self.spawner.times, 2)
        self.assertEqual(self.link.isolation.kind, "cgroup-v1")

    def test_fault(self) -> None:
        """A fault of ours ends the dialling, and somebody is told."""

        def fall_over(containers: Iterable[str] | None) -> None:
            raise ZeroDivisionError("ours")

        self.link.tell(fall_over)
        self.start()
        self.assertEqual(self.faults, ["ours"])

    def test_stopped(self) -> None:
        """To be stopped is no fault."""
        self.start()
        self.link.stopService()
        self.advance(1)
        self.assertEqual((self.faults, self.clock.getDelayedCalls()), ([], []))


class ReportTests(SynchronousTestCase):
    """Reports as values."""

    def test_states(self) -> None:
        """What runs, what ended, what never ran."""
        runs = process(ProcessStatus(state=kProcessRunning, pid=7, start_time=5.0))
        self.assertEqual(runs, Process(Life.RUNNING, 7, 5.0))
        ended = process(ProcessStatus(state=kProcessEnded, signal=9, oom_killed=True, end_time=8.0))
        self.assertEqual(ended.end, End(signal=9, oom_killed=True, time=8.0))
        lost = process(ProcessStatus(state=kProcessEnded, signal=9, reason="its keeper was killed"))
        assert lost.end is not None
        self.assertEqual((str(lost.end), lost.end.signal), ("its keeper was killed", 9))
        failed = process(ProcessStatus(state=kProcessFailed, reason="no such user"))
        assert failed.end is not None
        self.assertEqual(str(failed.end), "no such user")

    def test_forward(self) -> None:
        """A life only moves forward, in whatever order its reports come."""
        runs, ended = Process(Life.RUNNING, 7), Process(Life.ENDED, 7, end=End())
        self.assertEqual(further(ended, runs), ended)
        self.assertEqual(further(runs, ended), ended)
        self.assertEqual(further(None, runs), runs)


class DetachedTests(SynchronousTestCase):
    """Starting the real thing."""

    def test_no_place(self) -> None:
        """Where its log cannot be written it is not started, and that is an OSError."""
        nowhere = Path(self.mktemp()) / "not" / "there"
        gce = DetachedGce(
            socket=nowhere, directory=nowhere, cgroup="x", pidfile=nowhere, log=nowhere
        )
        with self.assertRaises(OSError):
            gce.spawn()
