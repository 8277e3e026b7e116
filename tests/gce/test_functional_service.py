"""The contract over real processes: in control groups, and without any."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred

from galaxy.gce.service import GceService
from tests.gce import contract
from tests.gce.engines import CGROUP, engine_in, temporary_directory, why_no_cgroups


class CgroupContractTests(contract.GceContract):
    """The contract, in control groups. Afterwards no group is left."""

    skip = why_no_cgroups()

    def make_gce(self) -> Deferred[GceService]:
        directory = temporary_directory(self)
        self.directory = str(directory)
        self.addCleanup(self.no_group_is_left)
        return Deferred.fromCoroutine(engine_in(self, directory, CGROUP))

    def no_group_is_left(self) -> None:
        left = list(Path("/sys/fs/cgroup").glob(f"*/{CGROUP}"))
        self.assertEqual([], left)


class NoCgroupContractTests(contract.GceContract):
    """The contract on a machine without control groups."""

    def make_gce(self) -> Deferred[GceService]:
        directory = temporary_directory(self)
        self.directory = str(directory)
        return Deferred.fromCoroutine(engine_in(self, directory, ""))
