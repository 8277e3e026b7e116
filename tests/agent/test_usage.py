"""What tasks use."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import Pod, PodKey, Task
from galaxy.agent.usage import Meter, Used
from galaxy.protocol.gce_pb2 import ContainerUsage


def counted(container: str, cpu_s: float, memory: int = 0) -> dict[str, ContainerUsage]:
    """A sample of one container."""
    usage = ContainerUsage(container=container, cpu_ns=round(cpu_s * 1e9), memory=memory)
    return {container: usage}


class MeterTests(SynchronousTestCase):
    """Rates from two samples."""

    def setUp(self) -> None:
        self.meter = Meter()

    def test_rate(self) -> None:
        """Half a second of processor in two seconds is 250 millicores."""
        self.meter.sample(10.0, counted("a", 5.0, 100))
        self.assertEqual(self.meter.of("a"), Used(0, 100))
        self.meter.sample(12.0, counted("a", 5.5, 200))
        self.assertEqual(self.meter.of("a"), Used(250, 200))

    def test_io(self) -> None:
        """Bytes and operations a second, beside what is so now."""
        first = ContainerUsage(read_bytes=1000, write_bytes=0, read_ios=5, write_ios=7)
        second = ContainerUsage(
            read_bytes=3000,
            write_bytes=500,
            read_ios=9,
            write_ios=7,
            memory=10,
            memory_with_cache=30,
            pids=4,
        )
        self.meter.sample(10.0, {"a": first})
        self.meter.sample(12.0, {"a": second})
        self.assertEqual(self.meter.of("a"), Used(0, 10, 30, 4, 1000, 250, 2, 0))

    def test_made_anew(self) -> None:
        """A container whose counter starts again uses nothing until the next sample."""
        self.meter.sample(10.0, counted("a", 5.0))
        self.meter.sample(12.0, counted("a", 0.1))
        self.assertEqual(self.meter.of("a").millicores, 0)

    def test_same_moment(self) -> None:
        """Two samples of one moment tell no rate, and divide by nothing."""
        self.meter.sample(10.0, counted("a", 5.0))
        self.meter.sample(10.0, counted("a", 6.0))
        self.assertEqual(self.meter.of("a").millicores, 0)

    def test_gone(self) -> None:
        """A container that is gone uses nothing."""
        self.meter.sample(10.0, counted("a", 5.0, 100))
        self.meter.sample(12.0, {})
        self.assertEqual(self.meter.of("a"), Used())

    def test_sums(self) -> None:
        """Of a pod and of a job, over their tasks."""
        pods = [
            Pod(PodKey("web_1", index, 1), "v1", "", 0.0, (Task(), Task())) for index in range(2)
        ]
        names = [pod.key.container(number) for pod in pods for number in range(2)]
        for time in (10.0, 12.0):
            sample = {}
            for name in names:
                sample.update(counted(name, time, 10))
            self.meter.sample(time, sample)
        self.assertEqual(self.meter.of_pod(pods[0]), Used(2000, 20))
        self.assertEqual(self.meter.total, Used(4000, 40))
        (job,) = self.meter.by_job(pods)
        self.assertEqual((job.job_id, job.millicores, job.memory), ("web_1", 4000, 40))
