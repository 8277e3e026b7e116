"""gce in memory keeps the contract, and does as the test says."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.memory import MemoryGce
from galaxy.gce.memory_machine import Behaviour, usual
from galaxy.gce.record import ProcessId, Spec
from galaxy.protocol.gce_pb2 import (
    ExecuteRequest,
    ProcessStatus,
    StopRequest,
    kProcessEnded,
    kProcessRunning,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kPersistenceError
from tests.gce import contract


def as_a_shell_would(process: ProcessId, spec: Spec) -> Behaviour:
    """The behaviour of the contract's commands."""
    if spec.cwd == contract.NOWHERE:
        return Behaviour(failed=f"cannot enter {spec.cwd}")
    told = {
        contract.FOR_EVER: Behaviour(),
        contract.IGNORES_TERM: Behaviour(term_s=None),
        contract.KILLS_ITSELF: Behaviour(run_s=0.0, signal=9),
    }
    return told.get(spec.command) or usual(process, spec)


class MemoryGceContractTests(contract.GceContract):
    """The contract over memory."""

    def make_gce(self) -> MemoryGce:
        return MemoryGce(cast("Any", reactor), as_a_shell_would)


class MemoryGceTests(SynchronousTestCase):
    """What a scenario can say."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gce = MemoryGce(self.clock)

    def request(self, name: str, command: str) -> ExecuteRequest:
        return ExecuteRequest(
            container="c",
            name=name,
            command=command,
            cwd="/",
            user="anybody",
            stdout_path="/out",
            stderr_path="/err",
        )

    def execute(self, name: str, command: str) -> ProcessStatus:
        answer = Deferred.fromCoroutine(
            self.gce.execute(self.request(name, command), contract.NO_CALL)
        )
        return self.successResultOf(answer).process

    def test_main_runs_until_told(self) -> None:
        """A process named main... runs for ever, until the test ends it."""
        self.assertEqual(kProcessRunning, self.execute("main.0", "./server").state)
        self.clock.advance(1e6)
        self.gce.end("c", "main.0", exit_code=3, oom=True)
        ended = self.execute("main.0", "./server")
        self.assertEqual((kProcessEnded, 3, True), (ended.state, ended.exit_code, ended.oom_killed))
        self.assertEqual(1e6, ended.end_time)

    def test_others_end_well(self) -> None:
        """A deployment or a stop command ends with 0 as soon as the clock moves."""
        self.execute("deploy.0", "tar x")
        self.clock.advance(0)
        ended = self.execute("deploy.0", "tar x")
        self.assertEqual((kProcessEnded, 0), (ended.state, ended.exit_code))

    def test_sleep_and_exit(self) -> None:
        """They do what they say."""
        self.execute("main.0", "sleep 5")
        self.execute("main.1", "exit 7")
        self.clock.advance(4.9)
        self.assertEqual(["main.0"], [process.name for process in self.gce.running()])
        self.assertEqual(7, self.execute("main.1", "exit 7").exit_code)
        self.clock.advance(0.2)
        self.assertEqual([], self.gce.running())
        self.assertEqual(2, len(self.gce.launched()))

    def test_obeys_sigterm_after_its_time(self) -> None:
        """A behaviour may take its time to stop."""
        slow = MemoryGce(self.clock, lambda process, spec: evolve(usual(process, spec), term_s=3.0))
        self.gce = slow
        self.execute("main.0", "./server")
        stop = Deferred.fromCoroutine(
            slow.stop(StopRequest(container="c", grace_s=10), contract.NO_CALL)
        )
        self.clock.pump([0.1] * 29)
        self.assertNoResult(stop)
        self.clock.pump([0.1] * 2)
        self.successResultOf(stop)

    def test_a_crash_loop_does_not_fill_the_memory(self) -> None:
        """Of a task that is started again and again only the latest ends are remembered."""
        self.execute("deploy.0", "true")
        for number in range(100):
            self.execute(f"main.{number}", "exit 1")
            self.clock.advance(1)
        remembered = set(self.gce.machine.records.by_id)
        self.assertIn(ProcessId("c", "deploy.0"), remembered)
        self.assertIn(ProcessId("c", "main.99"), remembered)
        self.assertNotIn(ProcessId("c", "main.0"), remembered)

    def test_full_disk(self) -> None:
        """Nothing is started that cannot be recorded; with room again it is."""
        self.gce.fill_disk()
        call = self.gce.execute(self.request("main.0", "./server"), contract.NO_CALL)
        error = self.failureResultOf(Deferred.fromCoroutine(call), GalaxyError).value
        self.assertEqual(kPersistenceError, error.status)
        self.assertEqual([], self.gce.launched())
        self.gce.fill_disk(full=False)
        self.assertEqual(kProcessRunning, self.execute("main.0", "./server").state)
