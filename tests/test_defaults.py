"""What is filled in, and what a pod description is called."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.defaults import default_priority, pod_version, with_defaults
from galaxy.protocol import types_pb2 as pb
from tests.test_descriptions import sound_job, task


class DefaultsTests(SynchronousTestCase):
    """What is filled in."""

    def test_restart_follows_the_type(self) -> None:
        cases = [
            (pb.kLongRun, pb.kRestartAlways),
            (pb.kSystem, pb.kRestartAlways),
            (pb.kBatch, pb.kRestartOnFailure),
        ]
        for job_type, restart in cases:
            job = sound_job()
            job.type = job_type
            self.assertEqual(with_defaults(job).restart, restart)

    def test_tasks_without_a_requirement_share_what_is_left(self) -> None:
        job = sound_job()
        for each in job.pod.tasks:
            each.ClearField("requirement")
        full = with_defaults(job)
        self.assertEqual([t.requirement.millicores for t in full.pod.tasks], [500, 500])
        self.assertEqual([t.requirement.memory for t in full.pod.tasks], [1 << 29, 1 << 29])

    def test_bounds_are_shared_alike(self) -> None:
        job = sound_job()
        job.pod.requirement.MergeFrom(
            pb.Resource(write_bytes_ps=100, pids=50, io_weight=10, cpuset="0-1")
        )
        task(job).requirement.MergeFrom(pb.Resource(write_bytes_ps=70, cpuset="0"))
        first, second = (each.requirement for each in with_defaults(job).pod.tasks)
        self.assertEqual((first.write_bytes_ps, second.write_bytes_ps), (70, 30))
        self.assertEqual((first.pids, second.pids), (25, 25))
        self.assertEqual((first.io_weight, second.io_weight), (10, 10))
        self.assertEqual((first.cpuset, second.cpuset), ("0", "0-1"))
        self.assertEqual((first.read_bytes_ps, second.read_bytes_ps), (0, 0))

    def test_a_private_network_needs_isolation(self) -> None:
        """No machine takes the pod that would put it into its own."""
        job = sound_job()
        self.assertFalse(with_defaults(job).pod.require_isolation)
        job.pod.network = pb.kNetworkPrivate
        self.assertTrue(with_defaults(job).pod.require_isolation)

    def test_every_port_has_a_name(self) -> None:
        job = sound_job()
        job.pod.requirement.ports.add(port=9000)
        job.pod.requirement.ports.add(dynamic=True)
        names = [port.name for port in with_defaults(job).pod.requirement.ports]
        self.assertEqual(names, ["http", "9000", "2"])

    def test_a_port_that_only_a_task_names_is_the_pods(self) -> None:
        job = sound_job()
        task(job).requirement.ports.add(port=8080)
        task(job).requirement.ports.add(port=9000)
        ports = [port.port for port in with_defaults(job).pod.requirement.ports]
        self.assertEqual(ports, [8080, 9000])

    def test_a_version_is_a_hash_of_what_was_said(self) -> None:
        job = sound_job()
        self.assertEqual(with_defaults(job).pod.version, pod_version(job.pod))
        job.pod.version = "1.0"
        self.assertEqual(with_defaults(job).pod.version, "1.0")

    def test_services_come_before_batch_work(self) -> None:
        order = [default_priority(t) for t in (pb.kBatch, pb.kLongRun, pb.kSystem)]
        self.assertEqual(order, sorted(order))
        self.assertEqual(len(set(order)), 3)


class VersionTests(SynchronousTestCase):
    """The name of a pod description."""

    def test_the_same_description_has_the_same_version(self) -> None:
        self.assertEqual(pod_version(sound_job().pod), pod_version(sound_job().pod))

    def test_the_given_version_has_no_part_in_it(self) -> None:
        job = sound_job()
        job.pod.version = "2"
        self.assertEqual(pod_version(job.pod), pod_version(sound_job().pod))

    def test_another_command_is_another_version(self) -> None:
        job = sound_job()
        task(job).start_command = "./other"
        self.assertNotEqual(pod_version(job.pod), pod_version(sound_job().pod))
