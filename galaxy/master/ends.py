"""
What it means that a pod has ended, by the restart policy of its job. Pure.

A slot that ends for good is first written down (`scribe`), then believed
(`finish`), and only then is its agent told to forget it. Law: what has ended
never runs again.
"""

from __future__ import annotations

from collections.abc import Iterable

from galaxy import names
from galaxy.master.backoff import longest_wait_s, setback
from galaxy.master.events import Journal
from galaxy.master.jobs import Job
from galaxy.master.pods import Event, Pod, change
from galaxy.protocol.agent_pb2 import PodGroup
from galaxy.protocol.types_pb2 import (
    kPodError,
    kPodFinish,
    kPodTerminate,
    kStageDeath,
    kStagePending,
    kStageRunning,
)


def merge_end(
    journal: Journal, pod: Pod, group: PodGroup, ended: dict[Job, list[int]], now: float
) -> None:
    """
    Take in that a pod has ended, as the group says.

    If that is the end of its slot, the index goes to `ended`: it is to be written
    down before anything else. Otherwise the pod leaves, to be placed again.
    """
    job = pod.job
    if job.ends and _ends_slot(pod, group):
        if pod.stage in {kStageRunning, kStageDeath} and pod.index not in job.finishing:
            job.finishing.add(pod.index)
            if group.state == kPodError:
                job.failing[pod.index] = group.reason or "its agent gave it up"
                job.complain(pod, job.failing[pod.index])
            if pod.agent is not None:
                # Not before it is on record, though it was to be stopped.
                pod.agent.kills.discard((job.job_id, pod.index, pod.incarnation))
            ended.setdefault(job, []).append(pod.index)
        return
    if pod.stage != kStageRunning:
        return
    if group.state == kPodTerminate:
        reason = group.reason or "its agent is stopping it"
    else:
        finished = "its tasks have ended, and the job is to be kept running"
        reason = finished if group.state == kPodFinish else group.reason or "its agent gave it up"
        job.complain(pod, reason)
        reason = _set_back(pod, reason, now)
    change(journal, pod, Event.LEAVES, reason, now, "agent")


def _ends_slot(pod: Pod, group: PodGroup) -> bool:
    """Whether this end is one for good. A pod that fails while it is stopped has not failed."""
    return group.state == kPodFinish or (group.state == kPodError and pod.stage == kStageRunning)


def _set_back(pod: Pod, reason: str, now: float) -> str:
    """Have the slot wait before it is placed again; the reason, with how long that is."""
    setbacks = pod.job.setbacks
    slot = names.pod_id(pod.job.job_id, pod.index)
    noted = setbacks[pod.index] = setback(setbacks.get(pod.index), slot, pod.sched_time, now)
    wait_s = longest_wait_s(noted.count)
    times = f"{noted.count} times in a row: " if noted.count > 1 else ""
    return f"{times}{reason}; it is placed again within {wait_s:.0f} s"


def finish(journal: Journal, job: Job, indexes: Iterable[int], now: float) -> None:
    """These indexes are on record as ended: their agents may forget them."""
    indexes = job.finishing.intersection(indexes)  # two records may tell of one
    job.evidence = job.evidence or evidence(job, indexes)
    for index in sorted(indexes):
        job.finishing.discard(index)
        failure = job.failing.pop(index, None)
        if failure is None:
            job.finished.add(index)
            reason = "all its tasks are done"
        else:
            job.failed.add(index)
            reason = f"given up: {failure}"
        job.setbacks.pop(index, None)
        job.beyond += index >= job.replica
        pod = job.pods.get(index)
        if pod is None:
            continue
        if pod.stage == kStagePending:
            change(journal, pod, Event.STOPPED, reason, now, "agent")
        elif pod.stage in {kStageRunning, kStageDeath}:
            change(journal, pod, Event.DONE, reason, now, "agent")
    journal.jobs[job] = None


def evidence(job: Job, indexes: Iterable[int]) -> str:
    """What is to be kept of the first of these indexes that fails; empty: none does."""
    first = min((index for index in indexes if index in job.failing), default=None)
    return f"index {first} has failed: {job.failing[first]}" if first is not None else ""
