"""
A change of the book that has yet to be written. No I/O.

All orders of one turn, and all that follows from what was observed, go into one
draft. `galaxy.agent.runner` writes it, and has the book adopt it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import evolve

from galaxy.agent.accounting import NOTHING_BEFORE, Before, Grant, Shortage
from galaxy.agent.admission import Isolation, Known, Order, Refused, admit
from galaxy.agent.book import Book, granted
from galaxy.agent.pods import has_ended
from galaxy.agent.records import Pod, PodKey, Task
from galaxy.agent.specs import PodSpec, pod_spec
from galaxy.agent.storage.disks import volumes
from galaxy.agent.store import Changes, DescriptionKey
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.types_pb2 import Resource, kAgentError, kQuota

_BOXES_ONLY = (
    "the job asks for no box (namespace_isolation), and this machine runs no tasks without"
    " one: its agent.unboxed_user names no account that is theirs alone"
)


class StaleOrder(Exception):
    """An order of a master whose reign is over."""


class ForeignOrder(Exception):
    """An order of a master of another cluster than that of the pods here."""


class Draft:
    """
    A change of the book that has yet to be written.

    Grants are taken and given back at once, so that several orders in one
    draft see one another; `discard` undoes it.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self.pods: dict[PodKey, Pod | None] = {}
        self.descriptions: dict[DescriptionKey, Description] = {}
        self.epoch: int | None = None
        self.cluster = ""
        self._specs: dict[DescriptionKey, PodSpec] = {}
        self._slots: dict[tuple[str, int], PodKey | None] = {}
        self._grants: dict[PodKey, Grant | None] = {}  # as they were before

    def obey(self, epoch: int, cluster: str = "") -> None:
        """
        Note that an order of this reign is carried out.

        StaleOrder if a later one has begun; ForeignOrder if it is of another cluster than
        the pods here. Without pods this agent is whoever's it is sent to: its reigns count then.
        """
        highest = self._book.epoch if self.epoch is None else self.epoch
        obeyed = self.cluster or self._book.cluster
        if obeyed and cluster not in ("", obeyed):
            if self._book.pods or self.pods:
                raise ForeignOrder(f"this agent has pods of cluster {obeyed}, yours is {cluster}")
            highest = -1
        if epoch < highest:
            raise StaleOrder(f"this agent has heard of epoch {highest}, yours is {epoch}")
        if epoch > highest:
            self.epoch = epoch
        if cluster not in ("", obeyed):
            self.cluster = cluster

    def pod(self, key: PodKey) -> Pod | None:
        """A pod as the draft has it."""
        return self.pods[key] if key in self.pods else self._book.pods.get(key)

    def describe(self, descriptions: Iterable[Description]) -> None:
        """Take the descriptions that are new; those that no order then needs are not kept."""
        for description in descriptions:
            version = description.job_id, description.version
            if version not in self._book.descriptions:
                self.descriptions[version] = description
                self._specs[version] = pod_spec(description)

    def spec(self, pod: Pod) -> PodSpec:
        """How a pod of the draft is run."""
        return self._specs.get((pod.key.job_id, pod.version)) or self._book.spec(pod)

    def run(self, order: Order, isolation: Isolation, now: float) -> Pod | Known | Refused:
        """Take a pod, or say why not."""
        description = self._description(order.key, order.version)
        there = self._there(order.key)
        verdict = admit(order, there, description, isolation)
        if isinstance(verdict, Known | Refused):
            return verdict
        boxed = verdict.pod.namespace_isolation
        user = self._book.users.task_user(verdict.user, boxed=boxed)
        if user is None:
            return Refused(order.key, kAgentError, _BOXES_ONLY)
        boxes = self._book.boxes if boxed and isolation.boxes else None
        if boxes is not None and (reason := boxes.refusal(verdict.pod)):
            return Refused(order.key, kAgentError, reason)
        asked = verdict.pod.requirement
        grant = (
            self._reserve(order.key, asked)
            if there is None
            else self._take_over(order.key, asked, there, user, now)
        )
        if isinstance(grant, Shortage):
            return Refused(order.key, kQuota, grant.reason)
        pod = Pod(
            order.key,
            order.version,
            user,
            now,
            tuple(Task() for _ in verdict.pod.tasks),
            grant.ports,
            generation=order.generation,
            follows=0 if there is None else there.follows or there.key.incarnation,
            first=0 if there is None or _leaves(there, user) else there.home.incarnation,
            disks=tuple(path for path, _size in grant.disks),
        )
        self.pods[order.key] = pod
        self._slots[order.key.job_id, order.key.index] = order.key
        return pod

    def stop(self, key: PodKey, reason: str, now: float) -> bool:
        """Have a pod stopped, and forget it at once if it has ended; whether it is gone."""
        pod = self.pod(key)
        if pod is None:
            return True
        if has_ended(pod):
            self.forget(key)
            return True
        self._stop(pod, reason, now)
        return False

    def put(self, pod: Pod) -> None:
        """Note how a pod has come on."""
        self.pods[pod.key] = pod

    def forget(self, key: PodKey) -> None:
        """Strike a pod out, and give back what it was granted."""
        self._release(key)
        later = self._there(key)
        self.pods[key] = None
        if later is None or later.key == key:
            self._slots[key.job_id, key.index] = None
        elif later.predecessor == key:
            self.pods[later.key] = evolve(later, follows=0)

    def discard(self) -> None:
        """Undo what was done to the accounts."""
        for key in self._grants:
            self._book.accounts.release(key)
        for key, grant in self._grants.items():
            if grant is not None:
                self._book.accounts.restore(key, grant)

    def forgotten(self) -> list[Pod]:
        """The pods of the book that are struck out, as they were."""
        book = self._book.pods
        return [book[key] for key, pod in self.pods.items() if pod is None and key in book]

    def dropped(self) -> list[DescriptionKey]:
        """The descriptions that no pod needs any more, known before or just brought."""
        balance: Counter[DescriptionKey] = Counter()
        for key, pod in self.pods.items():
            before = self._book.pods.get(key)
            if before is not None:
                balance[key.job_id, before.version] -= 1
            if pod is not None:
                balance[key.job_id, pod.version] += 1
        for version in self.descriptions:
            balance[version] += 0
        return [version for version, change in balance.items() if self._unused(version, change)]

    def changes(self) -> Changes:
        """What is to be written."""
        dropped = self.dropped()
        return Changes(
            pods=tuple(
                pod
                for key, pod in self.pods.items()
                if pod is not None and pod != self._book.pods.get(key)
            ),
            forgotten=tuple(pod.key for pod in self.forgotten()),
            descriptions={
                version: description
                for version, description in self.descriptions.items()
                if version not in dropped
            },
            dropped=tuple(version for version in dropped if version in self._book.descriptions),
            epoch=self.epoch,
            cluster=self.cluster,
        )

    def _there(self, key: PodKey) -> Pod | None:
        """The latest attempt at a slot."""
        slot = key.job_id, key.index
        there = self._slots[slot] if slot in self._slots else self._book.slots.get(slot)
        return None if there is None else self.pod(there)

    def _description(self, key: PodKey, version: str) -> Description | None:
        known = key.job_id, version
        return self.descriptions.get(known) or self._book.descriptions.get(known)

    def _reserve(
        self, key: PodKey, asked: Resource, before: Before = NOTHING_BEFORE
    ) -> Grant | Shortage:
        self._grants.setdefault(key, None)
        return self._book.accounts.reserve(key, asked, before)

    def _release(self, key: PodKey) -> None:
        accounts = self._book.accounts
        self._grants.setdefault(key, accounts.grants[key])
        accounts.release(key)

    def _take_over(
        self, key: PodKey, asked: Resource, there: Pod, user: str, now: float
    ) -> Grant | Shortage:
        """
        Grant a pod what it asks for out of what is free and what its slot has, and
        have what is there of that stopped; or change nothing.

        Until the earlier pod is gone the two hold the greater of their grants. One
        that waits for yet an earlier one has not been begun: it is forgotten at once.
        """
        waiting = there.predecessor
        running = there if waiting is None else self.pod(waiting)
        assert running is not None
        whole = granted(running, self._asked(running))
        before = self._had(there, running, user)
        attempts = {there.key, running.key}
        held = {each: self._book.accounts.grants[each] for each in attempts}
        for each in attempts:
            self._release(each)
        grant = self._reserve(key, asked, before)
        if isinstance(grant, Shortage):
            for each, had in held.items():
                self._book.accounts.restore(each, had)
            return grant
        if running is not there:
            self.pods[there.key] = None
        self._book.accounts.restore(running.key, whole.beyond(grant))
        self._stop(running, f"incarnation {key.incarnation} takes its place", now)
        return grant

    def _had(self, there: Pod, running: Pod, user: str) -> Before:
        """What of its slot's a pod is to have again."""
        asked = self._asked(there)
        ports = [
            port for port, before in zip(there.ports, asked.ports, strict=True) if before.dynamic
        ]
        held = {number for pod in (there, running) for _name, number in pod.ports}
        names = [] if _leaves(there, user) else [volume.name for volume in volumes(asked)]
        return Before(ports, frozenset(held), dict(zip(names, there.disks, strict=False)))

    def _asked(self, pod: Pod) -> Resource:
        description = self._description(pod.key, pod.version)
        assert description is not None
        return description.pod.requirement

    def _stop(self, pod: Pod, reason: str, now: float) -> None:
        if pod.stop_reason is None:
            self.pods[pod.key] = evolve(pod, stop_reason=reason, stop_time=now)

    def _unused(self, version: DescriptionKey, change: int) -> bool:
        return self._book.uses(version) + change <= 0


def _leaves(there: Pod, user: str) -> bool:
    """
    Whether what a pod has on disk is not for the attempt that follows it: it was too much, or
    belongs to another account, which may have hidden anything in it.
    """
    return bool(there.excess) or there.user != user
