"""
What follows for a pod from what is wanted, what is observed, and the time. Pure.

Laws (tests hold them): in ignorance nothing is done; reconciling the result once
more with the same sight changes nothing; the same arguments give the same plan.
The caller writes `Plan.pod` to disk before it carries out any of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from attrs import evolve, frozen

from galaxy.agent.pods import healthy_at
from galaxy.agent.records import Phase, Pod
from galaxy.agent.specs import PodSpec
from galaxy.agent.steps import Sight, Step
from galaxy.agent.tasks import Around, advance, next_step, wake_at


@frozen
class Plan:
    """
    The pod as it now is, what to do for it, and when to look again.

    `gone`: nothing is left of it; it is to be forgotten. `known` False: it could
    not be seen, and what is being done for it is to be let alone.
    """

    pod: Pod
    steps: tuple[Step, ...] = ()
    wake_at: float | None = None
    gone: bool = False
    known: bool = True


def reconcile(
    pod: Pod, spec: PodSpec, sights: Sequence[Sight] | None, now: float, rng: Random
) -> Plan:
    """
    What now follows for a pod; `sights` tell of its tasks, in their order.

    `sights` None: what runs is not known, so nothing is to be done.
    """
    if sights is None:
        return Plan(pod, known=False)
    if pod.follows:  # nothing of it is begun before the earlier one is gone
        return Plan(pod)
    stopping = pod.stop_reason is not None
    tasks = tuple(
        advance(task, Around(number, task_spec, sight, stopping, now, rng, pod.excess))
        for number, (task, task_spec, sight) in enumerate(
            zip(pod.tasks, spec.tasks, sights, strict=True)
        )
    )
    after = pod if tasks == pod.tasks else evolve(pod, tasks=tasks)
    steps = tuple(
        step
        for number, (task, sight) in enumerate(zip(tasks, sights, strict=True))
        if (step := next_step(task, number, sight)) is not None
    )
    times = [time for task in tasks if (time := wake_at(task)) is not None]
    healthy = healthy_at(after, spec)
    if healthy is not None and healthy > now:
        times.append(healthy)
    return Plan(
        after,
        steps,
        min(times, default=None),
        gone=stopping and all(task.phase is Phase.GONE for task in tasks),
    )
