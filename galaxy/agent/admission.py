"""
Whether a pod that the master sends is taken, and if not, why. Pure.

Note: the incarnations of a slot
    Attempts at one slot never run side by side on a machine. A higher incarnation
    than the one known takes its place: it is entered beside it, gets what it is
    granted and its directory, and is begun when the earlier one has been stopped
    and is gone. A lower incarnation is a late message and is refused; and so is
    one that comes for a slot that has finished, which the master has yet to hear.
"""

from __future__ import annotations

from attrs import frozen

from galaxy.agent.pods import has_finished
from galaxy.agent.records import Pod, PodKey
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.gce_pb2 import DescribeResponse
from galaxy.protocol.types_pb2 import Status, kAgentError, kConflict, kInputError, kNotFound


@frozen
class Order:
    """A pod to run, as the master names it."""

    key: PodKey
    version: str
    generation: int = 0


@frozen
class Refused:
    """A pod that is not taken; what is here of its slot goes on as it was."""

    key: PodKey
    status: Status
    reason: str


@frozen
class Known:
    """The very attempt was taken before: nothing to do."""

    key: PodKey


@frozen
class Isolation:
    """How tasks are kept apart here: by which control groups, and why it is not more."""

    kind: str  # "cgroup-v1", "cgroup-v2"; "none": without limits, or without boxes; "": not known
    reason: str = ""
    boxes: bool = True

    @property
    def none(self) -> bool:
        """Whether tasks are not both limited and kept from seeing the machine."""
        return self.kind in {"", "none"}

    @classmethod
    def described(cls, engine: DescribeResponse) -> Isolation:
        """As the container engine has it."""
        if engine.no_boxes and engine.isolation != "none":
            reason = f"tasks have limits ({engine.isolation}), and see the machine as it is"
            return cls("none", f"{reason}: {engine.no_boxes}", boxes=False)
        return cls(engine.isolation, engine.isolation_reason, not engine.no_boxes)


UNKNOWN_ISOLATION = Isolation("", "the container engine has not answered yet", boxes=False)


def admit(
    order: Order, there: Pod | None, description: Description | None, isolation: Isolation
) -> Description | Known | Refused:
    """
    What is to be run, if there is room for it; or why it is not.

    `there` is the latest attempt at the same slot that is on this machine, if any.
    """
    key = order.key
    verdict = None if there is None else _beside(key, there)
    if verdict is not None:
        return verdict
    if description is None:
        reason = f"version {order.version} of {key.job_id} is not known here: send it along"
        return Refused(key, kNotFound, reason)
    if not description.pod.tasks:
        return Refused(key, kInputError, "the pod has no tasks")
    if description.pod.require_isolation and isolation.none:
        reason = f"the job demands isolation, and this machine has none: {isolation.reason}"
        return Refused(key, kAgentError, reason)
    return description


def _beside(key: PodKey, there: Pod) -> Known | Refused | None:
    """What speaks against a pod beside what is there of its slot."""
    if there.key == key:
        return Known(key)
    known = there.key.incarnation
    if known > key.incarnation:
        reason = f"incarnation {known} of {key.pod_id} is here, {key.incarnation} is older"
        return Refused(key, kConflict, reason)
    if has_finished(there):
        reason = f"incarnation {known} of {key.pod_id} has finished, and waits to be forgotten"
        return Refused(key, kConflict, reason)
    return None
