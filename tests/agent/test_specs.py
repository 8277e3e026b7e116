"""What a description asks of the machines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.specs import Deploying, Restart, pod_spec
from galaxy.protocol.types_pb2 import (
    TaskDescriptor,
    kBatch,
    kLongRun,
    kRestartAlways,
    kRestartByType,
    kRestartNever,
    kSourceTypeBinary,
    kSourceTypeCommand,
    kSourceTypeFTP,
    kSystem,
)
from tests.agent.machines import description


class SpecTests(SynchronousTestCase):
    """From messages to values."""

    def test_restart(self) -> None:
        """The policy that is given, else what the type implies."""
        for kind, policy, restart in (
            (kLongRun, kRestartByType, Restart.ALWAYS),
            (kSystem, kRestartByType, Restart.ALWAYS),
            (kBatch, kRestartByType, Restart.ON_FAILURE),
            (kBatch, kRestartNever, Restart.NEVER),
            (kLongRun, kRestartNever, Restart.NEVER),
            (kBatch, kRestartAlways, Restart.ALWAYS),
        ):
            (task,) = pod_spec(description(kind=kind, restart=policy, retries=3)).tasks
            self.assertEqual((task.restart, task.retries), (restart, 3))

    def test_deploying(self) -> None:
        """An empty binary is nothing to deploy, whatever the source type says."""
        for source, binary, deploying in (
            (kSourceTypeBinary, b"x", Deploying.PACKAGE),
            (kSourceTypeFTP, b"http://x/y", Deploying.PACKAGE),
            (kSourceTypeCommand, b"cp -r /x .", Deploying.COMMAND),
            (kSourceTypeCommand, b"", Deploying.NOTHING),
            (kSourceTypeBinary, b"", Deploying.NOTHING),
        ):
            task = TaskDescriptor(source_type=source, binary=binary, start_command="x")
            self.assertEqual(pod_spec(description(task)).tasks[0].deploying, deploying)

    def test_stop(self) -> None:
        """A stop command and its time; by default thirty seconds."""
        told = TaskDescriptor(stop_command="quit", stop_timeout_s=5)
        first, second = pod_spec(description(told, TaskDescriptor())).tasks
        self.assertEqual((first.has_stop_command, first.stop_timeout_s), (True, 5.0))
        self.assertEqual((second.has_stop_command, second.stop_timeout_s), (False, 30.0))
