"""The contract over real processes: in control groups, and without any."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from galaxy.gce.cgroup_none import NoCgroups
from galaxy.gce.cgroup_v2 import CgroupsV2
from galaxy.gce.cgroups import ICgroups
from galaxy.gce.containment import find_cgroups
from galaxy.gce.service import GceService
from tests.gce import contract
from tests.gce.engines import (
    CGROUP,
    engine_in,
    groups,
    temporary_directory,
    unified,
    why_no_cgroups,
    why_no_unified,
)


class CgroupContractTests(contract.GceContract):
    """The contract, in control groups. Afterwards no group is left."""

    skip = why_no_cgroups()

    def cgroups(self) -> ICgroups:
        return find_cgroups(CGROUP)

    def make_gce(self) -> Deferred[GceService]:
        directory = temporary_directory(self)
        self.directory = str(directory)
        self.addCleanup(self.no_group_is_left)
        return Deferred.fromCoroutine(engine_in(self, directory, self.cgroups()))

    def no_group_is_left(self) -> None:
        self.assertEqual([], groups(CGROUP))


class UnifiedContractTests(CgroupContractTests):
    """The contract in version 2, with whatever controllers it has here, if any."""

    skip = why_no_unified()

    def cgroups(self) -> ICgroups:
        return CgroupsV2(unified(), CGROUP, needed=())


class NoCgroupContractTests(contract.GceContract):
    """The contract on a machine without control groups."""

    def make_gce(self) -> Deferred[GceService]:
        directory = temporary_directory(self)
        self.directory = str(directory)
        return Deferred.fromCoroutine(engine_in(self, directory, NoCgroups("a test")))
