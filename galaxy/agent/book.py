"""
What the agent holds in memory of its pods, and how that is changed.

The book always agrees with the store. A change is drafted (`galaxy.agent.draft`),
written to disk, and adopted; when it cannot be written it is discarded, and nothing
was changed. No I/O here: `galaxy.agent.runner` does the writing.
"""

from __future__ import annotations

from collections import Counter

from attrs import define, field

from galaxy.agent.accounting import Accounts, Grant
from galaxy.agent.boxes import Boxes
from galaxy.agent.delivery.packages import Package, package_of
from galaxy.agent.records import Phase, Pod, PodKey
from galaxy.agent.specs import Deploying, PodSpec, pod_spec
from galaxy.agent.storage.disks import volumes
from galaxy.agent.store import Changes, DescriptionKey, Remembered
from galaxy.agent.users import Users
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.types_pb2 import Resource, kSourceTypeFTP

_DEPLOYING = frozenset({Phase.FETCHING, Phase.DEPLOYING})


def granted(pod: Pod, asked: Resource) -> Grant:
    """What a pod was granted when it was taken."""
    sizes = (volume.quota_bytes for volume in volumes(asked))
    return Grant(
        asked.millicores, asked.memory, pod.ports, tuple(zip(pod.disks, sizes, strict=False))
    )


@define
class Book:
    """The pods of a machine, with their descriptions, and what is granted to them."""

    accounts: Accounts
    users: Users
    epoch: int = 0
    cluster: str = ""  # whose reigns are counted; empty: no master has said
    boxes: Boxes | None = field(default=None, kw_only=True)
    pods: dict[PodKey, Pod] = field(factory=dict)
    descriptions: dict[DescriptionKey, Description] = field(factory=dict)
    slots: dict[tuple[str, int], PodKey] = field(factory=dict)
    _specs: dict[DescriptionKey, PodSpec] = field(factory=dict)
    _uses: Counter[DescriptionKey] = field(factory=Counter)

    @classmethod
    def restored(cls, remembered: Remembered, accounts: Accounts, users: Users) -> Book:
        """The book as it was when it was last written."""
        book = cls(accounts, users, remembered.epoch, remembered.cluster)
        for description in remembered.descriptions.values():
            book._learn(description)
        later = {pod.predecessor: pod for pod in remembered.pods}
        for pod in remembered.pods:
            grant = book._grant(pod)
            if pod.key in later:
                grant = grant.beyond(book._grant(later[pod.key]))
            accounts.restore(pod.key, grant)
            book._enter(pod)
        return book

    def description(self, pod: Pod) -> Description:
        """What a pod runs."""
        return self.descriptions[pod.key.job_id, pod.version]

    def spec(self, pod: Pod) -> PodSpec:
        """How a pod is run."""
        return self._specs[pod.key.job_id, pod.version]

    def latest(self, key: PodKey) -> Pod | None:
        """The latest attempt at the slot of a key."""
        there = self.slots.get((key.job_id, key.index))
        return None if there is None else self.pods[there]

    def adopt(self, written: Changes) -> None:
        """Make what was written the truth."""
        if written.epoch is not None:
            self.epoch = written.epoch
        self.cluster = written.cluster or self.cluster
        for description in written.descriptions.values():
            self._learn(description)
        for key in written.forgotten:
            self._strike(self.pods[key])
        for pod in written.pods:
            if pod.key in self.pods:
                self._strike(self.pods[pod.key])
            self._enter(pod)
        for version in written.dropped:
            del self.descriptions[version], self._specs[version]

    def uses(self, version: DescriptionKey) -> int:
        """How many pods run a version."""
        return self._uses[version]

    def packages(self) -> list[Package]:
        """Those that are being deployed."""
        return [
            package_of(self.description(pod).pod.tasks[number], pod.version)
            for pod in list(self.pods.values())
            for number, task in enumerate(pod.tasks)
            if task.phase in _DEPLOYING
            and self.spec(pod).tasks[number].deploying is Deploying.PACKAGE
        ]

    def wanted_downloads(self) -> set[str]:
        """The names of the packages to be fetched from URLs for pods that are to go on."""
        versions = {
            (pod.key.job_id, pod.version): pod
            for pod in self.pods.values()
            if pod.stop_reason is None
        }
        return {
            package_of(task, pod.version).name
            for pod in versions.values()
            for task in self.description(pod).pod.tasks
            if task.source_type == kSourceTypeFTP
        }

    def _grant(self, pod: Pod) -> Grant:
        return granted(pod, self.description(pod).pod.requirement)

    def _learn(self, description: Description) -> None:
        version = description.job_id, description.version
        self.descriptions[version] = description
        self._specs[version] = pod_spec(description)

    def _enter(self, pod: Pod) -> None:
        self.pods[pod.key] = pod
        slot = pod.key.job_id, pod.key.index
        self.slots[slot] = max(pod.key, self.slots.get(slot, pod.key))
        self._uses[pod.key.job_id, pod.version] += 1

    def _strike(self, pod: Pod) -> None:
        del self.pods[pod.key]
        if self.slots.get((pod.key.job_id, pod.key.index)) == pod.key:
            del self.slots[pod.key.job_id, pod.key.index]
        self._uses[pod.key.job_id, pod.version] -= 1
