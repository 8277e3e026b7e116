"""
Whether a pod that the master sends is taken, and if not, why. Pure.

Note: the incarnations of a slot
    Attempts at one slot never run side by side on a machine. When a higher
    incarnation comes, the master has given up the older one: that one is
    stopped, and the new one is refused with kConflict until it is gone. A
    lower incarnation than the one known is a late message and is refused too.
"""

from __future__ import annotations

from attrs import frozen

from galaxy.agent.accounting import Accounts, Grant, Shortage
from galaxy.agent.records import PodKey
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.types_pb2 import Status, kAgentError, kConflict, kInputError, kNotFound, kQuota


@frozen
class Order:
    """A pod to run, as the master names it."""

    key: PodKey
    version: str
    generation: int = 0


@frozen
class Refused:
    """
    A pod that is not taken. `superseded`: the older attempt that has to be
    stopped first.
    """

    key: PodKey
    status: Status
    reason: str
    superseded: PodKey | None = None


@frozen
class Known:
    """The very attempt was taken before: nothing to do."""

    key: PodKey


@frozen
class Isolation:
    """How tasks are kept apart here: gce's word for it, and why it is not more."""

    kind: str  # "cgroup-v1", "cgroup-v2", "none"
    reason: str = ""

    @property
    def none(self) -> bool:
        """Whether limits are not enforced."""
        return self.kind == "none"


UNKNOWN_ISOLATION = Isolation("none", "the container engine has not answered yet")


def admit(
    order: Order,
    there: PodKey | None,
    description: Description | None,
    isolation: Isolation,
    accounts: Accounts,
) -> Grant | Known | Refused:
    """
    Take a pod, and reserve what it asks for; or say why not.

    `there` is the attempt at the same slot that is on this machine, if any.
    """
    key = order.key
    if there is not None:
        return _beside(key, there)
    if description is None:
        reason = f"version {order.version} of {key.job_id} is not known here: send it along"
        return Refused(key, kNotFound, reason)
    if not description.pod.tasks:
        return Refused(key, kInputError, "the pod has no tasks")
    if description.pod.require_isolation and isolation.none:
        reason = f"the job demands isolation, and this machine has none: {isolation.reason}"
        return Refused(key, kAgentError, reason)
    grant = accounts.reserve(key, description.pod.requirement)
    return Refused(key, kQuota, grant.reason) if isinstance(grant, Shortage) else grant


def _beside(key: PodKey, there: PodKey) -> Known | Refused:
    if there == key:
        return Known(key)
    older = there.incarnation
    if older > key.incarnation:
        reason = f"incarnation {older} of {key.pod_id} is here, {key.incarnation} is older"
        return Refused(key, kConflict, reason)
    reason = f"incarnation {older} of {key.pod_id} is still here and is being stopped"
    return Refused(key, kConflict, reason, superseded=there)
