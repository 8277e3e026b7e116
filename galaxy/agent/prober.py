"""
Asks the tasks that have health checks how they are, each in its turn.

What a check found is kept in memory only. That a task has passed is written down
with it (`Task.passed`), so that a new agent goes on from there: what was healthy
stays so until a check says otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.bell import Bell
from galaxy.agent.containers import IContainers
from galaxy.agent.health import Checks, HealthSpec, Judgement, Kind, judged, noted
from galaxy.agent.launch import Launcher
from galaxy.agent.probes import IProbes, late
from galaxy.agent.records import Phase, Pod, PodKey, Task
from galaxy.agent.remains.evidence import last_line
from galaxy.agent.specs import PodSpec
from galaxy.agent.steps import Execute, Process
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import Description
from galaxy.protocol.statuses import GalaxyError

SLACK_S = 5.0  # a command that is overdue is ended by its wrapper; later it is not waited for


@define(eq=False)
class _Patient:
    """A task that is asked."""

    pod: Pod
    description: Description
    number: int
    spec: HealthSpec
    checks: Checks
    bell: Bell
    phase: float
    touch: Callable[[], None]
    timer: IDelayedCall | None = None
    asking: Deferred[None] | None = None

    @property
    def container(self) -> str:
        return self.pod.key.container(self.number)

    def judge(self, now: float) -> Judgement:
        return judged(self.checks, self.spec, phase=self.phase, now=now)


class Prober:
    """Follows the tasks of this machine; `touch` is called when a check is news of a pod."""

    _log = Logger()

    def __init__(
        self,
        probes: IProbes,
        containers: IContainers,
        launcher: Launcher,
        workspaces: Workspaces,
        clock: IReactorTime,
    ) -> None:
        self._probes = probes
        self._containers = containers
        self._launcher = launcher
        self._workspaces = workspaces
        self._clock = clock
        self._patients: dict[str, _Patient] = {}

    def follow(
        self, pod: Pod, description: Description, spec: PodSpec, touch: Callable[[], None]
    ) -> None:
        """Ask the tasks of a pod that are to be asked, and no others."""
        for number, (task, task_spec) in enumerate(zip(pod.tasks, spec.tasks, strict=True)):
            container = pod.key.container(number)
            known = self._patients.get(container)
            wanted = task_spec.health if _is_asked(task) else None
            if known is not None and (wanted is None or known.checks.attempt != task.attempt):
                self._drop(container)
            if wanted is None or container in self._patients:
                continue
            patient = self._patients[container] = _Patient(
                pod,
                description,
                number,
                wanted,
                Checks(task.attempt, task.passed),
                Bell(self._clock),
                zlib.crc32(container.encode()) / 2**32,
                touch,
            )
            self._ask_later(patient)

    def checks(self, container: str) -> Checks | None:
        """What is known of a task; None: it is not asked."""
        patient = self._patients.get(container)
        return None if patient is None else patient.checks

    def changed(self, containers: Iterable[str] | None) -> None:
        """Processes changed; None: any may have."""
        for container in list(self._patients if containers is None else containers):
            patient = self._patients.get(container)
            if patient is not None and patient.asking is not None:
                patient.bell.ring()

    def forget(self, key: PodKey, tasks: int) -> None:
        """Ask a pod no more."""
        for number in range(tasks):
            self._drop(key.container(number))

    def stop(self) -> None:
        """Ask nobody any more."""
        for container in list(self._patients):
            self._drop(container)

    def _drop(self, container: str) -> None:
        patient = self._patients.pop(container, None)
        if patient is None:
            return
        if patient.timer is not None and patient.timer.active():
            patient.timer.cancel()
        if patient.asking is not None:
            patient.asking.cancel()

    def _ask_later(self, patient: _Patient) -> None:
        patient.asking = None
        if self._patients.get(patient.container) is patient:
            now = self._clock.seconds()
            wait_s = patient.judge(now).next_check_at - now
            patient.timer = self._clock.callLater(wait_s, self._begin, patient)

    def _begin(self, patient: _Patient) -> None:
        patient.asking = Deferred.fromCoroutine(self._ask(patient))
        patient.asking.addErrback(self._not_asked, patient)

    def _not_asked(self, failure: Failure, patient: _Patient) -> None:
        if not failure.check(CancelledError):
            self._log.failure("{container} is not checked", failure, container=patient.container)
            self._ask_later(patient)

    async def _ask(self, patient: _Patient) -> None:
        failure = await self._probe(patient)
        if failure is not None:
            self._note(patient, failure)
        self._ask_later(patient)

    def _note(self, patient: _Patient, failure: str) -> None:
        now = self._clock.seconds()
        started = patient.pod.tasks[patient.number].start_time
        before, known = patient.judge(now), patient.checks
        patient.checks = noted(known, patient.spec, failure, started=started, now=now)
        after = patient.judge(now)
        told = before.healthy and after.healthy
        if not told and (before != after or known.why != patient.checks.why):
            patient.touch()

    async def _probe(self, patient: _Patient) -> str | None:
        """How a check failed; "" if it passed, None if that is not known."""
        spec = patient.spec
        if spec.kind is Kind.COMMAND:
            return await self._command(patient)
        port = _port(patient.pod, spec.what)
        if port is None:
            return f"the pod has no port {spec.what!r}"
        if spec.kind is Kind.TCP:
            return await self._probes.tcp(port, spec.timeout_s)
        return await self._probes.http(port, spec.path, spec.timeout_s)

    async def _command(self, patient: _Patient) -> str | None:
        begun = self._clock.seconds()
        name = f"health.{int(begun * 1000)}"  # a name runs once, also under the next agent
        places = self._workspaces.places(patient.pod.home)
        said = places.health(patient.number)
        step = Execute(patient.number, name)
        request = self._launcher.request(patient.pod, patient.description, step, places, None)
        for ended in self._ended_checks(patient):
            self._containers.forget(patient.container, ended)
        patient.bell.silence()
        try:
            said.unlink(missing_ok=True)
            await self._containers.execute(request)
        except (OSError, GalaxyError) as error:
            self._log.debug("{name} was not run: {error}", name=name, error=error)
            return None
        last_s = begun + patient.spec.timeout_s + SLACK_S
        while (process := self._processes(patient).get(name)) is not None and process.end is None:
            left_s = last_s - self._clock.seconds()
            if left_s <= 0:
                return late(patient.spec.timeout_s)
            await patient.bell.wait(left_s)
        if process is None:  # gce is gone, or has forgotten
            return None
        assert process.end is not None
        if process.end.well:
            return ""
        if self._clock.seconds() - begun >= patient.spec.timeout_s:
            return late(patient.spec.timeout_s)
        return f"it {process.end}: {last_line(said).strip()}".rstrip(": ")

    def _processes(self, patient: _Patient) -> Mapping[str, Process]:
        return (self._containers.picture or {}).get(patient.container, {})

    def _ended_checks(self, patient: _Patient) -> list[str]:
        """The names of checks that are over; nobody needs them any more."""
        return [
            name
            for name, process in self._processes(patient).items()
            if name.startswith("health.") and process.end is not None
        ]


def _is_asked(task: Task) -> bool:
    return task.phase is Phase.RUNNING and task.seen and not task.unwell


def _port(pod: Pod, what: str) -> int | None:
    """A port by its name in the requirement, or by its number."""
    named = dict(pod.ports).get(what)
    return int(what) if named is None and what.isdecimal() else named
