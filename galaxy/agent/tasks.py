"""
The task machine: what is read from sight, and the moves of `galaxy.agent.moves` it leads to.

`advance` takes a task as far as what is observed allows; `next_step` then
says what is to be done for it. Both are pure and are called by
`galaxy.agent.reconcile` alone.

Note: seen and not seen
    A process is wanted by a record first and started second. When gce's picture,
    which is complete, lacks it, then either it has yet to be started, or it was
    lost with all of gce's memory (the machine rebooted). `Task.seen` tells the two
    apart: it is written down as soon as the process has been observed. A lost
    process counts as a failed attempt; starting it under the same name would run
    an attempt twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from attrs import evolve, frozen

from galaxy.agent.health import judged
from galaxy.agent.moves import Event, moved
from galaxy.agent.records import End, Phase, Task
from galaxy.agent.restarts import Again, Finished, GivenUp, Verdict, deploy_verdict, verdict
from galaxy.agent.specs import Deploying, TaskSpec
from galaxy.agent.steps import (
    Done,
    Execute,
    Failed,
    Fetch,
    Life,
    Process,
    Remove,
    Sight,
    Step,
    Stop,
    Sweep,
)

STOP_PROCESS = "stop"
DEPLOY_GRACE_S = 2.0  # from TERM to KILL, for what has had its time


@frozen
class Around:
    """All that a task's next move depends on, besides its record."""

    number: int
    spec: TaskSpec
    sight: Sight
    stopping: bool
    now: float
    rng: Random
    excess: str = ""  # why its pod is given up here

    def done(self, step: Step) -> bool:
        """Whether a step was carried out."""
        return isinstance(self.sight.outcomes.get(step), Done)


def process_name(task: Task) -> str:
    """The name of the process that the phase is about; "" if it is about none."""
    if task.phase is Phase.DEPLOYING:
        return f"deploy.{task.tries}"
    if task.phase is Phase.STOPPING:
        return STOP_PROCESS
    return main_name(task) if task.phase is Phase.RUNNING else ""


def main_name(task: Task) -> str:
    """The name of the main process of the present attempt."""
    return f"main.{task.attempt}"


def advance(task: Task, around: Around) -> Task:
    """The task after all that has happened to it, moves and notes alike."""
    while True:
        after = _next(task, around)
        if after == task:
            return task
        task = after


def next_step(task: Task, number: int, sight: Sight) -> Step | None:
    """What is to be done for the task now; at most one thing at a time."""
    if task.phase is Phase.FETCHING:
        return Fetch(number)
    if task.phase is Phase.KILLING:
        return Stop(number, task.stop_deadline)
    if task.phase is Phase.REMOVING:
        return Remove(number)
    if task.unwell:
        return Stop(number, task.stop_deadline)
    name = process_name(task)
    if name:
        return None if task.seen or name in sight.processes else Execute(number, name)
    return None if task.swept else Sweep(number, task.attempt)


def wake_at(task: Task) -> float | None:
    """When the task must be looked at again though nothing happened; None: never."""
    if task.phase in (Phase.WAITING, Phase.RETRYING):
        return task.next_try if task.swept else None  # the end of the sweep is heard of
    if task.phase in _BOUNDED and not task.unwell:
        return task.deploy_deadline
    return task.stop_deadline if task.phase is Phase.STOPPING else None


def _next(task: Task, around: Around) -> Task:
    """The task after at most one move."""
    if not task.swept and around.done(Sweep(around.number, task.attempt)):
        return evolve(task, swept=True)
    if task.phase in _BOUNDED and not task.deploy_deadline:  # an earlier release wrote none
        return evolve(task, deploy_deadline=around.now + around.spec.deploy_timeout_s)
    if around.stopping and task.phase not in _LEAVING:
        return _leave(task, around)
    if around.excess and task.phase in _BEFORE_ITS_END:
        return _give_up(task, around)
    return _IN_PHASE[task.phase](task, around)


def _begin(task: Task, around: Around) -> Task:
    if around.spec.deploying is Deploying.NOTHING:
        return _start(task, Event.RUN)
    task = evolve(
        task,
        tries=task.tries + 1,
        deploy_time=task.deploy_time or around.now,
        deploy_deadline=around.now + around.spec.deploy_timeout_s,
    )
    packaged = around.spec.deploying is Deploying.PACKAGE
    return _start(task, Event.FETCH if packaged else Event.DEPLOY)


def _start(task: Task, event: Event) -> Task:
    return evolve(moved(task, event), seen=False, next_try=0.0, reason="", passed=False)


def _fetching(task: Task, around: Around) -> Task:
    outcome = around.sight.outcomes.get(Fetch(around.number))
    if outcome is None and around.now >= task.deploy_deadline:
        outcome = Failed(f"could not be deployed: {_too_long(around)} to fetch")
    if outcome is None:
        return task
    if isinstance(outcome, Done):
        return _start(task, Event.DEPLOY)
    return _after_failed_deploy(task, around, outcome)


def _deploying(task: Task, around: Around) -> Task:
    process = _look(task, around)
    if process is None:
        return task
    if process.end is None:
        return _hurried(evolve(task, seen=True), around)
    if process.end.well:
        return _start(evolve(task, unwell=""), Event.RUN)
    told = task.unwell or _quoting(f"it {process.end}", process.end)
    task = evolve(task, end=process.end, swept=False, unwell="")
    return _after_failed_deploy(task, around, Failed(f"could not be deployed: {told}"))


def _hurried(task: Task, around: Around) -> Task:
    """The task whose deployment goes on, after a look at the time."""
    if task.unwell or around.now < task.deploy_deadline:
        return task
    late = _too_long(around)
    return evolve(task, unwell=late, reason=late, stop_deadline=around.now + DEPLOY_GRACE_S)


def _too_long(around: Around) -> str:
    return f"it took longer than the {around.spec.deploy_timeout_s:g} s it has"


def _retrying(task: Task, around: Around) -> Task:
    return _begin(task, around) if around.now >= task.next_try and task.swept else task


def _running(task: Task, around: Around) -> Task:
    process = _look(task, around)
    if process is None or process.life is Life.STARTING:
        return task
    started = process.start_time or task.start_time
    end = process.end
    if end is None:
        return _checked(evolve(task, seen=True, start_time=started), around)
    ran_s = (end.time or around.now) - started if started and not end.failure else 0.0
    if task.unwell:
        end = evolve(end, failure=task.unwell)
    follows = verdict(
        around.spec,
        end,
        ran_s=ran_s,
        restarts=task.restarts,
        streak=task.streak,
        now=around.now,
        rng=around.rng,
    )
    task = evolve(task, start_time=started, end=end, swept=False, passed=False, unwell="")
    if isinstance(follows, Again):
        task = evolve(task, streak=follows.streak)
    return _after(task, follows, str(end), end)


def _checked(task: Task, around: Around) -> Task:
    """The task whose process runs, after what its health checks say."""
    check, checks = around.spec.health, around.sight.checks
    if check is None or checks is None or checks.attempt != task.attempt or task.unwell:
        return task
    health = judged(checks, check, phase=0.0, now=around.now)
    if not health.restart:
        reason = "" if health.healthy or not checks.why else f"health check: {checks.why}"
        return evolve(task, passed=health.healthy, reason=reason)
    return evolve(
        task,
        passed=False,
        unwell=health.restart,
        reason=health.restart,
        stop_deadline=around.now + around.spec.stop_timeout_s,
    )


def _waiting(task: Task, around: Around) -> Task:
    if around.now < task.next_try or not task.swept:
        return task
    again = evolve(task, attempt=task.attempt + 1, restarts=task.restarts + 1)
    return _start(again, Event.RUN)


def _stopping(task: Task, around: Around) -> Task:
    main = around.sight.processes.get(main_name(task))
    command = _look(task, around)
    if main is None or main.end is not None:
        return moved(task, Event.KILL)
    if (command is not None and command.end is not None) or around.now >= task.stop_deadline:
        return moved(task, Event.KILL)
    return task if command is None else evolve(task, seen=True)


def _killing(task: Task, around: Around) -> Task:
    if not around.done(Stop(around.number, task.stop_deadline)):
        return task
    main = around.sight.processes.get(main_name(task))
    last = main.end if main is not None else None
    return evolve(moved(task, Event.REMOVE), end=last or task.end)


def _removing(task: Task, around: Around) -> Task:
    return moved(task, Event.REMOVED) if around.done(Remove(around.number)) else task


def _stay(task: Task, _around: Around) -> Task:
    return task


_IN_PHASE: Mapping[Phase, Callable[[Task, Around], Task]] = {
    Phase.NEW: _begin,
    Phase.FETCHING: _fetching,
    Phase.DEPLOYING: _deploying,
    Phase.RETRYING: _retrying,
    Phase.RUNNING: _running,
    Phase.WAITING: _waiting,
    Phase.FINISHED: _stay,
    Phase.FAILED: _stay,
    Phase.STOPPING: _stopping,
    Phase.KILLING: _killing,
    Phase.REMOVING: _removing,
    Phase.GONE: _stay,
}

_LEAVING = frozenset({Phase.STOPPING, Phase.KILLING, Phase.REMOVING, Phase.GONE})
_WITH_PROCESS = frozenset({Phase.DEPLOYING, Phase.RUNNING})
_BEFORE_ITS_END = _WITH_PROCESS | {Phase.NEW, Phase.FETCHING, Phase.RETRYING, Phase.WAITING}
_BOUNDED = frozenset({Phase.FETCHING, Phase.DEPLOYING})


def _leave(task: Task, around: Around) -> Task:
    if task.at_rest:
        return moved(task, Event.REMOVE)
    main = around.sight.processes.get(main_name(task))
    alive = main is not None and main.end is None
    deadline = around.now + around.spec.stop_timeout_s
    task = evolve(task, stop_deadline=deadline, passed=False, unwell="")
    if task.phase is Phase.RUNNING and around.spec.has_stop_command and alive:
        return evolve(moved(task, Event.STOP), seen=False)
    return moved(task, Event.KILL)


def _give_up(task: Task, around: Around) -> Task:
    """The task of a pod that is given up: what runs is ended first, and not restarted."""
    if task.phase not in _WITH_PROCESS:
        return evolve(moved(task, Event.GIVE_UP), unwell="", reason=around.excess)
    if task.unwell != around.excess:
        return evolve(
            task,
            unwell=around.excess,
            reason=around.excess,
            passed=False,
            stop_deadline=around.now,
        )
    if not around.done(Stop(around.number, task.stop_deadline)):
        return task
    process = around.sight.processes.get(process_name(task))
    end = task.end if process is None or process.end is None else process.end
    return evolve(moved(task, Event.GIVE_UP), unwell="", passed=False, end=end)


def _after_failed_deploy(task: Task, around: Around, failure: Failed) -> Task:
    follows = deploy_verdict(failure, tries=task.tries, now=around.now, rng=around.rng)
    return _after(task, follows, failure.reason)


def _after(task: Task, follows: Verdict, reason: str, end: End | None = None) -> Task:
    """The task after an attempt to deploy or to run it has ended."""
    match follows:
        case Again(time=time):
            return evolve(moved(task, Event.AGAIN), next_try=time, reason=_quoting(reason, end))
        case Finished():
            return evolve(moved(task, Event.FINISH), reason="")
        case GivenUp(reason=why):
            return evolve(moved(task, Event.GIVE_UP), reason=_quoting(why, end))


def _quoting(reason: str, end: End | None) -> str:
    """A reason with what the process said last, if that is known."""
    quotable = end is not None and end.said and not end.failure
    return f"{reason}: {end.said[-1].strip()}" if end is not None and quotable else reason


def _look(task: Task, around: Around) -> Process | None:
    """The process of the phase; one that is lost, or was refused, as ended. None: wait."""
    name = process_name(task)
    if name in around.sight.processes:
        return around.sight.processes[name]
    if task.seen:
        lost = "was lost: the container engine knows nothing of it (did the machine restart?)"
        return Process(Life.ENDED, end=End(time=around.now, failure=lost))
    outcome = around.sight.outcomes.get(Execute(around.number, name))
    if isinstance(outcome, Failed):
        return Process(Life.ENDED, end=End(time=around.now, failure=outcome.reason))
    return None
