"""
Quotas that the file system keeps, where it keeps none. Where it does: `tests.vm.project_quotas`.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.storage.project_quotas import keeps_quotas


class ElsewhereTests(SynchronousTestCase):
    """Where there are none."""

    def test_memory(self) -> None:
        """A file system in memory keeps none, and says so without an error."""
        self.assertFalse(keeps_quotas(Path("/proc")))
        self.assertFalse(keeps_quotas(Path("/dev")))
