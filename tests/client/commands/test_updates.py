"""`update`: which request each form of it makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import (
    SteerUpdateRequest,
    SteerUpdateResponse,
    UpdateJobRequest,
    UpdateJobResponse,
    kSteerContinue,
    kSteerPause,
    kSteerRollback,
)
from tests.client.memory import JOB, MemoryCluster, X, in_turn, refuse


class UpdateTests(SynchronousTestCase):
    """`update -j JOB -f FILE`."""

    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "job.json"
        self.file.write_text(JOB)

    def update(self, cluster: MemoryCluster, *options: str) -> Any:
        """Update x to this test's file."""
        return cluster.run("update", "-j", "x", "-f", str(self.file), *options)

    def test_the_whole_file_is_sent(self) -> None:
        answer = UpdateJobResponse(job_id="x_1", version="v", changed=True)
        cluster = MemoryCluster.with_master(show_job=X, update_job=in_turn(answer))
        result = self.update(cluster, "--breakpoint", "3", "-o", "json")
        self.assertEqual(
            json.loads(result.stdout), {"job_id": "x_1", "version": "v", "changed": True}
        )
        _, (_, request) = cluster.peers["m:1"].asked
        assert isinstance(request, UpdateJobRequest)
        self.assertEqual((request.job_id, request.breakpoint), ("x_1", 3))
        self.assertEqual(request.job.pod.tasks[0].start_command, "true")

    def test_what_is_said(self) -> None:
        cases = [(True, "Update job x_1 ok\n"), (False, "Update job x_1 ok: nothing changed\n")]
        for changed, text in cases:
            answer = UpdateJobResponse(job_id="x_1", changed=changed)
            cluster = MemoryCluster.with_master(show_job=X, update_job=in_turn(answer))
            self.assertEqual(self.update(cluster).stdout, text)

    def test_a_faulty_file_is_three_and_nobody_is_asked(self) -> None:
        self.file.write_text(JOB.replace("64M", "64X"))
        cluster = MemoryCluster.with_master()
        self.assertEqual((self.update(cluster).exit_code, cluster.dialled), (3, []))

    def test_the_same_version_with_another_body_is_four(self) -> None:
        cluster = MemoryCluster.with_master(
            show_job=X, update_job=refuse(pb.kJobUpdateFail, "another body")
        )
        result = self.update(cluster)
        self.assertEqual((result.exit_code, result.stdout), (4, ""))
        self.assertIn("another body", result.stderr)


class SteerTests(SynchronousTestCase):
    """`update -j JOB --pause / --continue / --rollback [VERSION]`."""

    def cluster(self) -> MemoryCluster:
        """A master that steers."""
        answer = SteerUpdateResponse(job_id="x_1", version="v")
        return MemoryCluster.with_master(show_job=X, steer_update=in_turn(answer))

    def test_each_flag_is_a_request(self) -> None:
        cases = [
            (("--pause",), kSteerPause, "", "Update of x_1 to v is paused\n"),
            (("--continue",), kSteerContinue, "", "Update of x_1 to v goes on\n"),
            (("--rollback",), kSteerRollback, "", "Job x_1 goes back to v\n"),
            (("--rollback", "1.0"), kSteerRollback, "1.0", "Job x_1 goes back to v\n"),
        ]
        for flags, steering, version, text in cases:
            with self.subTest(flags=flags):
                cluster = self.cluster()
                self.assertEqual(cluster.run("update", "-j", "x", *flags).stdout, text)
                request = SteerUpdateRequest(job_id="x_1", steering=steering, version=version)
                self.assertEqual(cluster.peers["m:1"].asked_for()[1:], [("steer_update", request)])

    def test_a_rollback_may_be_followed_by_another_option(self) -> None:
        cluster = self.cluster()
        cluster.run("update", "--rollback", "-j", "x")
        _, (_, request) = cluster.peers["m:1"].asked_for()
        self.assertEqual(request, SteerUpdateRequest(job_id="x_1", steering=kSteerRollback))

    def test_one_thing_at_a_time(self) -> None:
        for flags in (
            (),
            ("--pause", "--continue"),
            ("--pause", "-f", "x.json"),
            ("--rollback", "--pause"),
            ("--pause", "--breakpoint", "3"),
            ("-f", "x.json", "--breakpoint", "0"),
        ):
            with self.subTest(flags=flags):
                cluster = self.cluster()
                self.assertEqual(cluster.run("update", "-j", "x", *flags).exit_code, 2)
                self.assertEqual(cluster.dialled, [])
