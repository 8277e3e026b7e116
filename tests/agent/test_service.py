"""What people ask of the agent: logs, and what pods use."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from twisted.internet.defer import Deferred

from galaxy.agent.records import PodKey
from galaxy.gce.cgroups import Usage
from galaxy.protocol.agent_pb2 import LogPosition, ReadLogRequest
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
    description,
    run_request,
)


class LogTests(MachineTests):
    """Logs, over the wire."""

    def read(self, pod_id: str, task: str = "", **more: Any) -> bytes:
        """All that was written."""

        async def read() -> bytes:
            request = ReadLogRequest(pod_id=pod_id, task=task, **more)
            async with aclosing(self.machine.master().read_log(request)) as chunks:
                return b"".join([chunk.data async for chunk in chunks])

        answer: bytes = self.machine.wait(Deferred.fromCoroutine(read()))
        return answer

    def write(self, data: bytes, process: str = "main.0", key: PodKey = KEY) -> None:
        """Write what the task would."""
        name = f"0.{key.incarnation}.{process}.stdout"
        (self.machine.directory / "pods" / key.name / name).write_bytes(data)

    def end(self, attempt: int) -> None:
        """Let the main process end, and the next one begin."""
        self.machine.gce.end(MAIN, f"main.{attempt}", exit_code=1)
        self.machine.advance(60)

    def test_running(self) -> None:
        """Of a pod that runs, by task id and by number."""
        self.run_one()
        self.write(b"hello\n")
        for task in ("", "0", f"{KEY.pod_id}.0"):
            self.assertEqual(self.read(KEY.pod_id, task), b"hello\n")

    def test_restarts(self) -> None:
        """Across restarts, in the order of the attempts; the one before alone, if so asked."""
        self.run_one()
        self.write(b"first\n")
        self.end(0)
        self.write(b"second\n", "main.1")
        self.end(1)
        self.write(b"third\n", "main.2")
        self.assertEqual(self.read(KEY.pod_id), b"first\nsecond\nthird\n")
        self.assertEqual(self.read(KEY.pod_id, tail_lines=2), b"second\nthird\n")
        self.assertEqual(self.read(KEY.pod_id, previous=True), b"second\n")

    def test_resume(self) -> None:
        """Whoever was cut off goes on where it was, also when that file is gone by now."""
        self.run_one()
        self.write(b"first\n")
        self.end(0)
        self.write(b"second\n", "main.1")
        task_id = f"{KEY.pod_id}.0"
        for file, offset, rest in (
            ("0.1.main.0.stdout", 3, b"st\nsecond\n"),
            ("0.1.main.1.stdout", 7, b""),
            ("0.0.main.0.stdout", 3, b"first\nsecond\n"),
            ("nonsense", 3, b"first\nsecond\n"),
        ):
            at = LogPosition(task_id=task_id, file=file, offset=offset)
            self.assertEqual(self.read(KEY.pod_id, resume=[at]), rest)

    def test_no_previous(self) -> None:
        """A first attempt has none before it, and that is said."""
        self.run_one()
        self.write(b"first\n")
        with self.assertRaises(self.failureException) as caught:
            self.read(KEY.pod_id, previous=True)
        self.assertIn(status_name(kNotFound), str(caught.exception))

    def test_dead(self) -> None:
        """Of a pod that is gone, as long as its directory is there; also of several."""
        described = description()
        for incarnation in (1, 2):
            key = PodKey(JOB, 0, incarnation)
            self.machine.run(run_request(described, 0, incarnation=incarnation))
            self.machine.advance(0.5)
            self.write(b"words of %d\n" % incarnation, key=key)
            self.machine.kill_pods(key)
            self.machine.advance(5)
        self.assertEqual(self.machine.pods(), [])
        self.assertEqual(self.read(KEY.pod_id), b"words of 1\nwords of 2\n")
        self.assertEqual(self.read(KEY.pod_id, since_incarnation=2), b"words of 2\n")
        self.assertEqual(self.read(KEY.pod_id, previous=True), b"words of 1\n")
        self.machine.restart()
        self.assertEqual(self.read(KEY.pod_id), b"words of 1\nwords of 2\n")

    def test_follow(self) -> None:
        """Who follows hears every attempt, and the next incarnation when it comes here."""
        self.run_one()
        got: list[bytes] = []

        async def follow() -> None:
            request = ReadLogRequest(pod_id=KEY.pod_id, follow=True)
            async with aclosing(self.machine.master().read_log(request)) as chunks:
                async for chunk in chunks:
                    got.append(chunk.data)  # noqa: PERF401 - as it comes

        following = Deferred.fromCoroutine(follow())
        self.write(b"first\n")
        self.machine.advance(1)
        self.end(0)
        self.write(b"second\n", "main.1")
        self.machine.advance(1)
        later = PodKey(JOB, 0, 2)
        self.machine.run(run_request(description(), 0, incarnation=2))
        self.machine.advance(5)
        name = f"0.{later.incarnation}.main.0.stdout"
        (self.machine.directory / "pods" / KEY.name / name).write_bytes(b"third\n")
        self.machine.advance(1)
        self.assertEqual(b"".join(got), b"first\nsecond\nthird\n")
        self.machine.kill_pods(later)
        self.machine.advance(5)
        self.successResultOf(following)

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
