"""gce goes away, and comes back: in between nothing is judged."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from galaxy.gce.memory import MemoryGce
from galaxy.protocol.calls import Call
from galaxy.protocol.gce_pb2 import (
    ExecuteRequest,
    ExecuteResponse,
    StopRequest,
    StopResponse,
)
from galaxy.protocol.types_pb2 import (
    kBatch,
    kPodPending,
    kPodRunning,
    kPodTerminate,
)
from tests.agent.machines import (
    KEY,
    MAIN,
    MachineTests,
    description,
    run_request,
)


class HangingGce(MemoryGce):
    """A gce that does not answer any more, and does not hang up."""

    async def execute(self, request: ExecuteRequest, call: Call) -> ExecuteResponse:
        """Never."""
        return await Deferred()

    async def stop(self, request: StopRequest, call: Call) -> StopResponse:
        """Never."""
        return await Deferred()


class GceTests(MachineTests):
    """gce goes away, and comes back."""

    def test_nothing_is_done_in_ignorance(self) -> None:
        """While gce is away pods are taken and told of as they were; nothing is judged."""
        self.run_one()
        self.machine.stop_gce()
        self.machine.advance(10)
        self.assertEqual(self.machine.pod().state, kPodRunning)
        self.assertGreater(self.machine.spawner.times, 0)

    def test_hangs(self) -> None:
        """
        The agent answers while gce does not, takes pods and orders to stop them.

        In Galaxy 2 one such call held up all, heartbeats as well (§12.4, 26).
        """
        self.machine.stop_gce()
        self.machine.gce = HangingGce(self.machine.clock)
        self.machine.start_gce()
        self.machine.advance(1)
        self.machine.run(run_request(description(), 0, 1))
        self.machine.advance(10)
        self.assertEqual(len(self.machine.pods()), 2)
        self.assertEqual([group.state for group in self.machine.query().groups], [kPodPending])
        self.machine.kill_pods(KEY)
        self.assertIn(kPodTerminate, [pod.state for pod in self.machine.pods()])

    def test_come_back(self) -> None:
        """When gce is back the tasks are the same, and what waited is started."""
        self.run_one()
        pid = self.machine.pod().tasks[0].pid
        self.machine.stop_gce()
        self.machine.run(run_request(description(), 1))
        self.machine.start_gce()
        self.machine.advance(1)
        self.assertEqual([pod.state for pod in self.machine.pods()], [kPodRunning] * 2)
        self.assertEqual(self.machine.pods()[0].tasks[0].pid, pid)

    def test_comes_back_meanwhile(self) -> None:
        """A pod that is taken without sight is begun, also if gce was back by then."""
        self.machine.kill()
        self.machine.disk = lambda work: deferLater(self.machine.clock, 0.5, work)
        self.machine.start()
        self.machine.stop_gce()
        taken = self.machine.master().run_pods(run_request(description(), 1), epoch=1)
        self.machine.advance(0.1)
        self.machine.start_gce()
        self.machine.advance(3)
        self.assertEqual(list(self.successResultOf(taken).refusals), [])
        self.assertEqual(self.machine.pod().state, kPodRunning)

    def test_back_off_goes_on(self) -> None:
        """A pause that ends while gce is away is not forgotten."""
        self.run_one()
        self.machine.gce.end(MAIN, "main.0", exit_code=1)
        self.machine.advance(0.2)
        self.machine.stop_gce()
        self.machine.advance(10)
        self.machine.start_gce()
        self.machine.advance(1)
        self.assertEqual(self.machine.pod().tasks[0].restarts, 1)

    def test_stopped_in_ignorance(self) -> None:
        """A pod that is killed while gce is away is stopped when it is back."""
        self.run_one()
        self.machine.stop_gce()
        self.assertEqual(list(self.machine.kill_pods(KEY).gone), [])
        self.assertEqual(self.machine.pod().state, kPodTerminate)
        self.machine.start_gce()
        self.machine.advance(5)
        self.assertEqual(self.machine.pods(), [])

    def test_strays(self) -> None:
        """A container that no pod owns is taken away."""
        self.run_one(kind=kBatch)
        self.machine.gce.end(MAIN, "main.0")
        self.machine.advance(0.5)
        self.machine.kill_pods(KEY)
        self.machine.advance(0.5)
        assert self.machine.agent.runner is not None
        self.assertEqual(self.machine.agent.runner.picture, {})
