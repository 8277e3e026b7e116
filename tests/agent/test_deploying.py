"""How an agent has packages come: on a Clock, from a source that does what it is told."""

from __future__ import annotations

import hashlib

from galaxy.agent.delivery.fetch import FetchError, Have
from galaxy.gce.memory_machine import Behaviour
from galaxy.protocol.types_pb2 import (
    TaskDescriptor,
    kPodError,
    kPodRunning,
    kSourceTypeFTP,
)
from tests.agent.delivery.test_artifacts import CONTENT, TAG, SlowSource
from tests.agent.machines import MachineTests, description, run_request

MIB = 1 << 20


def packaged(**more: object) -> TaskDescriptor:
    """A task with a package."""
    given: dict[str, object] = {"deploy_timeout_s": 30.0, **more}
    return TaskDescriptor(
        start_command="serve",
        source_type=kSourceTypeFTP,
        binary=b"slow://x",
        **given,  # type: ignore[arg-type]
    )


class DeployingTests(MachineTests):
    """A pod whose package comes slowly."""

    def setUp(self) -> None:
        super().setUp()
        self.machine.kill()
        self.source = SlowSource()
        self.machine.sources = {"slow": self.source}
        self.machine.start()

    def run_pods(self, *index: int, **more: object) -> None:
        """Have pods with a package."""
        self.machine.run(run_request(description(packaged(**more)), *index))
        self.machine.advance(0.5)

    def progress(self) -> str:
        """What is shown of the only pod's task."""
        return self.machine.pod().tasks[0].progress

    def test_progress(self) -> None:
        """How far the package has come is shown, and then that it is unpacked."""
        self.run_pods(0)
        self.source.send(bytes(MIB), 0, 3 * MIB)
        self.assertEqual(self.progress(), "1.0 of 3.0 MiB fetched")
        self.source.begun[-1][1].write(bytes(2 * MIB))
        self.machine.behave = lambda _process, _spec: Behaviour(run_s=5.0)
        self.source.begun[-1][2].callback(True)
        self.machine.advance(1.0)
        self.assertEqual(self.progress(), "unpacking")
        self.machine.advance(5.0)
        self.assertEqual(self.machine.pod().state, kPodRunning)
        self.assertEqual(self.progress(), "")

    def test_many_pods(self) -> None:
        """However many pods wait, one fetch serves them."""
        self.run_pods(*range(10))
        self.assertEqual(len(self.source.begun), 1)
        self.source.finish()
        self.machine.advance(1.0)
        self.assertEqual({pod.state for pod in self.machine.pods()}, {kPodRunning})

    def test_next_try_goes_on(self) -> None:
        """A fetch that the deadline ended is gone on with by the next try."""
        self.run_pods(0)
        self.source.send(CONTENT[:3], 0, 7)
        self.machine.advance(30.0)
        self.assertEqual(self.source.cancelled, 1)
        self.assertIn("longer than the 30 s it has to fetch", self.machine.pod().reason)
        self.machine.advance(2.0)
        self.assertEqual(self.source.have, Have(3, TAG))

    def test_next_agent_goes_on(self) -> None:
        """So is one that an agent was killed over; its time goes on, too."""
        self.run_pods(0)
        self.source.send(CONTENT[:3], 0, 7)
        self.machine.advance(20.0)
        self.machine.restart()
        self.assertEqual((len(self.source.begun), self.source.have), (2, Have(3, TAG)))
        self.machine.advance(9.5)
        self.assertIn("longer than the 30 s it has to fetch", self.machine.pod().reason)

    def test_wrong_sum(self) -> None:
        """A package that is not the one that was asked for is final, and nothing of it is kept."""
        self.run_pods(0, sha256=hashlib.sha256(CONTENT).hexdigest())
        self.source.finish(b"something else")
        self.machine.advance(0.5)
        pod = self.machine.pod()
        self.assertEqual(pod.state, kPodError)
        self.assertIn("could not be deployed: the package was to have the sha256", pod.reason)
        packages = self.machine.directory / "packages"
        self.assertEqual([path for path in packages.rglob("*") if path.is_file()], [])

    def test_in_trouble(self) -> None:
        """While a server is in trouble, that is shown; then the try has failed."""
        self.run_pods(0)
        for number in range(1, 5):
            self.source.fail(FetchError("it is busy"))
            self.assertIn("tried again soon: it is busy", self.progress())
            while len(self.source.begun) == number:
                self.machine.advance(0.1)
        self.source.fail(FetchError("it is busy"))
        self.machine.advance(0.2)
        pod = self.machine.pod()
        self.assertEqual(pod.reason, "task 0 could not be deployed: it is busy")
        self.assertTrue(pod.tasks[0].next_try_time)
