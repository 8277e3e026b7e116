"""Warnings that are given once, however long what they tell of lasts."""

from __future__ import annotations

from twisted.logger import Logger, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.complaint import Complaint


class ComplaintTests(SynchronousTestCase):
    """Of a disk that comes and goes."""

    def test_once_each_time(self) -> None:
        """When it begins to fail, and when it begins to again."""
        complaint = Complaint(Logger(), "the disk: {error}")
        with capturedLogs() as logged:
            for _ in range(2):
                for _ in range(3):
                    complaint.make(FileNotFoundError("no such file"))
                complaint.withdraw()
        self.assertEqual([str(event["error"]) for event in logged], ["no such file"] * 2)
