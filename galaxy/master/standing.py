"""
How it stands with a job or a pod, and why it is not further. Pure.

What the master knows alone comes first: states, safe mode, deploy_step. What only
machines can answer (where is room, who lacks the label) a scheduler is asked
for: `waiting` are the groups to ask about, `sentence` puts both together.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from galaxy.master.backoff import Setback
from galaxy.master.cluster import Cluster
from galaxy.master.jobs import Job
from galaxy.master.pods import Pod
from galaxy.master.queue import offers, pending_group
from galaxy.master.reconcile import held
from galaxy.master.remarks import are, does, remarks, waits
from galaxy.protocol.agent_pb2 import PodStatus
from galaxy.protocol.master_pb2 import PendingGroup
from galaxy.protocol.scheduler_pb2 import DryRunResponse
from galaxy.protocol.types_pb2 import (
    kJobFailed,
    kJobFinished,
    kJobNormal,
    kJobSuspended,
    kJobTerminated,
    kStageDeath,
    kStageFinished,
    kStagePending,
    kStageRemoved,
    kStageRunning,
    kSystem,
)


@frozen
class Standing:
    """
    What the master can say alone.

    `subject`: who waits for a machine, if anybody does. They wait for `withheld`, or,
    when that is empty, for what a scheduler says of `waiting`. `besides`: all else.
    """

    subject: str = ""
    withheld: str = ""
    waiting: tuple[PendingGroup, ...] = ()
    besides: tuple[str, ...] = ()


def sentence(standing: Standing, advice: DryRunResponse | str) -> str:
    """One sentence for people. `advice`: a scheduler's answer, or why there is none."""
    parts = list(standing.besides)
    if standing.subject:
        why = standing.withheld or _places(advice)
        parts.insert(0, f"{standing.subject}: {why}")
    return "; ".join(parts)


def standing_of_job(
    cluster: Cluster, job: Job, now: float, status: PodStatus | None = None
) -> Standing:
    """How it stands with a job as a whole; `status`: what is said of its `first_unwell`."""
    if job.state != kJobNormal:
        return Standing(besides=(_ENDED[job.state](job),))
    ready = sum(len(version.pending - version.claimed) for version in job.versions)
    besides = remarks(job, now)
    if status is not None and (parts := _from_its_agent(status, now)):
        besides.append(f"the agent of pod {status.index} says: {': '.join(parts)}")
    if not cluster.is_complete(job) and not cluster.safe_mode.on:
        besides.append(f"{len(cluster.awaited)} agents that may have pods of it are silent")
    if ready:
        who = f"{ready} of {held(job)} pods {waits(ready)}" if held(job) > 1 else "its pod waits"
        who += " for a machine"
        return Standing(who, _withheld(cluster, job), _offered(job, now), tuple(besides))
    if cluster.safe_mode.on:
        besides.append(_safe_mode(cluster))
    if not besides and job.type == kSystem:
        besides.append("it runs one pod on every machine that matches, and none does")
    return Standing(besides=tuple(besides) or ("it wants no pods at the moment",))


def standing_of_pod(cluster: Cluster, pod: Pod, status: PodStatus | None, now: float) -> Standing:
    """How it stands with one pod; `status` as its agent says, if it was asked and answered."""
    job = pod.job
    if pod.stage != kStagePending:
        return Standing(besides=(_STAGES[pod.stage](pod, status, now),))
    if job.state != kJobNormal:
        return Standing(besides=(_ENDED[job.state](job),))
    if pod.index in pod.version.claimed:
        return Standing(besides=(f"it waits for a machine: {pod.reason}",))
    before = (f"before that: {pod.reason}",) if pod.reason else ()
    setback = job.setbacks.get(pod.index)
    if setback is not None and pod.index not in pod.version.pending:
        return Standing("it waits", _rest(setback, now), besides=before)
    group = pending_group(job, pod.version, 1, now)
    return Standing("it waits for a machine", _withheld(cluster, job), (group,), before)


def _places(advice: DryRunResponse | str) -> str:
    if isinstance(advice, str):
        return advice
    reasons = dict.fromkeys(one.reason for one in advice.unplaced)
    return "; ".join(reasons) or "there is room, and a scheduler will use it in a moment"


def _offered(job: Job, now: float) -> tuple[PendingGroup, ...]:
    return tuple(pending_group(job, version, count, now) for version, count in offers(job) if count)


def _withheld(cluster: Cluster, job: Job) -> str:
    """Why the master itself lets none of the job's waiting pods be placed; empty: it does."""
    if cluster.safe_mode.on:
        return _safe_mode(cluster)
    if not any(count for _version, count in offers(job)):
        moving = job.in_motion()
        return f"its deploy_step is {job.deploy_step}, and {moving} {are(moving)} in motion"
    return ""


def _rest(setback: Setback, now: float) -> str:
    times = "once" if setback.count == 1 else f"{setback.count} times in a row"
    return f"it was given up {times}, and is tried again in {max(0.0, setback.until - now):.0f} s"


def _safe_mode(cluster: Cluster) -> str:
    return f"the cluster is in safe mode and starts nothing: {cluster.safe_mode.reason}"


def _running(pod: Pod, status: PodStatus | None, now: float) -> str:
    assert pod.agent is not None
    if pod.healthy:
        return f"it runs on {pod.agent.endpoint} and is healthy"
    parts = [f"it is on {pod.agent.endpoint} and {does(pod.state)}"]
    if status is not None:
        parts.extend(_from_its_agent(status, now))
    return ": ".join(parts)


def _from_its_agent(status: PodStatus, now: float) -> list[str]:
    reason = status.reason or next((task.reason for task in status.tasks if task.reason), "")
    tries = [task.next_try_time for task in status.tasks if task.next_try_time > now]
    parts = [reason] if reason else []
    if tries:
        parts.append(f"next try in {min(tries) - now:.0f} s")
    return parts


_ENDED: dict[int, Callable[[Job], str]] = {
    kJobSuspended: lambda job: f"the job is suspended: galaxy resume {job.name} lets it go on",
    kJobFinished: lambda _: "the job has finished: every index is done",
    kJobFailed: lambda job: f"the job has failed: {job.reason}",
    kJobTerminated: lambda job: (
        f"the job was terminated; {len(job.pods)} of its pods {are(len(job.pods))} being stopped"
    ),
}

_STAGES: dict[int, Callable[[Pod, PodStatus | None, float], str]] = {
    kStageRunning: _running,
    kStageDeath: lambda pod, *_: f"it leaves its machine, to be placed again: {pod.reason}",
    kStageRemoved: lambda pod, *_: f"it is being stopped for good: {pod.reason}",
    kStageFinished: lambda *_: "it did what it was for, and is being cleared away",
}
