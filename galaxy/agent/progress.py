"""
What is being done for one pod: the step in hand of each task, what came of the last, when to wake.

None of it is written down, and none need be: a step that was lost is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.reconcile import Plan
from galaxy.agent.steps import Fetch, Outcome, Step

RETRY_S = 1.0

CarryOut = Callable[[Step], Coroutine[Deferred[Any], Any, Outcome | None]]


@define
class _Doing:
    """A step that is being carried out."""

    step: Step
    work: Deferred[Outcome | None]


class Progress:
    """
    Follows the plans for one pod; `touch` is called when there is reason for another.

    A task has one step in hand at a time. Only a fetch is given up for another step;
    any other is waited for, since what it did could not be told otherwise.
    """

    _log = Logger()

    def __init__(self, name: str, touch: Callable[[], None], clock: IReactorTime) -> None:
        self.outcomes: dict[Step, Outcome] = {}
        self._name = name
        self._touch = touch
        self._clock = clock
        self._doing: dict[int, _Doing] = {}
        self._wake: IDelayedCall | None = None
        self._over = False

    def follow(self, plan: Plan, carry_out: CarryOut) -> None:
        """Begin the steps that are next, give up those that no longer are, wake when it is time."""
        wanted = {step.number: step for step in plan.steps}
        self.outcomes = {
            step: outcome
            for step, outcome in self.outcomes.items()
            if wanted.get(step.number) == step
        }
        for number, doing in list(self._doing.items()):
            if isinstance(doing.step, Fetch) and wanted.get(number) != doing.step:
                doing.work.cancel()
        for number, step in wanted.items():
            if number not in self._doing and step not in self.outcomes:
                self._begin(step, carry_out)
        self._sleep()
        if plan.wake_at is not None:
            wait_s = max(0.001, plan.wake_at - self._clock.seconds())
            self._wake = self._clock.callLater(wait_s, self._touch)

    def distrust(self) -> None:
        """Forget what gce said of steps: a new one may not know what the last was told."""
        self.outcomes = {
            step: outcome for step, outcome in self.outcomes.items() if isinstance(step, Fetch)
        }

    def end(self) -> None:
        """Follow no more plans; give up what is in hand."""
        self._over = True
        self._sleep()
        for doing in list(self._doing.values()):
            doing.work.cancel()

    def _sleep(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    def _begin(self, step: Step, carry_out: CarryOut) -> None:
        work = Deferred.fromCoroutine(carry_out(step))
        self._doing[step.number] = _Doing(step, work)
        work.addBoth(self._ended, step)

    def _ended(self, result: Outcome | Failure | None, step: Step) -> None:
        del self._doing[step.number]
        if self._over:
            return
        if isinstance(result, Failure):
            if not result.check(CancelledError):
                self._log.failure("{step} of {pod}", result, step=step, pod=self._name)
            result = None
        if result is None:
            self._clock.callLater(RETRY_S, self._touch)
        else:
            self.outcomes[step] = result
            self._touch()
