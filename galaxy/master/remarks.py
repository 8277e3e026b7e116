"""
What there is to say of a job's pods, a few words each. Pure.

Called by `standing`, for people.
"""

from __future__ import annotations

from collections.abc import Callable

from galaxy.master.jobs import Job
from galaxy.master.moves import at_wanted_version
from galaxy.master.pods import Pod
from galaxy.master.reconcile import held
from galaxy.master.refusals import refusals
from galaxy.protocol.types_pb2 import (
    PodState,
    kPodDeploying,
    kPodError,
    kPodFinish,
    kPodPending,
    kPodRunning,
    kPodStateUnset,
    kPodSuspend,
    kPodTerminate,
    kStageDeath,
    kStagePending,
    kStageRunning,
    kUpdateNormal,
    kUpdateReverting,
    kUpdateSuspend,
)


def remarks(job: Job, now: float) -> list[str]:
    """Everything but who waits for a machine, in order."""
    return [said for remark in REMARKS if (said := remark(job, now))]


def first_unwell(job: Job) -> Pod | None:
    """Of those on a machine and not healthy, the one that is spoken of; None: there is none."""
    if job.tally.stages[kStageRunning] == job.tally.healthy:
        return None
    return next(pod for pod in job.pods.values() if pod.stage == kStageRunning and not pod.healthy)


def are(count: int) -> str:
    """One is, several are."""
    return "is" if count == 1 else "are"


def runs(count: int) -> str:
    """One runs, several run."""
    return "runs" if count == 1 else "run"


def waits(count: int) -> str:
    """One waits, several wait."""
    return "waits" if count == 1 else "wait"


def _healthy(job: Job, _: float) -> str:
    count, wants = job.tally.healthy, held(job)
    if not count:
        return ""
    if wants == 1:
        return "its pod runs and is healthy"
    who = f"all {wants} pods run" if count == wants else f"{count} of {wants} {runs(count)}"
    return f"{who} and {are(count)} healthy"


def _on_their_way(job: Job, _: float) -> str:
    first = first_unwell(job)
    if first is None:
        return ""
    count = job.tally.stages[kStageRunning] - job.tally.healthy
    return f"{count} {are(count)} on a machine and not healthy: {_where(first)}"


def _leaving(job: Job, _: float) -> str:
    count = job.tally.stages[kStageDeath]
    if not count:
        return ""
    first = next(pod for pod in job.pods.values() if pod.stage == kStageDeath)
    return f"{count} {'leaves its' if count == 1 else 'leave their'} machine: {first.reason}"


def _claiming(job: Job, _: float) -> str:
    claimed = [index for each in job.versions for index in each.claimed & each.pending]
    if not claimed:
        return ""
    return f"{len(claimed)} {waits(len(claimed))}: {job.pods[min(claimed)].reason}"


def _resting(job: Job, now: float) -> str:
    tries = [setback.until for index, setback in job.setbacks.items() if _rests(job, index)]
    if not tries:
        return ""
    soon = max(0.0, min(tries) - now)
    return f"{len(tries)} {waits(len(tries))} after failures, the next try is in {soon:.0f} s"


def _rests(job: Job, index: int) -> bool:
    pod = job.pods.get(index)
    return pod is not None and pod.stage == kStagePending and index not in pod.version.pending


def _refused(job: Job, now: float) -> str:
    waiting = (version for version in job.versions if version.pending)
    refused = [each for version in waiting for each in refusals(version, now)]
    if not refused:
        return ""
    agent, last = max(refused, key=lambda each: each[1].until)
    again = f"is asked again in {last.until - now:.0f} s"
    return f"agent {agent.endpoint} refused one, and {again}: {last.reason}"


def _updating(job: Job, _: float) -> str:
    version, update = job.latest.name, job.update
    if update.state == kUpdateNormal:
        return f"{at_wanted_version(job)} of {held(job)} are at version {version}"
    if update.state == kUpdateSuspend:
        return f"its update to version {version} is held: {update.reason}"
    if update.state == kUpdateReverting:
        return f"it goes back to version {version}: {update.reason}"
    return ""


def _ended_slots(job: Job, _: float) -> str:
    parts = []
    if job.finished:
        parts.append(f"{len(job.finished)} of {job.replica} have finished")
    if job.failed:
        why = f": {job.evidence}" if job.evidence else ""
        parts.append(f"{len(job.failed)} of {job.replica} have failed{why}")
    return ", ".join(parts)


def _where(pod: Pod) -> str:
    endpoint = pod.agent.endpoint if pod.agent is not None else "nowhere"
    return f"pod {pod.index} on {endpoint} {does(pod.state)}"


def does(state: PodState) -> str:
    """What a pod in that state does, also in one that its agent's release has and ours has not."""
    return STATES.get(state) or f"is in a state that this master does not know ({state})"


STATES: dict[PodState, str] = {
    kPodStateUnset: "was not taken by its agent yet",
    kPodPending: "was taken, and nothing of it has started yet",
    kPodDeploying: "is being deployed",
    kPodRunning: "runs, and is not healthy yet",
    kPodTerminate: "is being stopped",
    kPodSuspend: "waits before its next start",
    kPodFinish: "has ended as it should",
    kPodError: "was given up by its agent",
}
"""What a pod does that has a machine and is not healthy, as the end of a sentence."""

REMARKS: tuple[Callable[[Job, float], str], ...] = (
    _healthy,
    _on_their_way,
    _leaving,
    _claiming,
    _resting,
    _refused,
    _updating,
    _ended_slots,
)
"""Each says nothing where there is nothing to say."""
