"""An agent of the next release works with a gce of the last, until that one is upgraded."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.agent_pb2 import ExecRequest
from galaxy.protocol.features import OF_GCE
from galaxy.protocol.gce_pb2 import ProcessChange, ProcessStatus
from galaxy.protocol.methods import Service
from galaxy.protocol.services import GCE, ConsoleStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import (
    TaskDescriptor,
    kBatch,
    kPermission,
    kPodFinish,
    kPodRunning,
)
from galaxy.protocol.wire_pb2 import Hello
from tests.agent.machines import ENDPOINT, JOB, KEY, MAIN, MachineTests, description, run_request

FIRST_METHODS = {"Describe", "Execute", "Watch", "Stop", "Remove", "Usage"}
FIRST = Service(
    GCE.name,
    tuple(method for method in GCE.methods if method.wire_name.split(".")[1] in FIRST_METHODS),
)
"""What the first gce could do."""


class EarlierGceTests(MachineTests):
    """A gce that answers kUnknownMethod to whatever came after the first release."""

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(len(FIRST.methods), len(FIRST_METHODS))
        self.machine.stop_gce()
        self.machine.gce_service = FIRST
        self.machine.gce_features = ()
        with capturedLogs() as self.logged:
            self.machine.start_gce()
            self.machine.advance(1)

    def test_life_of_a_pod(self) -> None:
        """Pods are run, seen to end, and stopped."""
        self.machine.run(run_request(description(), 0))
        batch = description(TaskDescriptor(start_command="exit 0"), version="v2", kind=kBatch)
        self.machine.run(run_request(batch, 1))
        self.machine.advance(1)
        states = [pod.state for pod in self.machine.pods()]
        self.assertEqual(states, [kPodRunning, kPodFinish])
        self.machine.kill_pods(KEY)
        self.machine.advance(1)
        self.assertEqual([pod.state for pod in self.machine.pods()], [kPodFinish])

    def test_is_told(self) -> None:
        """That the builds differ is in the log, with what to do about it."""
        formats = [str(event.get("log_format")) for event in self.logged]
        self.assertTrue(any("SIGUSR1" in text for text in formats), formats)

    def test_isolation(self) -> None:
        """That it makes no boxes shows, with what to do about it."""
        isolation = self.machine.agent.gce.isolation
        self.assertFalse(isolation.boxes)
        self.assertIn("cannot put tasks in boxes yet: SIGUSR1", isolation.reason)

    def test_what_is_refused(self) -> None:
        """What it would pass over is not asked of it: a filter, a command in a task."""
        filtered = TaskDescriptor(start_command="serve", seccomp="default")
        self.machine.run(run_request(description(filtered), 0))
        self.machine.advance(1)
        self.assertIn("cannot filter system calls yet", self.machine.pod().tasks[0].reason)
        self.machine.run(run_request(description(version="v2"), 1))
        self.machine.advance(1)
        error = self.exec(f"{JOB}.1")
        self.assertEqual(error.status, kPermission)
        self.assertIn("of build unknown, cannot run commands in tasks yet", error.reason)

    def test_upgraded(self) -> None:
        """What was refused is then done."""
        filtered = TaskDescriptor(start_command="serve", seccomp="default")
        self.machine.run(run_request(description(filtered), 0))
        self.machine.advance(1)
        self.machine.stop_gce()
        self.machine.gce_service, self.machine.gce_features = GCE, OF_GCE
        self.machine.start_gce()
        self.machine.advance(60)
        self.assertEqual(self.machine.pod().state, kPodRunning)
        self.assertTrue(self.machine.agent.gce.isolation.boxes)

    def exec(self, pod_id: str) -> GalaxyError:
        """Why a command cannot be run there."""
        hello = Hello(role="client", name="ann@desk")
        console = ConsoleStub(self.machine.wait(self.machine.network.dial(ENDPOINT, hello)))
        request = ExecRequest(pod_id=pod_id, command=["true"], session="s")

        async def first() -> None:
            await anext(console.exec(request))

        refused = Deferred.fromCoroutine(first())
        self.machine.advance(1)
        error: GalaxyError = self.failureResultOf(refused, GalaxyError).value
        return error

    def test_restarts_of_both(self) -> None:
        """The tasks are the same afterwards."""
        self.run_one()
        pid = self.machine.pod().tasks[0].pid
        self.machine.stop_gce()
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.machine.pod().tasks[0].pid, pid)
        self.assertEqual(self.machine.gce.pid(MAIN, "main.0"), pid)


class FieldTests(SynchronousTestCase):
    """What one end says and the other has not heard of."""

    def test_passed_over(self) -> None:
        """A field that is not known changes nothing of those that are."""
        known = ProcessChange(processes=[ProcessStatus(container="c", name="main.0", pid=7)])
        from_the_next = known.SerializeToString() + bytes.fromhex("c23e03616263")  # 1000: "abc"
        told = ProcessChange.FromString(from_the_next)
        self.assertEqual(told.processes, known.processes)
