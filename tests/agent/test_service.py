"""What people ask of the agent: logs, and what pods use."""

from __future__ import annotations

from contextlib import aclosing

from twisted.internet.defer import Deferred

from galaxy.gce.cgroups import Usage
from galaxy.protocol.agent_pb2 import ReadLogRequest
from galaxy.protocol.statuses import status_name
from galaxy.protocol.types_pb2 import (
    kInputError,
    kNotFound,
    kPodNotFound,
)
from tests.agent.machines import (
    JOB,
    KEY,
    MAIN,
    MachineTests,
)


class LogTests(MachineTests):
    """Logs, over the wire."""

    def read(self, pod_id: str, task: str = "") -> bytes:
        """All that was written."""

        async def read() -> bytes:
            request = ReadLogRequest(pod_id=pod_id, task=task)
            async with aclosing(self.machine.master().read_log(request)) as chunks:
                return b"".join([chunk.data async for chunk in chunks])

        answer: bytes = self.machine.wait(Deferred.fromCoroutine(read()))
        return answer

    def write(self, data: bytes) -> None:
        """Write what the task would."""
        path = self.machine.directory / "pods" / KEY.name / "0.stdout"
        path.write_bytes(data)

    def test_running(self) -> None:
        """Of a pod that runs, by task id and by number."""
        self.run_one()
        self.write(b"hello\n")
        for task in ("", "0", f"{KEY.pod_id}.0"):
            self.assertEqual(self.read(KEY.pod_id, task), b"hello\n")

    def test_dead(self) -> None:
        """Of a pod that is gone, as long as its directory is there."""
        self.run_one()
        self.write(b"last words\n")
        self.machine.kill_pods(KEY)
        self.machine.advance(5)
        self.assertEqual(self.machine.pods(), [])
        self.assertEqual(self.read(KEY.pod_id), b"last words\n")

    def test_unknown(self) -> None:
        """What is not there, and what is no id, is refused with a status of its own."""
        self.run_one()
        for pod_id, task, status in (
            ("web_9.0", "", kPodNotFound),
            ("nonsense", "", kInputError),
            (KEY.pod_id, "7", kNotFound),
        ):
            with self.assertRaises(self.failureException) as caught:
                self.read(pod_id, task)
            self.assertIn(status_name(status), str(caught.exception))


class UsageTests(MachineTests):
    """What pods use, as gce tells."""

    def test_told(self) -> None:
        """Usage is sampled, summed up by job, and told with every answer."""
        self.run_one()
        for cpu_s in (1, 2, 3):
            self.machine.gce.machine.usages[MAIN] = Usage(cpu_s * 10**9, 5000, 6000, 1)
            self.machine.advance(2)
        answer = self.machine.query()
        self.assertEqual((answer.used_millicores, answer.used_memory), (500, 5000))
        self.assertEqual([usage.job_id for usage in answer.usage], [JOB])
        self.assertEqual(self.machine.pod().tasks[0].used_millicores, 500)
