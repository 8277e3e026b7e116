"""
What of a reign moves: the updates that go on, the machines that are emptied. Pure.

Remembers both, so that nobody has to look for them; carries out what `moves`
says of a job; and looks once in a while for what time alone brings.
"""

from __future__ import annotations

from attrs import define, field

from galaxy.master.agents import Agent
from galaxy.master.events import Journal
from galaxy.master.jobs import Job
from galaxy.master.moves import moves
from galaxy.master.pods import Event, Pod, change, renew, retarget
from galaxy.master.progress import overdue
from galaxy.master.rollout import MOVING

WATCH_S = 1.0

LARGE = 1000
PODS_PER_SECOND = 100_000
"""Of an update that has LARGE pods or more to move, so many are looked at in a second."""


@define(eq=False)
class Movements:
    """The updates and the drains of one reign."""

    _updating: dict[Job, None] = field(factory=dict)
    _draining: dict[Agent, None] = field(factory=dict)
    _watched: float = 0.0  # when updates were last looked at
    _rests: dict[Job, float] = field(factory=dict)  # large ones, and when to look at them again

    def note(self, job: Job) -> None:
        """Remember whether an update of the job goes on."""
        if job.update.state in MOVING:
            self._updating[job] = None
        else:
            self.forget(job)

    def forget(self, job: Job) -> None:
        """The job is no more."""
        self._updating.pop(job, None)
        self._rests.pop(job, None)

    def heed(self, journal: Journal, agent: Agent) -> None:
        """Something of a machine has changed: perhaps whether it is to be emptied."""
        if agent.draining == (agent in self._draining):
            return
        if agent.draining:
            self._draining[agent] = None
            journal.jobs.update((pod.job, None) for pod in agent.pods)
        else:
            del self._draining[agent]

    def move(self, journal: Journal, job: Job, now: float) -> None:
        """Move what of the job is to move now."""
        if not (job.behind or self._draining) or self._is_resting(job, now):
            return
        todo = moves(job, self._draining, now)
        onwards = f"moves to version {job.latest.name}"
        for index in todo.retarget:
            retarget(journal, job.pods[index], now)
        for index in todo.renew:
            renew(journal, job.pods[index], onwards, now)
        for index in todo.leave:
            pod = job.pods[index]
            change(journal, pod, Event.LEAVES, _why_it_leaves(pod, onwards), now)

    def _is_resting(self, job: Job, now: float) -> bool:
        """Each of its pods may change at any time; not each time are all of them looked at."""
        if len(job.behind) < LARGE or job not in self._updating:
            return False
        if now < self._rests.get(job, 0.0):
            return True
        self._rests[job] = now + len(job.behind) / PODS_PER_SECOND
        return False

    def watch(self, journal: Journal, now: float) -> None:
        """Once a second, look for what time alone brings: pods that are late, machines back."""
        if now - self._watched < WATCH_S:
            return
        self._watched = now
        for job in self._updating:
            job.complaint = job.complaint or overdue(job, now)
            journal.jobs[job] = None


def _why_it_leaves(pod: Pod, otherwise: str) -> str:
    if pod.agent is None or not pod.agent.draining:
        return otherwise
    unwell = pod.agent.facts.unhealthy
    if pod.agent.ailing and unwell:
        return f"its machine is unwell: {unwell}"
    return "its machine is being emptied"
