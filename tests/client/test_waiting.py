"""When `submit --wait` may go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.waiting import Progress, progress
from galaxy.protocol import types_pb2 as pb
from galaxy.protocol.master_pb2 import JobOverview

CASES = [
    (JobOverview(replica=3, running=3, healthy=2), Progress.GOING),
    (JobOverview(replica=3, running=3, healthy=3), Progress.DONE),
    (JobOverview(replica=2, running=2, healthy=2, pending=1), Progress.GOING),
    (JobOverview(replica=0), Progress.DONE),
    (JobOverview(type=pb.kBatch, replica=3, finished=2, healthy=1), Progress.DONE),
    (JobOverview(type=pb.kBatch, replica=3, finished=2, deploying=1), Progress.GOING),
    (JobOverview(type=pb.kSystem), Progress.GOING),
    (JobOverview(type=pb.kSystem, running=2, healthy=2), Progress.DONE),
    (JobOverview(type=pb.kSystem, running=2, healthy=1), Progress.GOING),
    (JobOverview(state=pb.kJobFinished, replica=3, finished=3), Progress.DONE),
    (JobOverview(state=pb.kJobFailed, replica=3), Progress.FAILED),
    (JobOverview(state=pb.kJobTerminated, replica=3), Progress.FAILED),
]


class ProgressTests(SynchronousTestCase):
    """How far a job is."""

    def test_progress(self) -> None:
        for job, state in CASES:
            with self.subTest(job=str(job)):
                self.assertEqual(progress(job).state, state)

    def test_the_words_tell_what_is_missing_and_why(self) -> None:
        job = JobOverview(replica=3, running=1, healthy=1, pending=2, reason="no agent has cpu")
        self.assertEqual(progress(job).text, "1 of 3 healthy, 2 pending: no agent has cpu")
