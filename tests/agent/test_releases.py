"""An agent of the next release works with a gce of the last, until that one is upgraded."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.gce_pb2 import ProcessChange, ProcessStatus
from galaxy.protocol.methods import Service
from galaxy.protocol.services import GCE
from galaxy.protocol.types_pb2 import TaskDescriptor, kBatch, kPodFinish, kPodRunning
from tests.agent.machines import KEY, MAIN, MachineTests, description, run_request

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
